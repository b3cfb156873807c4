import { describe, expect, it } from "vitest";
import { testManifest, type ConformanceReport } from "../../runtime/testing.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { byTime, shopManifest, withoutDeletions, type Change } from "./shop.ts";

const failures = ({ results }: ConformanceReport): string[] =>
  results
    .filter(({ outcome }) => outcome === "failed")
    .map((result) => `${result.area}: ${result.case}: ${result.message}`);

const reasons = ({ results }: ConformanceReport): string[] =>
  results
    .filter(({ outcome }) => outcome === "skipped")
    .map((result) => `${result.area}: ${result.case}: ${result.message}`);

async function outcomeOf(change: Change, area: string, situation: string): Promise<string> {
  const { results } = await testManifest(shopManifest(change), { only: [area], cases: [situation] });
  const result = results.find((candidate) => candidate.case === situation);
  return result ? `${result.outcome}: ${result.message ?? ""}` : `there is no case "${situation}"`;
}

describe("the conformance kit", () => {
  it("passes a complete connector of plain HTTP, and says what it left out and why", async () => {
    const report = await testManifest(shopManifest());
    expect(report).toMatchObject({ manifest: "shop", failed: 0, passed: report.results.length - report.skipped });
    expect(reasons(report)).toEqual([
      "stream orders: a next page on another host: the next page is not given as a link",
      "stream orders: tied times over a page boundary: the cursor is not a time",
      "stream orders: a record shown late, within overlap and settle: the cursor is not a time",
      "stream orders: a record that cannot be had: records come with the list, and none is asked for by itself",
      "stream orders: a record that moves: a record has one key, and there is one list",
      "stream orders: two records that become one: records do not name the keys they had",
      "stream orders: one of several lists that cannot be read: there is one list",
      "action get_order: a write that may have been done is repeated only where that is harmless: the action only reads",
    ]);
  });

  it("passes every kind of cursor without a single sample, and finds the triggers that cannot keep their promise", async () => {
    const report = await testManifest(vendorManifest());
    const found = report.results
      .filter(({ outcome }) => outcome === "failed")
      .map((result) => `${result.area}: ${result.case}`);
    const promised = ["since", "search", "history", "window"];
    expect(found).toEqual([
      ...promised.map((name) => `stream ${name}: a deleted record is told once`),
      ...promised.map((name) => `trigger ${name}_deleted: fires once`),
    ]);
    expect(report.passed).toBeGreaterThan(100);
  });

  it("tells everything in one report that a program can read", async () => {
    const told: string[] = [];
    const report = await testManifest(shopManifest(), {
      only: ["order_created", "action get_order"],
      onResult: ({ area }, done, total) => told.push(`${area} ${done}/${total}`),
    });
    expect(report.results[0]).toEqual({ area: "trigger order_created", case: "fires once", outcome: "passed" });
    expect(told).toEqual(report.results.map(({ area }, i) => `${area} ${i + 1}/8`));
    expect(report.passed + report.failed + report.skipped).toBe(8);
  });

  it("reports the faults of a manifest instead of testing it", async () => {
    const report = await testManifest(shopManifest(({ triggers }) => (triggers.order_created!.stream = "order")));
    expect(report).toMatchObject({ manifest: "shop", passed: 0, failed: 1, skipped: 0 });
    expect(failures(report)[0]).toMatch(
      /^manifest: has no faults: #\/triggers\/order_created\/stream: .*"order".*did you mean "orders"/,
    );
  });

  it("refuses a name that the manifest does not have", async () => {
    await expect(testManifest(shopManifest(), { only: ["order"] })).rejects.toMatchObject({
      code: "invalid_input",
      message: 'only: the manifest has no "order"; did you mean "orders"?',
    });
  });

  it("says when it cannot make an answer, and takes one from the author", async () => {
    const manifest = shopManifest(({ streams: { orders } }) => (orders.records.select = { $expr: "values(orders)" }));
    const without = await testManifest(manifest, { only: ["orders"] });
    expect(without.skipped).toBe(without.results.length - 1);
    expect(reasons(without)[0]).toMatch(
      /not testable from the manifest: .*records\.select finds records; add a recording of orders, or give answers\["orders"\]$/,
    );
    const answers = { orders: (records: readonly unknown[]) => ({ orders: Object.fromEntries(records.entries()) }) };
    const report = await testManifest(manifest, { only: ["orders"], answers });
    expect(failures(report)).toEqual([]);
    expect(report.passed).toBeGreaterThan(15);
  });
});

