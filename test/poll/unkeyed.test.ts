import { describe, expect, it, onTestFinished } from "vitest";
import { MOST_UNKEYED } from "../../runtime/poll/records.ts";
import { createBench, type Bench } from "./harness.ts";
import type { Item } from "./vendor.ts";

async function benchOf(
  trigger: string,
): Promise<{ bench: Bench; subscription: string; told: () => Promise<string[]> }> {
  const bench = await createBench({ before: (vendor) => vendor.put("a") });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  bench.vendor.pageSize = 100;
  const subscription = await bench.subscribe(trigger, { everySeconds: 600 });
  const told = async () => (await bench.seen()).filter((event) => event.startsWith("item."));
  await told();
  return { bench, subscription, told };
}

const unkeyed = (name = "without an id") => ({ name, tags: [], status: "open", updated: 1 }) as unknown as Item;
const quarantineOf = async ({ runtime }: Bench, subscription: string) =>
  (await runtime.subscriptions.health(subscription)).quarantine;

describe("a record without a key", () => {
  it("that is alone on its page is set aside, and the cursor moves on", async () => {
    const { bench, subscription, told } = await benchOf("sync_any");
    bench.vendor.fail(200, { items: [unkeyed()], next: "1" });
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).cursor).toBe("1");
    expect(await quarantineOf(bench, subscription)).toMatchObject({
      count: 1,
      records: [{ state: "retrying", tries: 1, error: { code: "unexpected_answer" } }],
    });
    bench.vendor.put("b");
    for (let polls = 0; polls < 3; polls++) {
      bench.clock.advance(600_000);
      await bench.settle();
    }
    expect(await told()).toEqual(["item.any b"]);
    expect((await quarantineOf(bench, subscription)).records).toMatchObject([{ state: "setAside", tries: 3 }]);
  });

  it("leaves the quarantine once it comes with its key, and is told then", async () => {
    const { bench, subscription, told } = await benchOf("sync_any");
    bench.vendor.fail(200, { items: [unkeyed()], next: "1" });
    await bench.poll(subscription);
    bench.vendor.fail(200, { items: [{ ...unkeyed(), id: "b" }], next: "1" });
    await bench.poll(subscription);
    expect(await told()).toEqual(["item.any b"]);
    expect((await quarantineOf(bench, subscription)).count).toBe(0);
  });

  it("in a first read is no news when it comes with its key", async () => {
    const bench = await createBench({
      before: (vendor) => {
        vendor.items.set("", unkeyed());
        vendor.put("a");
      },
    });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("snapshot_any", { everySeconds: 600 });
    bench.vendor.items.delete("");
    bench.vendor.items.set("b", { ...unkeyed(), id: "b" });
    await bench.poll(subscription);
    expect((await bench.seen()).filter((event) => event.startsWith("item."))).toEqual([]);
    expect((await quarantineOf(bench, subscription)).count).toBe(0);
  });

  it("leaves the quarantine once a complete read lists it no longer", async () => {
    const { bench, subscription } = await benchOf("snapshot_any");
    bench.vendor.items.set("", unkeyed());
    await bench.poll(subscription);
    expect((await quarantineOf(bench, subscription)).count).toBe(1);
    bench.vendor.items.set("", unkeyed("another"));
    await bench.poll(subscription);
    expect((await quarantineOf(bench, subscription)).count).toBe(1);
    bench.vendor.items.delete("");
    await bench.poll(subscription);
    expect((await quarantineOf(bench, subscription)).count).toBe(0);
  });

  it.each([
    [MOST_UNKEYED, 20, "1"],
    [MOST_UNKEYED + 1, 0, null],
  ])(
    "with nothing but others like it, %i in all, is set aside up to a bound: above it, the answer has another shape",
    async (count, held, cursor) => {
      const { bench, subscription } = await benchOf("sync_any");
      const { cursor: before } = await bench.streamOf(subscription);
      const items = Array.from({ length: count }, (_, i) => unkeyed(`n${i}`));
      bench.vendor.fail(200, { items, next: "1" });
      await bench.poll(subscription);
      const stream = await bench.streamOf(subscription);
      expect(stream.quarantined).toBe(held);
      expect(stream.cursor).toBe(cursor ?? before);
      expect(stream.lastError === null).toBe(cursor !== null);
    },
  );
});
