import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subject } from "./bench.ts";
import { CHANGE_CASES } from "./change-cases.ts";
import { cursorCases } from "./cursor-cases.ts";
import { FAILURE_CASES } from "./failure-cases.ts";
import { Forge } from "./forge.ts";
import { HOSTILE } from "./hostile.ts";
import { Finding, Skip, type Case } from "./outcome.ts";
import { PAGE_CASES } from "./page-cases.ts";
import { PAGES, severalPages, type Run } from "./situations.ts";
import { samplesOf, StreamBench } from "./stream-bench.ts";
import { TIME_CASES } from "./time-cases.ts";

/** The situations every stream is put into; see the names. */
export function streamCases(subject: Subject, name: string): Case[] {
  const area = `stream ${name}`;
  const inBench = (run: Run) => async () => {
    await using s = await StreamBench.open(subject, name);
    await run(s);
  };
  const made = { ...CHANGE_CASES, ...PAGE_CASES, ...TIME_CASES, ...FAILURE_CASES, ...cursorCases(subject, name) };
  return [
    { area, name: "samples fit the stream", run: async () => samplesFit(subject, name) },
    ...Object.entries(made).map(([title, run]) => ({ area, name: title, run: inBench(run) })),
    ...HOSTILE.map(({ kind, title, run }) => ({ area, name: title, hostile: kind, run: inBench(run) })),
    { area, name: "kill and restart between pages", run: () => killed(subject, name) },
  ];
}

async function samplesFit(subject: Subject, name: string): Promise<void> {
  const stream = subject.connector.streams.get(name)!;
  const samples = samplesOf(subject, name);
  if (samples.length === 0) throw new Skip("no trigger of the stream has a sample");
  const forge = new Forge(
    stream,
    samples.map(({ sample }) => sample),
  );
  const faults = samples.flatMap(({ trigger, sample }) => {
    const mapped = stream.deleted?.(sample) ? {} : stream.resource?.map(sample);
    const unmapped = stream.resource && mapped === undefined ? ["gives no object in resource.map; correct it"] : [];
    const on = subject.connector.triggers.get(trigger)!.on;
    const unmarked =
      on === "deleted" && stream.deleted?.(sample) === false
        ? ["is of a deletion, and the stream's deleted does not hold for it; correct one of them"]
        : [];
    return [...forge.faultsOf(sample), ...unmapped, ...unmarked].map((fault) => `the sample of ${trigger} ${fault}`);
  });
  if (faults.length > 0) throw new Finding(faults.join("; "));
}

async function killed(subject: Subject, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hookline-kit-"));
  try {
    await using s = await StreamBench.open(subject, name, { store: `sqlite:${join(folder, "kit.db")}` });
    severalPages(s);
    const altered = s.alter(...(await s.begin(5)));
    const reached = Promise.withResolvers<void>();
    s.atPage(2, () => {
      reached.resolve();
      return "hang";
    });
    const polling = s.bench.poll();
    await Promise.race([reached.promise, polling]);
    const events = await s.bench.crash(polling);
    await s.assertPolled();
    s.bench.server.faults.length = 0;
    events.push(...(await s.bench.poll()));
    await s.assertPolled();
    s.compare(events, altered, PAGES);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
