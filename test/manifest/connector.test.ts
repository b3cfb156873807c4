import { describe, expect, it } from "vitest";
import { compileRecords } from "../../runtime/manifest/compile-records.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { Site } from "../../runtime/manifest/site.ts";
import { acme } from "./acme.ts";

const connector = compileConnector(await loadManifest(acme()));
const answer = (body: unknown, status = 200, headers = {}) => ({ status, headers, body });

describe("a compiled stream", () => {
  const stream = connector.streams.get("contacts")!;

  it("takes records from the first place that exists; one is a list of one", () => {
    expect(stream.select(answer({ contacts: [1, 2] }))).toEqual([1, 2]);
    expect(stream.select(answer({ contacts: [], data: [{ contact: 3 }] }))).toEqual([]);
    expect(stream.select(answer({ data: [{ contact: 3 }] }))).toEqual([3]);
    expect(stream.select(answer({ contacts: { id: 1 } }))).toEqual([{ id: 1 }]);
  });

  it.each([
    ["no content", undefined, "no content"],
    ["null", null, "no content"],
    ["an empty object", {}, "a body without records"],
    ["an empty list", [], "a body without records"],
    ["null in its place", { contacts: null }, "a body without records"],
    ["an error", { contacts: [], error: { code: 500, message: "Backend Error" } }, "an error: Backend Error"],
    ["an error without words", { error: { code: 500 } }, 'an error: {"code":500}'],
    ["an error in a word", { contacts: [], error: "maintenance" }, "an error: maintenance"],
    ["a list of errors", { contacts: [], errors: [{ message: "Backend Error" }] }, "an error: Backend Error"],
    ["error true", { contacts: [], error: true, message: "down for maintenance" }, "an error: down for maintenance"],
    ["an error by its number", { contacts: [], error: 500 }, "an error: 500"],
    ["a number", { contacts: 0 }, "0 in place of records"],
    ["false", { contacts: false }, "false in place of records"],
    ["a text", { contacts: "none" }, "none in place of records"],
    ["an object that is no record", { contacts: {} }, "an object without a key in place of records"],
    ["errors alone", { errors: ["overloaded"], next: "t2" }, "an error: overloaded"],
  ])("takes %s for no list at all", (_name, body, what) => {
    expect(() => stream.select(answer(body))).toThrow(
      `The vendor answered 200 with ${what}, where the manifest expects $response.body#/contacts or data[].contact`,
    );
  });

  it("takes a missing place for an empty list where it may be missing, in an object that is as expected", () => {
    const optional = compileRecords(
      {
        select: "$response.body#/items",
        optional: true,
        expect: { properties: { kind: { const: "list" } }, required: ["kind"] },
        primaryKey: "/id",
      },
      new Site(),
    );
    expect(optional.select(answer({ kind: "list" }))).toEqual([]);
    expect(() => optional.select(answer({}))).toThrow(/another body \(\/kind: is required/);
    expect(() => optional.select(answer({ kind: "other" }))).toThrow(/another body \(\/kind: /);
    expect(() => optional.select(answer([]))).toThrow("a body without records");
    expect(() => optional.select(answer({ kind: "list", items: null }))).toThrow("null in place of a list");
  });

  it("takes records beside a word about some of them, and an empty one for none", () => {
    expect(stream.select(answer({ contacts: [1], errors: ["one contact is hidden"] }))).toEqual([1]);
    expect(stream.select(answer({ contacts: [], error: "", errors: [] }))).toEqual([]);
    expect(stream.select(answer({ contacts: [], error: false }))).toEqual([]);
    expect(stream.select(answer({ contacts: [], error: 0 }))).toEqual([]);
  });

  it("takes an error for no empty list, where a list may be missing", () => {
    const optional = compileRecords({ select: "$response.body#/items", optional: true, primaryKey: "/id" }, new Site());
    expect(() => optional.select(answer({ errors: [{ message: "Backend Error" }], token: "t9" }))).toThrow(
      "an error: Backend Error",
    );
    expect(optional.select(answer({ errors: [], token: "t9" }))).toEqual([]);
  });

  it("takes a list for no record where there is one", () => {
    const single = compileRecords({ select: "$response.body", primaryKey: "/id" }, new Site(), true);
    expect(single.select(answer({ id: 1 }))).toEqual([{ id: 1 }]);
    expect(() => single.select(answer([]))).toThrow("a list instead of one record");
  });

  it("joins several keys so that no two pairs meet, and has none when a part is missing", () => {
    expect(stream.key({ account: "a", id: 1 })).toBe("a|1");
    expect(stream.key({ account: "a|b", id: "c" })).not.toBe(stream.key({ account: "a", id: "b|c" }));
    expect(stream.key({ account: "a\\", id: "b" })).not.toBe(stream.key({ account: "a", id: "\\b" }));
    expect(stream.key({ account: "a" })).toBeUndefined();
    expect(stream.key({ account: "a", id: "" })).toBeUndefined();
  });

  it("reads version, deletion, former keys, time, watched values and the resource of a record", () => {
    const record = {
      id: "1",
      etag: "e",
      status: "deleted",
      merged: ["0", 7],
      updated: "2026-01-01T00:00:00Z",
      groups: [{ id: "g" }],
      name: { first: "Ada" },
    };
    expect(stream.version!(record)).toBe("e");
    expect(stream.deleted!(record)).toBe(true);
    expect(stream.deleted!({})).toBe(false);
    expect(stream.previousKeys!(record)).toEqual(["0", "7"]);
    expect(stream.timestamp!(record)).toBe("2026-01-01T00:00:00Z");
    expect(stream.watch!(record)).toEqual({ groups: ["g"] });
    expect(stream.resource!.map(record)).toEqual({ type: "contact", id: "1", firstName: "Ada" });
    expect(stream.fingerprint).toBeUndefined();
  });

  it("builds its request from input and cursor", () => {
    expect(stream.request({ input: { listId: "l 1" }, cursor: "c" })).toEqual({
      method: "GET",
      path: "/lists/l%201/contacts",
      query: { since: "c", limit: 100 },
    });
    expect(stream.request({ input: { listId: "l" } }).query).toEqual({ limit: 100 });
  });

  it("names the next page and the cursor's values", () => {
    const page = { response: answer({ last: true }), lastRecord: { updated: 5, id: "x" } };
    expect(stream.pagination.from.map((from) => from(page))).toEqual([5, "x"]);
    expect(stream.pagination.stopWhen!(page.response)).toBe(true);
    expect(stream.cursor.ofRecord.map((of) => of({ updated: 5 }))).toEqual([5]);
  });
});

describe("a compiled trigger", () => {
  const trigger = connector.triggers.get("contact_created")!;

  it("hands the stream what both inputs declare", () => {
    expect(trigger.streamInput({ input: { listId: "1", other: 2 } })).toEqual({ listId: "1" });
  });

  it("decides by its condition", () => {
    expect(trigger.where!({ record: { vip: true } })).toBe(true);
    expect(trigger.where!({ record: {} })).toBe(false);
  });
});

describe("a compiled action", () => {
  it("runs its steps on the answers of earlier ones", () => {
    const action = connector.actions.get("update_contact")!;
    const steps = { read: answer({ name: "Old" }, 200, { etag: "v1" }) };
    const scope = { input: { contactId: "c1", name: "New" }, connection: {}, steps };
    expect(action.steps[1]!.request(scope)).toEqual({
      method: "PUT",
      path: "/contacts/c1",
      headers: { "If-Match": "v1" },
      body: { name: "New" },
    });
    expect(action.result({ ...scope, response: answer({ id: "c1" }) })).toEqual({ id: "c1", before: "Old" });
    expect(action.idempotency).toBe("none");
  });

  it("knows which of its steps change nothing: those that say so, GET, get and list", async () => {
    const { actions } = compileConnector(await loadManifest("connector/google-contacts/manifest.json"));
    const readsOf = (name: string) => actions.get(name)!.steps.map(({ id, reads }) => `${id} ${reads}`);
    expect(readsOf("upsert_contact")).toEqual([
      "warm true",
      "search true",
      "read true",
      "update false",
      "create false",
    ]);
    expect(readsOf("batch_update_contacts")).toEqual(["read true", "write false"]);
    expect(connector.actions.get("update_contact")!.steps.map(({ reads }) => reads)).toEqual([true, false]);
  });

  it("of one request has one step and gives the body", () => {
    const action = connector.actions.get("get_contact")!;
    expect(action.steps.map(({ id }) => id)).toEqual(["request"]);
    expect(action.result({ response: answer({ id: "c1" }) })).toEqual({ id: "c1" });
    expect(action.idempotency).toBe("natural");
  });

  it("refuses an input with a fault", () => {
    expect(
      connector.actions
        .get("update_contact")!
        .validateInput({ contactid: "1" })
        .map(({ pointer }) => pointer),
    ).toEqual(["/contactId", "/contactid"]);
  });
});

describe("compiled error matchers", () => {
  it("match by status and by condition, and say how long to wait", () => {
    const [limited, expired] = connector.errors;
    expect(limited!.matches(answer(null, 429))).toBe(true);
    expect(limited!.retryAfter!(answer(null, 429, { "retry-after": "3" }))).toBe("3");
    expect(expired!.matches(answer({ code: "EXPIRED" }, 400))).toBe(true);
    expect(expired!.matches(answer({ code: "OTHER" }, 400))).toBe(false);
  });
});

describe("compiled authentication", () => {
  it("captures values, names the account and heads every request", () => {
    const oauth2 = connector.authentication.get("oauth2")!;
    expect(oauth2.capture.get("locationId")!(answer({ locationId: "L" }))).toBe("L");
    expect(oauth2.label!({ response: answer({ name: "Ada" }) })).toBe("Account Ada");
    expect(connector.serverHeaders({ connection: { locationId: "L" } })).toEqual({ "X-Location": "L" });
  });
});