describe("a stream that is right passes", () => {
  const kinds: [string, Change, string][] = [
    [
      "with counted pages",
      ({ streams: { orders } }) =>
        (orders.pagination = {
          type: "page",
          to: "query.page",
          pageSize: { param: "query.size", value: 100 },
          stop: "short",
        }),
      "every page is read",
    ],
    [
      "with an offset",
      ({ streams: { orders } }) =>
        (orders.pagination = { type: "offset", to: "query.skip", pageSize: { param: "query.take", value: 50 } }),
      "every page is read",
    ],
    [
      "with links in a header",
      ({ streams: { orders } }) => (orders.pagination = { type: "link" }),
      "a next page on another host",
    ],
    [
      "with links in the body",
      ({ streams: { orders } }) => (orders.pagination = { type: "link", from: "$response.body#/links/next" }),
      "a next page on another host",
    ],
    [
      "with a condition that ends the pages",
      ({ streams: { orders } }) =>
        (orders.pagination = { type: "page", to: "query.page", stop: { when: "body.meta.more == `false`" } }),
      "every page is read",
    ],
    ["by time, with overlap and settle", byTime, "a record shown late, within overlap and settle"],
    ["by time, with an earlier update", byTime, "an update with an earlier time"],
    [
      "by time and id, in a body",
      (manifest) => {
        withoutDeletions(manifest);
        const { orders } = manifest.streams;
        orders.request = { method: "POST", path: "/search", body: { limit: 100 } };
        orders.cursor = { type: "keyset", values: ["$record#/changed", "$record#/id"], to: "body.after" };
        orders.pagination = {
          type: "keyset",
          from: ["$lastRecord#/changed", "$lastRecord#/id"],
          to: "body.after",
          pageSize: { param: "body.limit", value: 100 },
        };
      },
      "tied times over a page boundary",
    ],
    [
      "with one more request per record",
      ({ streams: { orders } }) =>
        Object.assign(orders, { enrich: { request: { method: "GET", path: "/orders/{record.id}" }, when: "!gone" } }),
      "an updated record is told once",
    ],
    [
      "that is read for each of a list",
      (manifest) => {
        const { orders } = manifest.streams;
        Object.assign(orders, {
          each: { request: { method: "GET", path: "/shelves" }, select: "$response.body#/shelves", into: "shelf" },
        });
        orders.request = { method: "GET", path: "/shelves/{item.id}/orders", query: { shelf: "$item#/id" } };
        byTime(manifest);
      },
      "a created record is told once",
    ],
    [
      "of one record",
      (manifest) => {
        const { orders } = manifest.streams;
        orders.records.select = "$response.body";
        orders.cursor = { type: "snapshot", single: true };
        delete orders.pagination;
        withoutDeletions(manifest);
      },
      "an updated record is told once",
    ],
  ];

  it.each(kinds)("%s", async (_kind, change, situation) => {
    const report = await testManifest(shopManifest(change), { only: ["orders"] });
    expect(failures(report)).toEqual([]);
    expect(report.results).toContainEqual({ area: "stream orders", case: situation, outcome: "passed" });
    expect(report.passed).toBeGreaterThan(6);
  });
});

