import { expect, describe, it, onTestFinished } from "vitest";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function benchWith(changes: Record<string, (stream: Record<string, unknown>) => object> = {}): Promise<Bench> {
  const { streams } = vendorManifest() as { streams: Record<string, Record<string, unknown>> };
  const changed = Object.fromEntries(Object.entries(changes).map(([name, of]) => [name, of(streams[name]!)]));
  const bench = await createBench({ manifest: vendorManifest({ streams: changed }) });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  bench.vendor.pageSize = 1000;
  return bench;
}

/** Events since the last look: of records as `subscription type key`, gaps as `subscription reason`. */
async function told(bench: Bench, names: Record<string, string>): Promise<string[]> {
  const events = await bench.events();
  return events.flatMap(({ type, data }) => {
    const { subscription, reason, resource } = data as Record<string, unknown> & { resource?: { id: string } };
    const name = names[String(subscription)];
    if (resource) return [`${name} ${resource.id}`];
    return type === "stream.gap" ? [`${name} ${String(reason)}`] : [];
  });
}

describe("a subscription that begins with what is there, on a stream of single changes that another reads", () => {
  it("leaves no gap to the other, and loses it no change", async () => {
    const bench = await benchWith({
      history: ({ records, ...stream }) => ({
        ...stream,
        records: { ...(records as object), timestamp: "$record#/updated" },
      }),
    });
    const { vendor, clock } = bench;
    vendor.put("old");
    clock.advance(HOUR);
    const first = await bench.subscribe("history_any", { everySeconds: 86_400 });
    const at = () => ({ updated: clock.now() + 1000 });
    vendor.put("new", at());
    // Listed nowhere: only the increments show it.
    vendor.put("unlisted", at());
    vendor.items.delete("unlisted");
    const second = await bench.subscribe("history_any", { everySeconds: 86_400, firstPoll: "emitAll" });
    const names = { [first]: "first", [second]: "second" };
    expect((await told(bench, names)).toSorted()).toEqual(["first new", "second new", "second old"]);
    await bench.poll(first);
    expect((await told(bench, names)).toSorted()).toEqual(["first unlisted", "second unlisted"]);
    vendor.put("newest", at());
    await bench.poll(first);
    expect((await told(bench, names)).toSorted()).toEqual(["first newest", "second newest"]);
  });

  it("leaves none either where no list shows what is there", async () => {
    const bench = await benchWith({
      history: ({ cursor, ...stream }) => {
        const { recover: _, ...rest } = cursor as Record<string, unknown>;
        return { ...stream, cursor: rest };
      },
    });
    const first = await bench.subscribe("history_any", { everySeconds: 86_400 });
    bench.vendor.put("new");
    const second = await bench.subscribe("history_any", { everySeconds: 86_400, firstPoll: "emitAll" });
    const names = { [first]: "first", [second]: "second" };
    expect((await told(bench, names)).toSorted()).toEqual(["first new", "second new"]);
    await bench.poll(first);
    expect(await told(bench, names)).toEqual([]);
  });
});

describe("a stall", () => {
  it.each([
    ["longer than a window leaves a gap: something may have passed through it", 600, 1, ["stalled"]],
    ["as long as a window leaves none", 600, 0, []],
    ["is none where the schedule is slower than the window", 4 * 3600, 1, []],
  ])("%s", async (_, everySeconds, beyond, gaps) => {
    const bench = await benchWith();
    const { clock } = bench;
    const subscription = await bench.subscribe("window_any", { everySeconds });
    const { lastSuccessAt } = await bench.streamOf(subscription);
    clock.set(lastSuccessAt! + HOUR + beyond);
    await bench.runtime.subscriptions.poll(subscription);
    const reported = await told(bench, { [subscription]: "one" });
    expect(reported).toEqual(gaps.map((reason) => `one ${reason}`));
  });

  it.each([
    ["shorter than a partial list reaches back leaves none", -1, []],
    ["as long as a partial list reaches back leaves a gap", 0, ["one stalled"]],
  ])("%s", async (_, beyond, gaps) => {
    const bench = await benchWith({
      snapshot: ({ records, ...stream }) => ({
        ...stream,
        records: { ...(records as object), remember: "P30D" },
        cursor: { type: "snapshot", partial: true, reachesBack: "P7D" },
      }),
    });
    const subscription = await bench.subscribe("snapshot_any", { everySeconds: 365 * 86_400 });
    const { lastSuccessAt } = await bench.streamOf(subscription);
    bench.clock.set(lastSuccessAt! + 7 * DAY + beyond);
    await bench.runtime.subscriptions.poll(subscription);
    expect(await told(bench, { [subscription]: "one" })).toEqual(gaps);
  });

  it("leaves no gap to a subscription that has just begun", async () => {
    const bench = await benchWith();
    const before = await bench.subscribe("sync_any", { everySeconds: 365 * 86_400 });
    bench.clock.advance(6 * DAY);
    const joining = await bench.subscribe("sync_any", { everySeconds: 365 * 86_400 });
    expect(await told(bench, { [before]: "before", [joining]: "joining" })).toEqual(["before stalled"]);
  });
});

