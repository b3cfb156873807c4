/**
 * What a connection costs, and whether it stays the same when there are many:
 * `node test/bench/scale.ts [processes] [connections] [flat]`, all three when none is named.
 * `--svg <file>` plots the table of connections. Everything runs on loopback, on an embedded PostgreSQL that flushes to the
 * disk and on SQLite files; no measure takes longer than two minutes.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ask, startWorker } from "./scale/children.ts";
import { measureFlatness } from "./scale/flat.ts";
import { EVERY_SECONDS, measureIdle, onSqlite, type Idle } from "./scale/idle.ts";
import { machine } from "./scale/machine.ts";
import { plot } from "./scale/plot.ts";
import { startPostgres } from "./scale/postgres.ts";
import { measureProcesses } from "./scale/processes.ts";
import type { Transport } from "./scale/runtime.ts";

const LATENCY_MS = 100;
const DRAINED = 10_000;
const SIZES = [1_000, 10_000, 100_000];
/** By how much the large case may be slower than the small one. */
const FLAT = 1.5;
const PARTS = ["processes", "connections", "flat"] as const;

const { values, positionals } = parseArgs({ options: { svg: { type: "string" } }, allowPositionals: true });
const unknown = positionals.filter((part) => !PARTS.some((known) => known === part));
if (unknown.length > 0) {
  throw new TypeError(`There is no measure called ${unknown.join(", ")}; there are ${PARTS.join(", ")}.`);
}
const wanted = (part: (typeof PARTS)[number]): boolean => positionals.length === 0 || positionals.includes(part);

const vendorProcess = startWorker("vendor-worker.ts");
const { url: vendor } = await ask<{ url: string }>(vendorProcess, { latencyMs: LATENCY_MS });
const server = await startPostgres();
try {
  if (wanted("processes")) await printProcesses();
  if (wanted("connections")) await printConnections();
  if (wanted("flat")) await printFlatness();
} finally {
  vendorProcess.kill();
  await server.stop();
}

function say(title: string): void {
  console.log(`\n${title} (${machine()})`);
}

async function printProcesses(): Promise<void> {
  say(`${DRAINED} due polls and ${DRAINED} due webhooks on PostgreSQL, every answer after ${LATENCY_MS} ms`);
  const rows = [];
  for (const processes of [1, 2]) {
    const rates = await measureProcesses(server, vendor, processes, DRAINED);
    rows.push({
      processes,
      "polls/s": Math.round(rates.pollsPerSecond),
      "deliveries/s": Math.round(rates.deliveriesPerSecond),
      "CPU µs/poll": Math.round(rates.cpuMicrosPerPoll),
      "CPU µs/delivery": Math.round(rates.cpuMicrosPerDelivery),
      "cores busy, polling": rates.coresBusy.toFixed(1),
    });
  }
  console.table(rows);
}

async function printConnections(): Promise<void> {
  say(
    `One process, a poll of each connection every ${EVERY_SECONDS} s that finds nothing, answered after ${LATENCY_MS} ms`,
  );
  const series: { name: string; transport: Transport; postgres: boolean }[] = [
    { name: "SQLite, plain HTTP", transport: "http", postgres: false },
    { name: "SQLite, googleapis", transport: "googleapis", postgres: false },
    { name: "PostgreSQL, plain HTTP", transport: "http", postgres: true },
  ];
  const found = new Map<string, Idle[]>();
  for (const { name, transport, postgres } of series) {
    const measures: Idle[] = [];
    for (const size of SIZES) {
      const measure = (store: string): Promise<Idle> => measureIdle(store, vendor, transport, size);
      measures.push(postgres ? await measure(await server.create()) : await onSqlite(measure));
    }
    found.set(name, measures);
  }
  console.table(
    [...found].flatMap(([name, measures]) =>
      measures.map((measure) => ({
        store: name,
        connections: measure.connections,
        "polls/s": measure.pollsPerSecond.toFixed(1),
        "% of a core": measure.corePercent.toFixed(1),
        "CPU µs/poll": Math.round(measure.cpuMicrosPerPoll),
        "peak RSS MB": Math.round(measure.peakBytes / 1e6),
      })),
    ),
  );
  console.log(`Afterwards: ${machine()}`);
  if (values.svg !== undefined) await writeFile(values.svg, plot(found));
}

async function printFlatness(): Promise<void> {
  say("Few against many: known records, delayed jobs and subscriptions");
  const rows = [
    ...(await onSqlite((small) => onSqlite((large) => measureFlatness("SQLite", small, large)))),
    ...(await measureFlatness("PostgreSQL", await server.create(), await server.create())),
  ];
  console.table(
    rows.map(({ store, what, smallMs, largeMs }) => ({
      store,
      what,
      "small, ms": smallMs.toFixed(1),
      "large, ms": largeMs.toFixed(1),
      ratio: (largeMs / smallMs).toFixed(2),
    })),
  );
  console.log(`Afterwards: ${machine()}`);
  if (rows.some(({ smallMs, largeMs }) => largeMs > FLAT * smallMs)) process.exitCode = 1;
}