describe("a stream that is wrong is found:", () => {
  const wrong: [string, Change, string, RegExp][] = [
    [
      "a primaryKey that is a kind",
      ({ streams, triggers }) => {
        Object.assign(triggers.order_deleted!.sample as object, { kind: "order" });
        Object.assign(streams.orders, {
          schema: { type: "object", properties: { kind: { enum: ["order"] } } },
          records: { ...streams.orders.records, primaryKey: "/kind" },
        });
      },
      "a created record is told once",
      /different records have the same key order; correct records\.primaryKey/,
    ],
    [
      "a versionKey that never changes",
      ({ streams }) => (streams.orders.records.versionKey = "/kind"),
      "an updated record is told once",
      /^failed: told: nothing; happened: updated ord_2f9001; .*versionKey/,
    ],
    [
      "a versionKey that is the key",
      ({ streams }) => (streams.orders.records.versionKey = "/id"),
      "an updated record is told once",
      /^failed: told: nothing; happened: updated ord_2f9001/,
    ],
    [
      "a versionKey that is not there",
      ({ streams }) => (streams.orders.records.versionKey = "/etag"),
      "samples fit the stream",
      /has no version at \/etag/,
    ],
    [
      "a primaryKey that changes with the version",
      ({ streams }) => (streams.orders.records.primaryKey = ["/id", "/revision"]),
      "an updated record is told once",
      /^failed: told: nothing; happened: updated/,
    ],
    [
      "no deleted",
      ({ streams }) => delete streams.orders.deleted,
      "a deleted record is told once",
      /told: updated ord_2f9001; happened: deleted ord_2f9001; say in the stream's deleted/,
    ],
    [
      "a deleted that does not hold for its sample",
      ({ streams }) => (streams.orders.deleted = "removed == `true`"),
      "samples fit the stream",
      /the sample of order_deleted is of a deletion, and the stream's deleted does not hold for it/,
    ],
    [
      "a cursor that is the page token",
      ({ streams }) => (streams.orders.cursor.from = "$response.body#/next"),
      "the next read goes on from the cursor",
      /^failed: the poll failed/,
    ],
    [
      "a cursor sent to the wrong place",
      ({ streams }) => (streams.orders.cursor.to = "query.page"),
      "the next read goes on from the cursor",
      /^failed: the poll failed/,
    ],
    [
      "no matcher of an expired cursor",
      (manifest) => (manifest.errors = []),
      "an expired cursor",
      /no matcher of class cursorExpired .* add it to errors/,
    ],
    [
      "a matcher of an expired cursor behind one that takes its answers",
      ({ errors }) => errors.unshift({ class: "invalidInput", status: [400] }),
      "an expired cursor (errors[1], 400)",
      /^failed: the poll failed \(vendor_error\)/,
    ],
    [
      "no pagination where the request limits the answer",
      ({ streams: { orders } }) => {
        delete orders.pagination;
        orders.request.query = { limit: 100 };
      },
      "every page is read",
      /limits the answer by limit, and nothing says how to ask for the rest/,
    ],
    [
      "a page token that is the record's count",
      ({ streams }) => (streams.orders.pagination!.to = "query.since"),
      "every page is read",
      /^failed: /,
    ],
    [
      "429 taken for something else",
      ({ errors }) => errors.push({ class: "unknown", status: [429] }),
      "429 with Retry-After",
      /429 counts as vendor_error; give errors a matcher of class rateLimited/,
    ],
    [
      "503 taken for a lost grant",
      ({ errors }) => errors.push({ class: "authRevoked", status: [503] }),
      "500 and 503, then an answer",
      /^failed: the poll failed \(reauth_required\)/,
    ],
    [
      "401 taken for a lost grant",
      ({ errors }) => errors.push({ class: "authRevoked", status: [401] }),
      "an access token that ends while pages are read",
      /^failed: /,
    ],
    [
      "a time cursor that goes on after a time alone",
      (manifest) => {
        byTime(manifest);
        manifest.streams.orders.cursor = { type: "keyset", values: ["$record#/changed"], to: "query.after" };
      },
      "tied times over a page boundary",
      /^failed: told: nothing; happened: created/,
    ],
  ];

  it.each(wrong)("%s", async (_fault, change, situation, message) => {
    expect(await outcomeOf(change, "orders", situation)).toMatch(message);
  });

  it("a trigger on a watched value that its expression never gives", async () => {
    const change: Change = ({ streams }) => (streams.orders.watch = { labels: "tags", state: "length(title) > `0`" });
    expect(await outcomeOf(change, "state_changed", "fires once")).toMatch(
      /^skipped: not testable from the manifest: no record can be made whose "state" was changed/,
    );
  });
});

describe("an account and its actions that are wrong are found:", () => {
  it("invalid_grant that does not end the connection", async () => {
    const change: Change = (manifest) => (manifest.errors = [{ class: "serverError", scope: "token", status: [400] }]);
    expect(await outcomeOf(change, "authentication", "a grant that was taken back")).toMatch(
      /^failed: invalid_grant ended with vendor_error; give errors a matcher of class authRevoked/,
    );
  });

  it("an answer whose output does not match its schema", async () => {
    const answers = { create_order: { order: { id: 7 } } };
    const { results } = await testManifest(shopManifest(), { only: ["create_order"], answers });
    const { outcome, message } = results.find((result) => result.case === "the sample's output")!;
    expect({ outcome, message }).toEqual({ outcome: "failed", message: "output/id must be a string, not a number" });
  });

  const wrong: [string, string, Change, string, RegExp][] = [
    [
      "a POST that creates and is repeated",
      "create_order",
      ({ actions }) => (actions.create_order.idempotency = "natural"),
      "a write that may have been done is repeated only where that is harmless",
      /^failed: a POST that creates was sent again/,
    ],
    [
      "input that is needed and not required",
      "get_order",
      ({ actions }) => delete actions.get_order.input.required,
      "input that is required and missing",
      /^skipped: nothing is required/,
    ],
    [
      "429 that is not tried again",
      "create_order",
      ({ errors }) => errors.push({ class: "quotaExceeded", status: [429] }),
      "429, then an answer",
      /^failed: GET|^failed: .*429/,
    ],
    [
      "401 taken for a missing scope",
      "get_order",
      ({ errors }) => errors.push({ class: "scopeMissing", status: [401] }),
      "an access token that has ended",
      /^failed: .*401/,
    ],
  ];

  it.each(wrong)("%s", async (_fault, action, change, situation, message) => {
    expect(await outcomeOf(change, action, situation)).toMatch(message);
  });
});
