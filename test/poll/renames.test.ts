import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { knownAfter } from "../../runtime/model/known.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

/** The vendor's manifest, with records that are the same as long as their name is. */
function named(): object {
  const manifest = vendorManifest() as { streams: { sync: { records: object } } };
  manifest.streams.sync.records = { ...manifest.streams.sync.records, versionKey: "/name" };
  return manifest;
}

const item = (id: string, more: object = {}): object => ({ id, name: id, tags: [], status: "open", ...more });
const gone = (id: string): object => ({ id, deleted: true });

describe("renames and merges over the pages of a read", () => {
  let bench: Bench;
  let subscription: string;
  beforeEach(async () => {
    bench = await createBench({ manifest: named(), before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)) });
    subscription = await bench.subscribe("sync_any");
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  /** The next poll is answered with these pages; null is an answer that is none. */
  const answer = (...pages: (object[] | null)[]): void => {
    for (const [index, items] of pages.entries()) {
      const isLast = index + 1 === pages.length;
      bench.vendor.fail(200, items && { items, ...(isLast ? { next: "9" } : { page: `p${index}` }) });
    }
  };
  const told = async (): Promise<string[]> =>
    (await bench.events()).map(({ data }) => {
      const { change, resource, previousKeys, mergedInto } = data as unknown as {
        change: string;
        resource: { id: string };
        previousKeys?: string[];
        mergedInto?: string;
      };
      const more = [previousKeys && `was ${previousKeys.join()}`, mergedInto && `into ${mergedInto}`].filter(Boolean);
      return [change, resource.id, ...more].join(" ");
    });
  const known = async (): Promise<string[]> => {
    const { id } = await bench.streamOf(subscription);
    return (await knownAfter(bench.runtime.db, id, "", 10)).map(({ key, gone }) => (gone ? `${key} gone` : key));
  };
  const polled = async (...pages: (object[] | null)[]): Promise<string[]> => {
    answer(...pages);
    await bench.poll(subscription);
    return told();
  };

  const renamed = item("c", { name: "a", previousIds: ["a"] });
  const merged = item("b", { previousIds: ["a"] });
  it.each([
    ["a rename, the tombstone first", [[gone("a")], [renamed]], ["updated c was a"]],
    ["a rename, the tombstone last", [[renamed], [gone("a")]], ["updated c was a"]],
    ["a rename on two pages", [[renamed], [renamed]], ["updated c was a"]],
    ["a merge, the tombstone first", [[gone("a")], [merged]], ["deleted a into b"]],
    ["a merge, the tombstone last", [[merged], [gone("a")]], ["deleted a into b"]],
    ["a merge on two pages", [[merged], [merged]], ["deleted a into b"]],
    ["a merge without a tombstone", [[merged], []], ["deleted a into b"]],
    ["a rename that goes on", [[renamed], [item("d", { previousIds: ["c"] })]], ["updated d was a"]],
    ["a rename that goes on into another", [[renamed], [item("b", { previousIds: ["c"] })]], ["deleted a into b"]],
    ["a deletion that a later page takes back", [[gone("a")], [], [item("a", { name: "again" })]], ["updated a"]],
    ["a merge that a later page takes back", [[merged], [item("a")]], []],
    ["a deletion on the first of many pages", [[gone("a")], [], []], ["deleted a"]],
  ] as [string, object[][], string[]][])("tell %s once", async (_, pages, events) => {
    expect(await polled(...pages)).toEqual(events);
    const left = await known();
    expect(left.filter((key) => key.endsWith("gone"))).toEqual([]);
    expect(left).toHaveLength(events.some((event) => event.startsWith("deleted")) ? 1 : 2);
    expect(await polled(pages.at(-1)!)).toEqual([]);
  });

  it.each([
    ["a later page", [[renamed], [item("a")]], ["created c"]],
    ["an earlier page", [[item("a")], [renamed]], ["created c"]],
    ["a page between others", [[renamed], [], [item("a", { name: "A" })], [renamed]], ["updated a", "created c"]],
    [
      "a later page, after the change of another",
      [[renamed, item("b", { name: "B" })], [item("a")]],
      ["updated b", "created c"],
    ],
  ] as [string, object[][], string[]][])("are none where %s shows the old key alive", async (_, pages, events) => {
    expect(await polled(...pages)).toEqual(events);
    expect(await known()).toEqual(["a", "b", "c"]);
    expect(await polled(pages.at(-1)!.filter((record) => record !== renamed))).toEqual([]);
  });

  it.each([
    ["deleted on a later page", [[renamed], [gone("c")], []], ["deleted a"], ["b"]],
    [
      "taken by the first of two that name it",
      [[renamed], [item("d", { previousIds: ["a"] })]],
      ["created d", "updated c was a"],
      ["b", "c", "d"],
    ],
  ] as [string, object[][], string[], string[]][])(
    "of a key that is %s are told once",
    async (_, pages, events, left) => {
      expect((await polled(...pages)).toSorted()).toEqual(events);
      expect(await known()).toEqual(left);
    },
  );

  it("hold a rename through a failure, until the old key has shown that it lives", async () => {
    expect(await polled([renamed], null)).toEqual([]);
    expect(await known()).toEqual(["a", "b", "c gone"]);
    expect(await polled([item("a")])).toEqual(["created c"]);
    expect(await known()).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["its cursor has expired", []],
    ["first its page and then its cursor is refused", [[404, {}]]],
  ] as [string, [number, object][]][])(
    "are none that a read has held of which %s, and that what is read in its place does not list",
    async (_, refusals) => {
      expect(await polled([renamed], null)).toEqual([]);
      for (const [status, body] of refusals) bench.vendor.fail(status, body);
      bench.vendor.fail(400, { error: { reason: "EXPIRED" } });
      expect(await polled([item("a")], [item("b")])).toEqual([]);
      expect(await known()).toEqual(["a", "b"]);
    },
  );

  it("settle more than a thousand held renames in batches", async () => {
    const many = Array.from({ length: 1100 }, (_, n) => `m${n}`);
    bench.vendor.pageSize = 5000;
    expect(await polled(many.map((id) => item(id)))).toHaveLength(1100);
    const renames = many.map((id) => item(`x${id}`, { name: id, previousIds: [id] }));
    const told = await polled(renames, []);
    expect(new Set(told)).toEqual(new Set(many.map((id) => `updated x${id} was ${id}`)));
    expect(told).toHaveLength(1100);
  });

  it("hold a deletion through a failure, and go on at the page that failed", async () => {
    expect(await polled([gone("a")], null)).toEqual([]);
    expect(await known()).toEqual(["a gone", "b"]);
    expect(await polled([renamed])).toEqual(["updated c was a"]);
    expect(await known()).toEqual(["b", "c"]);
  });

  it("hold a deletion when the page token is refused and the read begins again", async () => {
    expect(await polled([gone("a")], null)).toEqual([]);
    bench.vendor.fail(400);
    expect(await polled([])).toEqual(["deleted a"]);
    expect(await known()).toEqual(["b"]);
  });

  it("believe more than a thousand held deletions in batches", async () => {
    const many = Array.from({ length: 1100 }, (_, n) => `m${n}`);
    bench.vendor.pageSize = 5000;
    expect(await polled(many.map((id) => item(id)))).toHaveLength(1100);
    const deleted = await polled(many.map(gone), []);
    expect(new Set(deleted)).toEqual(new Set(many.map((id) => `deleted ${id}`)));
    expect(deleted).toHaveLength(1100);
    expect(await known()).toEqual(["a", "b"]);
  });
});
