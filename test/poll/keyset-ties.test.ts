import { describe, expect, it } from "vitest";
import { compileReads } from "../../runtime/manifest/compile-reads.ts";
import { Paginator, WIDEST_PAGE } from "../../runtime/read/paginate.ts";
import { createBench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

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

/** Lists by time, as {@link walk} does, with pages as large as asked for, up to `cap`. */
function widened(times: readonly number[], cap = Infinity): { listed: number; sizes: number[]; isPastTies: boolean } {
  const pageSize = { param: "query.limit", value: 20 };
  const { pagination } = compileReads(
    { type: "snapshot" },
    { type: "keyset", from: "$lastRecord#/time", to: "query.after", stepBack: 1, stop: "short", pageSize },
  );
  const paginator = new Paginator(pagination);
  const listed = new Set<number>();
  const sizes: number[] = [];
  let isPastTies = false;
  let state = null as ReturnType<Paginator["next"]>;
  do {
    const asked = new Map(paginator.request(state).assignments as [string, number][]);
    const found = times.map((time, id) => ({ id, time })).filter(({ time }) => time > (asked.get("query.after") ?? 0));
    const records = found.slice(0, Math.min(cap, asked.get("query.limit")!));
    for (const { id } of records) listed.add(id);
    sizes.push(asked.get("query.limit")!);
    isPastTies ||= state !== null && "isPastTies" in state && records.length > 0;
    state = paginator.next(state, { response: { status: 200, headers: {}, body: {}, url: "" }, records });
  } while (state);
  return { listed: listed.size, sizes, isPastTies };
}

const times = (...counts: number[]): number[] => counts.flatMap((count, n) => Array<number>(count).fill(n + 5));

describe("pages of a time that more records share than a page holds", () => {
  it.each([
    [times(3, 19, 2), [20, 20]],
    [times(3, 20, 2), [20, 20, 40, 20]],
    [times(3, 25, 2), [20, 20, 40, 20]],
    [times(3, 25), [20, 20, 40, 20]],
    [times(3, 100, 30), [20, 20, 40, 80, 160, 20]],
    [times(3, 639, 2), [20, 20, 40, 80, 160, 320, 640, 20]],
  ])("are asked for with more records, until they hold all: %#", (list, sizes) => {
    const found = widened(list);
    expect([found.listed, found.isPastTies]).toEqual([list.length, false]);
    expect(found.sizes.slice(0, sizes.length)).toEqual(sizes);
  });

  it("are told from the pages of a vendor that ignores where one is to begin", () => {
    const size = { param: "query.limit", value: 3 };
    const pagination = { type: "keyset", from: "$lastRecord#/time", to: "query.after", stepBack: 1, pageSize: size };
    const paginator = new Paginator(compileReads({ type: "snapshot" }, pagination as never).pagination);
    const page = {
      response: { status: 200, headers: {}, body: {}, url: "" },
      records: [{ time: 4 }, { time: 5 }, { time: 6 }],
    };
    const second = paginator.next(null, page);
    const third = paginator.next(second, page);
    expect([second, third]).toEqual([{ values: [5] }, { values: [6] }]);
    expect(() => paginator.next(third, page)).toThrow(/named the same next page twice/);
  });

  it("are passed where that gives no more, or more than 640 share it, and that is said", () => {
    expect(WIDEST_PAGE).toBe(640);
    expect(widened(times(3, 25, 2), 20)).toMatchObject({ listed: 3 + 20 + 2, isPastTies: true });
    expect(widened(times(3, 150, 2), 100)).toMatchObject({ listed: 3 + 100 + 2, isPastTies: true });
    expect(widened(times(3, 640, 2))).toMatchObject({ listed: 3 + 640 + 2, isPastTies: true });
  });
});

describe("a list by time in which more records share one than a page holds", () => {
  const stream = {
    title: "Items by time",
    request: { method: "GET", path: "/by-time" },
    records: { select: "$response.body#/items", primaryKey: "/id" },
    pagination: {
      type: "keyset",
      from: "$lastRecord#/updated",
      to: "query.after",
      stepBack: 1,
      stop: "short",
      pageSize: { param: "query.limit", value: 2 },
    },
    cursor: { type: "keyset", values: ["$record#/updated"], to: "query.after", overlapSeconds: 10 },
  };

  it.each([
    ["larger pages", Infinity, 0, 6, []],
    ["no larger page", 2, 0, 3, ["stream.gap same_time"]],
    ["an error in place of a larger page", 2, 400, 3, ["stream.gap same_time"]],
  ])("is told of with %s, and a gap where some may be passed over", async (_what, cap, status, count, gaps) => {
    await using bench = await createBench({ manifest: vendorManifest({ streams: { ties: stream } }) });
    const { vendor } = bench;
    vendor.instead = ({ pathname, searchParams }, response) => {
      if (pathname !== "/by-time") return false;
      const [after, limit] = [Number(searchParams.get("after")), Number(searchParams.get("limit"))];
      const isRefused = status > 0 && limit > cap;
      const found = [...vendor.items.values()].filter(({ updated }) => updated > after);
      const items = found.toSorted((a, b) => a.updated - b.updated).slice(0, Math.min(limit, cap));
      response.writeHead(isRefused ? status : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(isRefused ? {} : { items }));
      return true;
    };
    vendor.put("first");
    const subscription = await bench.subscribe("ties_any");
    await bench.events();
    const same = vendor.now + 2000;
    for (const id of ["a", "b", "c", "d", "e"]) vendor.put(id, { updated: same });
    vendor.put("last", { updated: same + 1 });
    await bench.poll(subscription);
    const events = await bench.events();
    const reasons = events.flatMap(({ type, data }) =>
      type === "stream.gap" ? [`${type} ${String((data as Record<string, unknown>)["reason"])}`] : [],
    );
    expect([events.length - reasons.length, reasons]).toEqual([count, gaps]);
    await bench.poll(subscription);
    expect(await bench.events()).toEqual([]);
    const audit = await bench.runtime.audits.audit(subscription);
    const blind =
      "Records of a time that more of them share than the vendor lists on a page, and known records not listed";
    expect(audit).toMatchObject({ verdict: gaps.length > 0 ? "partial" : "proved", known: count + 1 });
    expect(audit.notAudited).toEqual(gaps.length > 0 ? [blind] : []);
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