describe("a pause", () => {
  it.each([
    ["the only page", 1, 1000],
    ["the last page", 2, 2],
    ["a last page without changes", 3, 1],
  ])(
    "that ends while a poll reads %s leaves a gap: its changes are told to the others alone",
    async (_, page, size) => {
      const bench = await benchWith();
      const { clock, vendor, runtime } = bench;
      const paused = await bench.subscribe("sync_any", { everySeconds: 86_400 });
      const other = await bench.subscribe("sync_any", { everySeconds: 86_400 });
      await runtime.subscriptions.pause(paused);
      const { lastSuccessAt } = await bench.streamOf(paused);
      clock.advance(1000);
      for (const id of ["b", "c"]) vendor.put(id);
      vendor.remove("never there");
      vendor.pageSize = size;
      let requests = 0;
      vendor.instead = (_url, response) => {
        if (++requests === page) {
          const end = response.end.bind(response) as (body: string) => void;
          const resumed = runtime.subscriptions.resume(paused);
          response.end = ((body: string) => (void resumed.then(() => end(body)), response)) as typeof response.end;
        }
        return false;
      };
      await bench.poll(other);
      const events = await bench.events();
      const gaps = events.filter(({ type }) => type === "stream.gap").map(({ data }) => data as Record<string, string>);
      expect(gaps).toMatchObject([{ subscription: paused, reason: "paused" }]);
      expect(Date.parse(gaps[0]!["from"]!)).toBe(lastSuccessAt);
      expect(events.filter(({ type }) => type.startsWith("item."))).toHaveLength(2);
    },
  );

  it("that ends while a poll reads leaves a gap until the last page is told", async () => {
    const bench = await benchWith();
    const { clock, vendor, runtime } = bench;
    vendor.pageSize = 1;
    const paused = await bench.subscribe("sync_any", { everySeconds: 86_400 });
    const other = await bench.subscribe("sync_any", { everySeconds: 86_400 });
    await runtime.subscriptions.pause(paused);
    const { lastSuccessAt } = await bench.streamOf(paused);
    clock.advance(1000);
    for (const id of ["b", "c"]) vendor.put(id);
    let requests = 0;
    const changedAt: number[] = [];
    vendor.instead = (_url, response) => {
      // Each record changes while its page is asked for.
      clock.advance(10_000);
      changedAt.push(clock.now());
      clock.advance(10_000);
      if (requests++ > 0) return false;
      const end = response.end.bind(response) as (body: string) => void;
      const resumed = runtime.subscriptions.resume(paused);
      response.end = ((body: string) => (void resumed.then(() => end(body)), response)) as typeof response.end;
      return false;
    };
    await bench.poll(other);
    const gaps = (await bench.events())
      .filter(({ type }) => type === "stream.gap")
      .map(({ data }) => data as { subscription: string; from: string; to: string });
    expect(new Set(gaps.map(({ subscription }) => subscription))).toEqual(new Set([paused]));
    expect(new Set(gaps.map(({ from }) => Date.parse(from)))).toEqual(new Set([lastSuccessAt]));
    const until = Math.max(...gaps.map(({ to }) => Date.parse(to)));
    expect(changedAt.slice(0, 2).map((at) => at <= until)).toEqual([true, true]);
  });

  it("that ends while a poll replaces an expired cursor leaves a gap, as it does to the others", async () => {
    const bench = await benchWith();
    const { vendor, runtime } = bench;
    const paused = await bench.subscribe("history_any", { everySeconds: 86_400 });
    const other = await bench.subscribe("history_any", { everySeconds: 86_400 });
    await runtime.subscriptions.pause(paused);
    bench.clock.advance(1000);
    vendor.expire();
    let resumed: Promise<unknown> | undefined;
    vendor.instead = (_url, response) => {
      const end = response.end.bind(response) as (body: string) => void;
      resumed ??= runtime.subscriptions.resume(paused);
      response.end = ((body: string) => (void resumed!.then(() => end(body)), response)) as typeof response.end;
      return false;
    };
    await bench.poll(other);
    const gaps = await told(bench, { [paused]: "paused", [other]: "other" });
    expect(gaps.toSorted()).toEqual(["other cursor_expired", "paused paused"]);
  });

  it("is reported from the last read before it, also when the subscription is changed meanwhile", async () => {
    const bench = await benchWith();
    const { clock, vendor, runtime } = bench;
    const paused = await bench.subscribe("sync_any", { everySeconds: 86_400 });
    const other = await bench.subscribe("sync_any", { everySeconds: 86_400 });
    const names = { [paused]: "paused", [other]: "other" };
    const gapOf = (from: number, to: number): object => {
      const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
      return { type: "stream.gap", data: { subscription: paused, reason: "paused", ...span } };
    };
    const first = clock.now();
    clock.advance(1000);
    // Nobody has been told of it when the pause begins.
    vendor.put("a");
    clock.advance(1000);
    await runtime.subscriptions.pause(paused);
    await bench.poll(other);
    expect(await told(bench, names)).toEqual(["other a"]);
    const second = clock.now();
    clock.advance(1000);
    vendor.put("b");
    clock.advance(1000);
    await runtime.subscriptions.update(paused, { where: "record.id != 'x'" });
    expect(await bench.events()).toMatchObject([gapOf(first, second)]);
    await bench.poll(other);
    expect(await told(bench, names)).toEqual(["other b"]);
    const third = clock.now();
    clock.advance(1000);
    await runtime.subscriptions.resume(paused);
    expect(await bench.events()).toMatchObject([gapOf(second, third)]);
    await runtime.subscriptions.pause(paused);
    await runtime.subscriptions.resume(paused);
    expect(await told(bench, names)).toEqual([]);
  });
});
