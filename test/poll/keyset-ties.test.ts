import { describe, expect, it } from "vitest";
import { compileReads } from "../../runtime/manifest/compile-reads.ts";
import { Paginator } from "../../runtime/read/paginate.ts";
import { createBench } from "./harness.ts";

/** Lists records by time, after the time it is given, a page at a time; gives all it has listed. */
function walk(times: readonly number[], pageSize: number, stepBack?: number): { listed: Set<number>; pages: number } {
  const { pagination } = compileReads(
    { type: "snapshot" },
    { type: "keyset", from: "$lastRecord#/time", to: "query.after", ...(stepBack !== undefined && { stepBack }) },
  );
  const paginator = new Paginator(pagination);
  const listed = new Set<number>();
  let state = null as ReturnType<Paginator["next"]>;
  let pages = 0;
  do {
    const [[, after] = ["", -Infinity]] = paginator.request(state).assignments;
    const found = times.map((time, id) => ({ id, time })).filter(({ time }) => time > Number(after));
    const records = found.slice(0, pageSize);
    for (const { id } of records) listed.add(id);
    pages++;
    state = paginator.next(state, { response: { status: 200, headers: {}, body: {}, url: "" }, records });
  } while (state);
  return { listed, pages };
}

describe("pages after a time that several records share", () => {
  it("pass records over when a page ends between them", () => {
    expect(walk([1, 2, 5, 5, 5, 9], 3).listed).toEqual(new Set([0, 1, 2, 5]));
  });

  it("list them again, and so all of them, when they step back", () => {
    expect(walk([1, 2, 5, 5, 5, 9], 3, 1).listed).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });

  it("go on where a page holds nothing but one time, rather than forever", () => {
    expect(walk([5, 5, 5, 5, 9], 3, 1).listed).toEqual(new Set([0, 1, 2, 4]));
  });

  it("end", () => {
    expect(walk([1, 2], 3, 1)).toEqual({ listed: new Set([0, 1]), pages: 3 });
    expect(walk([], 3, 1).pages).toBe(1);
  });
});

describe("a record that a moving list shows on two pages", () => {
  it("is told once to those who asked for what was there before", async () => {
    await using bench = await createBench();
    for (const id of ["a", "b", "c"]) bench.vendor.put(id);
    bench.vendor.faults.push(
      () => false,
      () => {
        // Between the pages the first record goes back to the end of the list.
        const item = bench.vendor.items.get("a")!;
        bench.vendor.items.delete("a");
        bench.vendor.items.set("x", { ...item, id: "x", name: "x" });
        bench.vendor.items.set("a", item);
        return false;
      },
    );
    await bench.subscribe("snapshot_created", { firstPoll: "emitAll" });
    expect((await bench.seen()).filter((event) => event === "item.created a")).toHaveLength(1);
  });
});
