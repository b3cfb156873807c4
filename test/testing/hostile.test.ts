import { describe, expect, it } from "vitest";
import { testManifest } from "../../runtime/testing.ts";
import { HOSTILE } from "../../runtime/testing/hostile.ts";
import { byTime, shopManifest, withoutDeletions, type Change } from "./shop.ts";

async function outcomeOf(change: Change, kind: string): Promise<string> {
  const cases = HOSTILE.filter((one) => one.kind === kind).map(({ title }) => title);
  const { results } = await testManifest(shopManifest(change), { only: ["orders"], cases });
  const { outcome, message } = results.find(({ hostile }) => hostile === kind) ?? results[0]!;
  return message === undefined ? outcome : `${outcome}: ${message}`;
}

const snapshot: Change = ({ streams: { orders } }) => (orders.cursor = { type: "snapshot" });
const enriched: Change = (manifest) => {
  withoutDeletions(manifest);
  manifest.streams.orders = {
    ...manifest.streams.orders,
    enrich: { request: { method: "GET", path: "/orders/{record.id}" } },
  } as never;
};
const ofLists: Change = (manifest) => {
  byTime(manifest);
  Object.assign(manifest.streams.orders, {
    each: { request: { method: "GET", path: "/shelves" }, select: "$response.body#/shelves", into: "shelf" },
  });
  manifest.streams.orders.request = { method: "GET", path: "/shelves/{item.id}/orders" };
};
const renamed: Change = ({ streams: { orders } }) => (orders.records.previousKeys = "/formerly");

describe("a hostile server is met by every stream:", () => {
  it.each<[string, string, Change]>([
    ["a 200 without a body", "empty 200", () => {}],
    ["an answer without the list", "no list", snapshot],
    ["a second page without a body", "empty page", snapshot],
    ["a record that cannot be had", "poison", enriched],
    ["a page larger than the budget", "large page", enriched],
    [
      "a vendor that ignores skip",
      "same page",
      ({ streams: { orders } }) =>
        (orders.pagination = {
          type: "offset",
          to: "query.skip",
          pageSize: { param: "query.take", value: 50 },
        }),
    ],
    ["a cursor refused in other words than declared", "refused", () => {}],
    ["the same of a time", "refused", byTime],
    ["a record with another key", "moved", renamed],
    ["a record on another list", "moved", ofLists],
    ["one of several lists that cannot be read", "list fails", ofLists],
    ["two records that become one", "merged", renamed],
    ["a list that begins with the newest", "newest 1st", byTime],
  ])("%s", async (_name, kind, change) => {
    expect(await outcomeOf(change, kind)).toBe("passed");
  });

  it.each<[string, string, Change, RegExp]>([
    [
      "a list that may be missing is taken for empty",
      "no list",
      (manifest) => {
        snapshot(manifest);
        manifest.streams.orders.records.optional = true;
      },
      /^failed: told: deleted ord_2f9001, deleted ord_2f9002; happened: nothing; such an answer proves nothing; drop records\.optional, or give records\.expect$/,
    ],
    [
      "any answer is the record",
      "no list",
      (manifest) => {
        withoutDeletions(manifest);
        const { orders } = manifest.streams;
        orders.cursor = { type: "snapshot", single: true };
        orders.records = { select: "$response.body", primaryKey: "$connection.region" };
        orders.records.primaryKey = "$input.order";
        Object.assign(orders, { input: { type: "object", required: ["order"], properties: { order: {} } } });
        delete orders.pagination;
        manifest.triggers = {};
      },
      /^failed: told: updated text; happened: nothing; such an answer proves nothing; drop records\.optional, or give records\.expect$/,
    ],
    [
      "a refusal is taken for a limit",
      "refused",
      ({ errors }) => errors.push({ class: "rateLimited", status: [422] }),
      /^failed: the poll failed \(rate_limited\)/,
    ],
    [
      "a record's own error is taken for a limit",
      "poison",
      (manifest) => {
        enriched(manifest);
        manifest.errors.push({ class: "rateLimited", status: [500] });
      },
      /^failed: told: .*; a record that answers 500 stopped the others$/,
    ],
  ])("%s, which is found", async (_fault, kind, change, message) => {
    expect(await outcomeOf(change, kind)).toMatch(message);
  });

  it("says why one does not apply", async () => {
    expect(await outcomeOf(snapshot, "refused")).toBe("skipped: a snapshot has no cursor");
    expect(await outcomeOf(() => {}, "poison")).toBe(
      "skipped: records come with the list, and none is asked for by itself",
    );
    const ordered: Change = ({ streams: { orders } }) =>
      (orders.pagination = { type: "keyset", from: "$lastRecord#/id", to: "query.after" });
    expect(await outcomeOf(ordered, "newest 1st")).toBe(
      "skipped: the request asks for an order, and the next page begins behind the last record",
    );
  });
});
