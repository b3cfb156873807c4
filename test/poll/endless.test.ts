import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { MOST_PAGES } from "../../runtime/poll/page-limit.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

type Instead = (url: URL) => object | undefined;

/** A stream read as a whole, whose first poll, of records a to e in pages of two, is over. */
async function listed(
  pagination: object,
): Promise<{ bench: Bench; subscription: string; instead: (answer: Instead) => void }> {
  const manifest = vendorManifest() as { streams: Record<string, object> };
  Object.assign(manifest.streams["snapshot"]!, { pagination });
  let answer: Instead = () => undefined;
  const bench = await createBench({
    manifest,
    before: (vendor) => {
      for (const id of ["a", "b", "c", "d", "e"]) vendor.put(id);
      vendor.instead = (url: URL, response: ServerResponse) => {
        const body = answer(url);
        if (body) response.setHeader("content-type", "application/json").end(JSON.stringify(body));
        return body !== undefined;
      };
    },
  });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe("snapshot_any", { everySeconds: 600 });
  for (let polls = 0; (await bench.streamOf(subscription)).baselinedAt === null; polls++) {
    expect(polls).toBeLessThan(10);
    await bench.poll(subscription);
  }
  expect(await bench.seen()).toEqual([]);
  return { bench, subscription, instead: (given) => void (answer = given) };
}

const item = (id: string, name = id) => ({ id, name, tags: [], status: "open", updated: 0 });
const OFFSET = { type: "offset", to: "query.page", pageSize: { param: "query.size", value: 2 } };
const TOKEN = { type: "token", from: "$response.body#/page", to: "query.page" };

describe("a vendor that ignores where a page is to begin", () => {
  it.each<[string, object, Instead]>([
    ["the offset", OFFSET, () => ({ items: [item("a"), item("b")] })],
    [
      "the offset, in another order",
      OFFSET,
      (url) => ({ items: url.searchParams.get("page") === "0" ? [item("a"), item("b")] : [item("b"), item("a")] }),
    ],
    [
      "the offset, with records that change at each look",
      OFFSET,
      () => ({ items: [item("a", String(Math.random())), item("b")] }),
    ],
    [
      "an offset behind the end",
      OFFSET,
      (url) => ({ items: Number(url.searchParams.get("page")) < 2 ? [item("a"), item("b")] : [item("c"), item("d")] }),
    ],
    [
      "the offset, going round in a circle",
      OFFSET,
      (url) => ({
        items: Number(url.searchParams.get("page")) % 4 < 2 ? [item("a"), item("b")] : [item("c"), item("d")],
      }),
    ],
    [
      "the token, and names another each time",
      TOKEN,
      () => ({ items: [item("a"), item("b")], page: String(Math.random()) }),
    ],
  ])("is found out: %s", async (_name, pagination, answer) => {
    const { bench, subscription, instead } = await listed(pagination);
    const before = bench.vendor.requests.length;
    instead(answer);
    let asked = 0;
    instead((url) => (asked++, answer(url)));
    await bench.poll(subscription);
    const { lastError, quarantined } = await bench.streamOf(subscription);
    expect(lastError).toMatchObject({ code: "pagination_loop" });
    expect(lastError!.message).toMatch(/^Two pages list the same 2 records, so the vendor ignores query\.page;/);
    expect(asked).toBeLessThanOrEqual(3);
    expect([bench.vendor.requests.length - before, quarantined]).toEqual([asked, 0]);
    expect((await bench.seen()).filter((event) => !event.startsWith("item.any"))).toEqual([]);
    // Nothing was swept: c, d and e are known still.
    instead(() => undefined);
    await bench.poll(subscription);
    const seen = await bench.seen();
    expect(seen.filter((event) => /[cde]$/.test(event))).toEqual([]);
    expect((await bench.streamOf(subscription)).lastError).toBeNull();
  });

  it("is found out also when each poll reads one page", async () => {
    const { bench, subscription, instead } = await listed({ ...OFFSET, maxPages: 1 });
    instead(() => ({ items: [item("a"), item("b")] }));
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).lastError).toBeNull();
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).lastError).toMatchObject({ code: "pagination_loop" });
  });

  it("is not suspected for a record that two pages show", async () => {
    const { bench, subscription, instead } = await listed(OFFSET);
    const pages: Record<string, object[]> = {
      "0": [item("a"), item("b")],
      "2": [item("b"), item("c")],
      "4": [item("d"), item("e")],
    };
    instead((url) => ({ items: pages[url.searchParams.get("page")!] ?? [] }));
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).lastError).toBeNull();
  });
});

describe("pages without records", () => {
  it("do not end a poll before something came, however few pages one may read", async () => {
    const { bench, subscription, instead } = await listed({ ...TOKEN, maxPages: 1 });
    const pages: Record<string, object> = {
      "0": { items: [], page: "1" },
      "1": { items: [], page: "2" },
      "2": { items: ["a", "b", "c", "d", "e"].map((id) => item(id, "new")) },
    };
    instead((url) => pages[url.searchParams.get("page") ?? "0"]);
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["a", "b", "c", "d", "e"].map((id) => `item.any ${id}`));
  });

  it(`are a loop after ${MOST_PAGES}`, async () => {
    const { bench, subscription, instead } = await listed(TOKEN);
    let asked = 0;
    instead(() => ({ items: [], page: String(++asked) }));
    await bench.poll(subscription);
    expect(asked).toBe(MOST_PAGES);
    expect((await bench.streamOf(subscription)).lastError).toMatchObject({
      code: "pagination_loop",
      message:
        "The vendor gave 1000 pages in a row without a record, and names a further one; correct the pagination in the manifest, or its stop",
    });
    expect(await bench.seen()).toEqual([]);
  });
});
