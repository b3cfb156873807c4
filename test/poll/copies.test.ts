import { describe, expect, it } from "vitest";
import { streams } from "../../runtime/model/streams.ts";
import { withLists, type ListBench } from "./list-vendor.ts";

const ORDERS = [
  ["x", "y", "z"],
  ["z", "y", "x"],
];

/** Has the next poll read and compare everything. */
const compareNext = ({ bench }: ListBench) =>
  bench.runtime.db.transaction((tx) => streams.change(tx, { verifiedAt: 0 }, "id > ?", [0]));

const STREAMS = ["whole", "tokens", "times", "shared"];

describe("a record that is in two lists", () => {
  it.each(["whole", "tokens", "times"])(
    "is told once per change, whatever the order of the lists: read by %s",
    async (stream) => {
      const on = await withLists(stream, {
        before: (lists) => {
          lists.put("x", "r");
          lists.put("y", "r");
        },
      });
      const { lists, poll, told } = on;
      for (const order of [...ORDERS, ...ORDERS]) {
        lists.names = order;
        await compareNext(on);
        await poll();
        await poll();
        expect(await told()).toEqual([]);
      }
      for (const [i, order] of [...ORDERS, ...ORDERS].entries()) {
        lists.names = order;
        for (const list of ["x", "y"]) lists.put(list, "r", `name ${i}`);
        for (let polls = 0; polls < 3; polls++) await poll();
        await compareNext(on);
        await poll();
        expect(await told()).toEqual(["updated r"]);
      }
    },
  );

  it.each(STREAMS.flatMap((stream) => ORDERS.map((order) => ({ stream, order }))))(
    "and leaves one has moved, and is told so once: read by $stream in the order $order",
    async ({ stream, order }) => {
      const on = await withLists(stream, { before: (lists) => lists.put("x", "r") });
      const { lists, poll, told } = on;
      lists.names = order;
      lists.move("r", "y");
      await poll();
      await poll();
      await compareNext(on);
      await poll();
      expect(await told()).toEqual(["updated r"]);
      lists.remove("r");
      for (let polls = 0; polls < 3; polls++) await poll();
      expect(await told()).toEqual(["deleted r"]);
    },
  );

  it.each(["whole", "tokens", "times"].flatMap((stream) => ORDERS.map((order) => ({ stream, order }))))(
    "is no difference to an audit: read by $stream in the order $order",
    async ({ stream, order }) => {
      const { bench, lists, subscription, poll } = await withLists(stream, {
        before: (lists) => {
          lists.put("x", "r");
          lists.put("y", "r");
        },
      });
      lists.names = order;
      await poll();
      const audit = await bench.runtime.audits.audit(subscription);
      expect(audit).toMatchObject({ verdict: "proved", stale: { count: 0 }, pending: { count: 0 }, read: 4 });
    },
  );
});
