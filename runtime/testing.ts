import "./core/require-node.ts";
import { formatFault, HooklineError, nearest, type Fault } from "./core/errors.ts";
import { createLog, type Log } from "./core/log.ts";
import { checkManifest } from "./manifest/check.ts";
import { compileConnector } from "./manifest/connector.ts";
import { loadManifest, type LoadedManifest } from "./manifest/load.ts";
import { accountCases } from "./testing/account-cases.ts";
import { derivationCases } from "./testing/derivation-cases.ts";
import { actionCases } from "./testing/action-cases.ts";
import { KIT_EVENT, type Subject } from "./testing/bench.ts";
import { PAGE, STEPPING_PAGE } from "./testing/listing.ts";
import { Skip, type Case } from "./testing/outcome.ts";
import { loadRecordings, type Recordings } from "./testing/recordings.ts";
import { recordingCases } from "./testing/replay.ts";
import { kitTrigger } from "./testing/stream-bench.ts";
import { streamCases } from "./testing/stream-cases.ts";
import { triggerCase } from "./testing/trigger-cases.ts";

export interface ConformanceResult {
  /** What was tested: `stream contacts`, `trigger contact_created`, `action create_contact`, `authentication`, `manifest`. */
  area: string;
  /** The situation it was put into. */
  case: string;
  /** The kind of hostile server it is; missing for any other situation. */
  hostile?: string;
  outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped. */
  message?: string;
}

export interface ConformanceReport {
  /** Name of the connector. */
  manifest: string;
  passed: number;
  failed: number;
  skipped: number;
  results: ConformanceResult[];
}

export interface ConformanceOptions {
  /** Names of streams, triggers or actions, or whole areas; default all. */
  only?: readonly string[];
  /** Titles of cases; default all. */
  cases?: readonly string[];
  /**
   * What the vendor answers where that cannot be told from the manifest: by stream a function that gives the body holding
   * the records, by action (`create_contact`) or step of it (`update_contact.read`) the body.
   */
  answers?: Readonly<Record<string, unknown>>;
  /** Where the runtime under test logs; default nowhere. */
  log?: Log;
  /** Called after each case. */
  onResult?: (result: ConformanceResult, done: number, total: number) => void;
}

/**
 * Puts a connector before simulated vendors made from its own manifest, honest and hostile, and reports the results. The
 * runtime around it is the real one; needs no account and reaches nothing but this machine.
 * @throws HooklineError `not_found` when there is no such manifest, `invalid_input` when `only` names nothing in it
 */
export async function testManifest(
  manifest: string | object,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const results: ConformanceResult[] = [];
  const { only, cases: titles, answers = {}, log = createLog({ level: "silent" }), onResult } = options;
  const report = (name: string): ConformanceReport => {
    const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
    return { manifest: name, passed: count("passed"), failed: count("failed"), skipped: count("skipped"), results };
  };
  const { loaded, recordings, faults } = await load(manifest);
  if (!loaded || !recordings || faults.length > 0) {
    results.push(
      ...faults.map((fault) => ({
        area: "manifest",
        case: "has no faults",
        outcome: "failed" as const,
        message: formatFault(fault),
      })),
    );
    return report(loaded?.manifest.name ?? String(manifest));
  }
  const areas = chosen(casesOf({ connector: hostileTo(loaded), original: loaded, recordings, answers, log }), only);
  const cases = titles === undefined ? areas : areas.filter(({ name }) => titles.includes(name));
  for (const candidate of cases) {
    const result = await runCase(candidate);
    results.push(result);
    onResult?.(result, results.length, cases.length);
  }
  return report(loaded.manifest.name);
}

async function load(
  manifest: string | object,
): Promise<{ loaded?: LoadedManifest; recordings?: Recordings; faults: Fault[] }> {
  try {
    const loaded = await loadManifest(manifest);
    const { recordings, faults } = await loadRecordings(loaded);
    return { loaded, recordings, faults: [...checkManifest(loaded), ...faults] };
  } catch (error) {
    if (!(error instanceof HooklineError) || error.code !== "invalid_manifest") throw error;
    return { faults: error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }] };
  }
}

/** The connector with small pages, without the vendor's limits, which would be waited for, and with triggers of the kit's own. */
function hostileTo(loaded: LoadedManifest): Subject["connector"] {
  const manifest = structuredClone(loaded.manifest);
  manifest.rateLimits = [];
  for (const [name, { title, input, pagination, cursor }] of Object.entries(manifest.streams ?? {})) {
    const lists = [pagination, cursor.type === "sequence" ? cursor.recover?.pagination : undefined];
    for (const list of lists) {
      if (list && "pageSize" in list && list.pageSize)
        list.pageSize.value = "stepBack" in list && list.stepBack !== undefined ? STEPPING_PAGE : PAGE;
    }
    manifest.triggers = {
      ...manifest.triggers,
      [kitTrigger(name)]: { title, stream: name, on: "any", event: KIT_EVENT, input },
    };
  }
  return compileConnector({ ...loaded, manifest });
}

function casesOf(subject: Subject): Case[] {
  const { streams, triggers, actions } = subject.connector;
  return [
    ...accountCases(subject),
    ...derivationCases(subject),
    ...[...streams.keys()].flatMap((name) => [
      ...recordingCases(subject, `stream ${name}`),
      ...streamCases(subject, name),
    ]),
    ...[...triggers.values()]
      .filter(({ event }) => event !== KIT_EVENT)
      .map((trigger) => triggerCase(subject, trigger)),
    ...[...actions.keys()].flatMap((name) => [
      ...recordingCases(subject, `action ${name}`),
      ...actionCases(subject, name),
    ]),
  ];
}

function chosen(cases: Case[], only: readonly string[] | undefined): Case[] {
  if (!only?.length) return cases;
  const names = new Set(cases.flatMap(({ area }) => [area, area.split(" ").at(-1)!]));
  const unknown = only.find((name) => !names.has(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    throw new HooklineError(
      "invalid_input",
      `only: the manifest has no "${unknown}"; ${near ? `did you mean "${near}"?` : `there are: ${[...names].join(", ")}`}`,
    );
  }
  return cases.filter(({ area }) => only.some((name) => name === area || area.split(" ").at(-1) === name));
}

async function runCase({ area, name, hostile, run }: Case): Promise<ConformanceResult> {
  const facts = { area, case: name, ...(hostile && { hostile }) };
  try {
    await run();
    return { ...facts, outcome: "passed" };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ...facts, outcome: error instanceof Skip ? "skipped" : "failed", message };
  }
}
