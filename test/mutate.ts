/**
 * Changes one named number of runtime/ after the other and runs the tests that are nearest to it: `npm run test:mutate`.
 * A change that no test notices survives. Everything happens in a copy of the repository.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { progressBar } from "../runtime/cli/progress.ts";
import { findConstants, mutationsOf, type Mutation } from "./mutate/constants.ts";
import { Copy } from "./mutate/copy.ts";
import { nearestTests } from "./mutate/nearest.ts";

const HELP = `npm run test:mutate -- [options]

  --only <path>   only the constants of files whose path begins so (again for more)
  --share <0..1>  only this share of the mutations, chosen by chance
  --seed <text>   repeats that choice
  --list          shows the mutations and their tests, and runs nothing
  --json          prints the result for programs
  --help          shows this

The exit code is 1 when a mutation survived, or a test failed without one. An interruption shows what is known so far.`;
/** As of a process that SIGINT ends. */
const INTERRUPTED = 130;

const ROOT = resolve(import.meta.dirname, "..");
const NOT_MUTATED = /^runtime\/(sandbox|cli\/demo|ui)\//;
interface Planned extends Mutation {
  /** The nearest first. */
  tests: string[];
}

/** What is to be run, in which order. */
function plan(only: readonly string[], share: number, seed: string): Planned[] {
  const paths = globSync("{runtime,test}/**/*.ts", { cwd: ROOT }).sort();
  const files = new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
  const sources = [...files].filter(([path]) => path.startsWith("runtime/") && !NOT_MUTATED.test(path));
  const mutations = findConstants(new Map(sources))
    .filter(({ file }) => only.length === 0 || only.some((path) => file.startsWith(path)))
    .flatMap(mutationsOf);
  const lot = (mutation: Mutation): string =>
    createHash("sha256")
      .update(`${seed} ${title(mutation)}`)
      .digest("hex");
  const chosen = new Set(
    [...mutations].sort((a, b) => (lot(a) < lot(b) ? -1 : 1)).slice(0, Math.ceil(share * mutations.length)),
  );
  const tests = new Map<string, string[]>();
  for (const { file } of chosen) if (!tests.has(file)) tests.set(file, nearestTests(file, files));
  return mutations
    .filter((mutation) => chosen.has(mutation))
    .map((mutation) => ({ ...mutation, tests: tests.get(mutation.file)! }));
}

const title = ({ file, line, name, expression, change }: Mutation): string =>
  `${file}:${line} ${name} = ${expression} ${change}`;

interface Report {
  seed: string;
  killed: number;
  /** With the tests that ran. */
  survivors: Planned[];
  /** Tests that fail without a mutation, and were left out. */
  broken: readonly string[];
}

/** Runs what is planned, until the signal. */
async function run(copy: Copy, planned: readonly Planned[], seed: string, signal: AbortSignal): Promise<Report> {
  const progress = progressBar("mutations");
  const report: Report = { seed, killed: 0, survivors: [], broken: copy.broken };
  for (const [index, mutation] of planned.entries()) {
    progress?.(index, planned.length);
    const tests = await copy.survives(mutation, mutation.tests);
    if (signal.aborted) break;
    if (tests === undefined) report.killed++;
    else report.survivors.push({ ...mutation, tests });
  }
  progress?.(planned.length, planned.length);
  return report;
}

function formatReport({ seed, killed, survivors, broken }: Report): string {
  return [
    ...(survivors.length > 0 ? [table(survivors)] : []),
    ...broken.map((test) => `${test} fails without a mutation and was left out.`),
    `${killed} killed, ${survivors.length} survived; seed ${seed}`,
  ].join("\n");
}

function table(mutations: readonly Planned[]): string {
  const rows = mutations.map(({ file, line, name, expression, change, tests }) => [
    `${file}:${line}`,
    name,
    `${expression} ${change}`,
    `${tests.length} ${tests.length === 1 ? "test file" : "test files"}, first ${tests[0] ?? "none"}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      share: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now()) },
      list: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return console.log(HELP);
  const share = Number(values.share);
  if (!(share > 0 && share <= 1)) throw new TypeError("--share must be a number above 0 and at most 1.");
  const planned = plan(values.only, share, values.seed);
  if (values.list) return console.log(values.json ? JSON.stringify(planned, null, 2) : table(planned));

  const copy = new Copy(ROOT);
  const interruption = new AbortController();
  const interrupt = (): void => {
    interruption.abort();
    void copy.stop();
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const report = await run(copy, planned, values.seed, interruption.signal);
    console.log(values.json ? JSON.stringify(report, null, 2) : formatReport(report));
    if (report.survivors.length + report.broken.length > 0) process.exitCode = 1;
    if (interruption.signal.aborted) process.exitCode = INTERRUPTED;
  } finally {
    copy.remove();
  }
}

await main();
