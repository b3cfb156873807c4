import { describe, expect, it } from "vitest";
import type { VendorClient } from "../../runtime/accounts/client.ts";
import { compileConnector, type CompiledStream } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { RequestParts } from "../../runtime/manifest/targets.ts";
import type { Source } from "../../runtime/read/fetch.ts";
import { pages, type ReadPage } from "../../runtime/read/pages.ts";
import { VendorError } from "../../runtime/vendor/errors.ts";
import { vendorManifest } from "../poll/vendor.ts";

const pagination = { type: "token", from: "$response.body#/page", to: "query.page" };
const perItem = {
  title: "Records of items",
  each: { request: { method: "GET", path: "/items" }, pagination, select: "$response.body#/items", into: "item" },
  request: { method: "GET", path: "/records", query: { of: "$item" } },
  pagination,
  records: { select: "$response.body#/items", primaryKey: "/id" },
  cursor: { type: "snapshot" },
};

async function streamOf(name: string): Promise<CompiledStream> {
  const manifest = vendorManifest({
    streams: {
      perItem,
      strict: { ...perItem, each: undefined, request: { method: "GET", path: "/records" }, accept: ["notFound"] },
    },
  });
  return compileConnector(await loadManifest(manifest)).streams.get(name)!;
}

/** A source whose vendor answers by path and query; `asked` fills up with them. */
function sourceOf(answers: Record<string, unknown>, controller = new AbortController()) {
  const asked: string[] = [];
  const client: Pick<VendorClient, "send"> = {
    send: async ({ path = "", query = {} }: RequestParts) => {
      const at = [path, ...Object.values(query)].join(" ");
      asked.push(at);
      const answer = { status: at in answers ? 200 : 404, headers: {}, body: answers[at] ?? null, url: "" };
      if (answer.status === 404) throw new VendorError(at, answer, { class: "notFound", retryAfterMs: undefined });
      return answer;
    },
  };
  const source: Source = { client: client as VendorClient, scope: {}, signal: controller.signal };
  return { source, asked };
}

async function collect(read: AsyncIterable<ReadPage>): Promise<ReadPage[]> {
  const found: ReadPage[] = [];
  for await (const page of read) found.push(page);
  return found;
}

const LIST = {
  "/snapshot": { items: [{ id: "a" }], page: "2" },
  "/snapshot 2": { items: [{ id: "b" }], page: "3" },
  "/snapshot 3": { items: [{ id: "c" }] },
};
const LISTS = {
  "/items": { items: ["x"], page: "2" },
  "/items 2": { items: ["gone", "y"] },
  "/records x": { items: [{ id: "x1" }], page: "2" },
  "/records x 2": { items: [{ id: "x2" }] },
  "/records y": { items: [{ id: "y1" }] },
};

describe("the pages of a stream", () => {
  it("are asked for one by one, as they are taken", async () => {
    const { source, asked } = sourceOf(LIST);
    for await (const page of pages(source, await streamOf("snapshot"))) {
      expect(page).toMatchObject({ records: [{ id: "a" }], at: { page: null }, next: { page: { token: "2" } } });
      break;
    }
    expect(asked).toEqual(["/snapshot"]);
  });

  it.each([
    ["one list", "snapshot", LIST],
    ["a list for each of several items", "perItem", LISTS],
  ])("of %s go on at any place where they were left", async (_what, name, answers) => {
    const stream = await streamOf(name);
    const { source } = sourceOf(answers);
    const all = await collect(pages(source, stream));
    expect(all.at(-1)!.next).toBeNull();
    for (const [i, { next }] of all.entries()) {
      if (next === null) continue;
      const kept = JSON.parse(JSON.stringify(next)) as typeof next;
      const rest = await collect(pages(source, stream, undefined, kept));
      expect(rest).toEqual(all.slice(i + 1));
    }
  });

  it("of several items carry their item, and an item whose list is not found, twice, counts as empty", async () => {
    const { source, asked } = sourceOf(LISTS);
    const all = await collect(pages(source, await streamOf("perItem")));
    expect(all.map(({ records }) => records)).toEqual([
      [{ id: "x1", item: "x" }],
      [{ id: "x2", item: "x" }],
      [],
      [{ id: "y1", item: "y" }],
    ]);
    const gone = ["/records gone", "/records gone"];
    expect(asked).toEqual(["/items", "/items 2", "/records x", "/records x 2", ...gone, "/records y"]);
  });

  it("are none where there is no item", async () => {
    const { source } = sourceOf({ "/items": { items: [] } });
    expect(await collect(pages(source, await streamOf("perItem")))).toEqual([]);
  });

  it("take an error for an empty answer only where the stream accepts it", async () => {
    const { source } = sourceOf({});
    await expect(collect(pages(source, await streamOf("snapshot")))).rejects.toMatchObject({ class: "notFound" });
    await expect(collect(pages(source, await streamOf("perItem")))).rejects.toMatchObject({ class: "notFound" });
    const [page] = await collect(pages(source, await streamOf("strict")));
    expect(page).toMatchObject({ records: [], response: { body: null }, next: null });
  });

  it("end before the next request once the signal is aborted", async () => {
    const controller = new AbortController();
    const { source, asked } = sourceOf(LIST, controller);
    const reason = new Error("stopping");
    const reading = (async () => {
      for await (const _ of pages(source, await streamOf("snapshot"))) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(asked).toEqual(["/snapshot"]);
  });
});
