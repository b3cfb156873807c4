/**
 * 10,000 new contacts become 10,000 signed webhooks, side by side with two baselines, each contender, the vendor and the
 * receiver in a process of their own. Rounds are interleaved, so that a slow moment of the machine strikes all; what is
 * printed are medians. `npm run bench`; HOOKLINE_BENCH_ROUNDS and HOOKLINE_BENCH_CONTACTS change the size.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measure, Places } from "./contender.ts";

const ROUNDS = Number(process.env["HOOKLINE_BENCH_ROUNDS"] ?? 5);
const COUNT = Number(process.env["HOOKLINE_BENCH_CONTACTS"] ?? 10_000);

interface Contender {
  name: string;
  script: string;
  env?: Record<string, string>;
}

const CONTENDERS: readonly Contender[] = [
  { name: "bare", script: "bare.ts" },
  { name: "bare durable", script: "bare-durable.ts" },
  { name: "hookline, googleapis", script: "hookline.ts" },
  { name: "hookline, plain HTTP", script: "hookline.ts", env: { HOOKLINE_BENCH_TRANSPORT: "http" } },
];

interface Counted {
  posts: number;
  distinct: number;
  bytes: number;
}

const spawnScript = (script: string, env: Record<string, string> = {}): ChildProcess =>
  fork(join(import.meta.dirname, script), { env: { ...process.env, ...env } });

/** The next message of a child; throws when it ends before. */
async function answerOf<Answer>(child: ChildProcess, message?: unknown): Promise<Answer> {
  const heard = new AbortController();
  const died = once(child, "exit", { signal: heard.signal }).then(([code, signal]) => {
    throw new Error(`${child.spawnargs.at(-1)} ended with ${String(signal ?? code)} before it answered.`);
  });
  const answer = once(child, "message", { signal: heard.signal });
  if (message !== undefined) child.send(message as object);
  try {
    const [found] = (await Promise.race([answer, died])) as [Answer];
    return found;
  } finally {
    heard.abort();
    await Promise.allSettled([answer, died]);
  }
}

/** One run of one contender, with its bytes; throws unless every contact became one webhook. */
async function round(
  contender: Contender,
  places: Omit<Places, "folder">,
  receiver: ChildProcess,
): Promise<Measure & Counted> {
  const folder = mkdtempSync(join(tmpdir(), "hookline-bench-"));
  try {
    const child = spawnScript(join("contenders", contender.script), contender.env);
    const measure = await answerOf<Measure>(child, { ...places, folder });
    if (child.exitCode === null) await once(child, "exit");
    const counted = await answerOf<Counted>(receiver, "count");
    if (counted.posts !== COUNT || counted.distinct !== COUNT) {
      throw new Error(`${contender.name}: ${counted.posts} posts of ${counted.distinct} events for ${COUNT} contacts`);
    }
    return { ...measure, ...counted };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds from the start of a process to its first poll, with a store whose poll is due. */
async function startToPoll(vendor: ChildProcess, url: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "hookline-bench-"));
  try {
    const store = `sqlite:${join(folder, "hookline.db")}`;
    await once(
      spawnScript("start.ts", { HOOKLINE_BENCH_STORE: store, HOOKLINE_BENCH_VENDOR: url, HOOKLINE_BENCH_MAKE: "1" }),
      "exit",
    );
    vendor.send("watch");
    const startedAt = performance.timeOrigin + performance.now();
    const child = spawnScript("start.ts", { HOOKLINE_BENCH_STORE: store, HOOKLINE_BENCH_VENDOR: url });
    const { requestAt } = await answerOf<{ requestAt: number }>(vendor);
    child.kill();
    await once(child, "exit");
    return requestAt - startedAt;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const [vendor, receiver] = [spawnScript("vendor.ts"), spawnScript("receiver.ts")];
const [{ url: vendorUrl }, { url: receiverUrl }] = await Promise.all([
  answerOf<{ url: string }>(vendor, COUNT),
  answerOf<{ url: string }>(receiver),
]);
const places = { vendor: vendorUrl, receiver: receiverUrl, count: COUNT };

const runs = new Map<Contender, (Measure & Counted)[]>(CONTENDERS.map((contender) => [contender, []]));
const starts: number[] = [];
for (let i = 0; i < ROUNDS; i++) {
  for (const [contender, measures] of runs) measures.push(await round(contender, places, receiver));
  starts.push(await startToPoll(vendor, vendorUrl));
}
vendor.kill();
receiver.kill();

const medianOf = (contender: Contender, of: (measure: Measure & Counted) => number): number =>
  median(runs.get(contender)!.map(of));
const rate = (contender: Contender): number => COUNT / (medianOf(contender, ({ wallMs }) => wallMs) / 1000);
console.log(`${COUNT} contacts to ${COUNT} webhooks, medians of ${ROUNDS} rounds, Node ${process.version}`);
console.table(
  Object.fromEntries(
    CONTENDERS.map((contender) => [
      contender.name,
      {
        "events/s": Math.round(rate(contender)),
        "of bare": (rate(contender) / rate(CONTENDERS[0]!)).toFixed(2),
        "of bare durable": (rate(contender) / rate(CONTENDERS[1]!)).toFixed(2),
        "CPU µs/event": Math.round((medianOf(contender, ({ cpuMs }) => cpuMs) * 1000) / COUNT),
        "peak RSS MB": Math.round(medianOf(contender, ({ peakBytes }) => peakBytes) / 1e6),
        "idle poll CPU ms": medianOf(contender, ({ idleCpuMs }) => idleCpuMs).toFixed(2),
        "bytes/event": Math.round(medianOf(contender, ({ bytes }) => bytes) / COUNT),
      },
    ]),
  ),
);
console.log(`From the start of a process to its first poll: ${Math.round(median(starts))} ms`);
