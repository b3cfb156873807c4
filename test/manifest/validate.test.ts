import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import schema from "../../schemas/manifest.schema.json" with { type: "json" };
import { checkSchema, compileSchema } from "../../runtime/manifest/validate.ts";

const contact = {
  type: "object",
  additionalProperties: false,
  required: ["givenName"],
  properties: {
    givenName: { type: "string", minLength: 1 },
    kind: { enum: ["home", "work"] },
    age: { type: ["integer", "null"] },
    site: { type: "string", format: "uri" },
  },
};

describe("a validator", () => {
  const validate = compileSchema(contact);

  it("gives no faults for what is right", () => {
    expect(validate({ givenName: "Ada", kind: "work", age: null, site: "https://example.com" })).toEqual([]);
  });

  it("gives all faults at once, in words, with pointers", () => {
    expect(validate({ givenNam: "Ada", kind: "wrk", age: "9", site: "here" })).toEqual([
      { pointer: "/givenName", message: "is required" },
      { pointer: "/givenNam", message: 'unknown property "givenNam"; did you mean "givenName"?' },
      { pointer: "/kind", message: 'must be one of "home", "work"; did you mean "work"?' },
      { pointer: "/age", message: "must be an integer or null, not a string" },
      { pointer: "/site", message: "must be an absolute URL" },
    ]);
    expect(validate({ givenName: "" })).toEqual([{ pointer: "/givenName", message: "must not be empty" }]);
  });

  it("is compiled once for a schema, also when the schema was checked before", () => {
    expect(compileSchema(contact)).toBe(validate);
    const compile = vi.spyOn(Ajv2020.prototype, "compile");
    onTestFinished(() => compile.mockRestore());
    const own = { type: "object", title: "Compiled once" };
    expect([checkSchema(own), checkSchema(own), compileSchema(own)({})]).toEqual([[], [], []]);
    expect(compile.mock.calls.filter(([compiled]) => compiled === own)).toHaveLength(1);
  });

  it("follows recursion within a schema, and refuses values nested without end", () => {
    const tree = compileSchema({
      $ref: "#/$defs/node",
      $defs: { node: { type: "object", additionalProperties: { $ref: "#/$defs/node" } } },
    });
    expect(tree({ a: { b: {} } })).toEqual([]);
    let deep = {};
    for (let i = 0; i < 20_000; i++) deep = { a: deep };
    expect(tree(deep)).toEqual([{ pointer: "", message: "is nested more than 100 deep" }]);
  });

  it("finds every fault of a value of 20,000 parts, and the first of a larger one", () => {
    const texts = compileSchema({ type: "array", items: { type: "string" } });
    const numbers = (count: number) => Array.from({ length: count }, () => 1);
    expect(texts(numbers(19_999))).toHaveLength(19_999);
    expect(texts(numbers(20_000))).toHaveLength(2);
    const node = { anyOf: [{ type: "string" }, { type: "array", items: { $ref: "#/$defs/node" } }] };
    const faultsOf = compileSchema({ $ref: "#/$defs/node", $defs: { node } });
    const message = "matches none of the allowed forms";
    expect(faultsOf(numbers(20_000))).toEqual([
      { pointer: "/0", message },
      { pointer: "", message: "is large; only its first fault is listed" },
    ]);
    expect(faultsOf(["right", ...numbers(200_000)])).toHaveLength(2);
  });

  it("describes thousands of failed unions in little time", () => {
    const item = { oneOf: [{ type: "string" }, { type: "object", properties: { a: { type: "string" } } }] };
    const began = performance.now();
    const faults = compileSchema({ type: "array", items: item })(Array.from({ length: 9_000 }, () => ({ a: 1 })));
    expect(faults).toHaveLength(9_000);
    expect(faults.at(-1)).toEqual({ pointer: "/8999/a", message: "must be a string, not a number" });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("matches patterns in linear time", () => {
    const faults = compileSchema({ type: "string", pattern: "^(a+)+$" })(`${"a".repeat(100_000)}b`);
    expect(faults).toEqual([{ pointer: "", message: "must match ^(a+)+$" }]);
  });

  it("tells patterns of one schema apart", () => {
    const both = compileSchema({ properties: { a: { pattern: "^x" }, b: { pattern: "^y" } } });
    expect(both({ a: "x", b: "y" })).toEqual([]);
    expect(both({ a: "y", b: "y" })).toEqual([{ pointer: "/a", message: "must match ^x" }]);
  });

  it("does not take inherited properties for given ones", () => {
    const validateOwn = compileSchema({ type: "object", required: ["constructor"], additionalProperties: false });
    expect(validateOwn({})).toEqual([{ pointer: "/constructor", message: "is required" }]);
    expect(validateOwn(JSON.parse('{"__proto__": 1, "constructor": 1}'))).toHaveLength(2);
  });
});

describe("a union", () => {
  const stream = {
    title: "C",
    request: { method: "GET", path: "/c" },
    records: { select: "$response.body#/c", primaryKey: "/id" },
    cursor: { type: "snapshot" },
  };
  const manifest = {
    manifestVersion: 1,
    name: "acme",
    version: "1.0.0",
    title: "Acme",
    server: { url: "https://a.example" },
    allowedHosts: ["a.example"],
    authentication: { type: "none" },
  };
  const faults = (change: object, streamChange: object = {}) =>
    compileSchema(schema)({ ...manifest, streams: { c: { ...stream, ...streamChange } }, ...change }).map(
      ({ pointer, message }) => `${pointer}: ${message}`,
    );

  it.each([
    [
      {},
      { cursor: { type: "snapshoot" } },
      [/^\/streams\/c\/cursor\/type: must be one of "syncToken", .*; did you mean "snapshot"\?$/],
    ],
    [{}, { cursor: { type: "syncToken" } }, [/cursor\/from: is required$/, /cursor\/to: is required$/]],
    [
      {},
      { request: { method: "GET", path: "/c", quary: {} } },
      [/^\/streams\/c\/request\/quary: unknown property "quary"; did you mean "query"\?$/],
    ],
    [{}, { request: { method: "GETT", path: "/c" } }, [/request\/method: must be one of "GET".*did you mean "GET"\?$/]],
    [
      {},
      { records: { select: "c", primaryKey: ["id"] } },
      [/records\/select: must match .*for example "\$response/, /primaryKey\/0: must match \^\//],
    ],
    [
      { authentication: { oneOf: [{ type: "bearr" }, { type: "none" }] } },
      {},
      [/^\/authentication\/oneOf\/0\/type: .*did you mean "bearer"\?$/],
    ],
    [{ errors: [{ class: "notFound" }] }, {}, [/^\/errors\/0: needs "status" or "when"$/]],
    [
      {
        actions: {
          a: {
            title: "A",
            kind: "get",
            request: { method: "GET", path: "/" },
            steps: [{ id: "s", request: { method: "GET", path: "/" } }],
          },
        },
      },
      {},
      [/^\/actions\/a: can have only one of "request", "steps"$/],
    ],
    [
      { triggers: { t: { title: "T", stream: "c", on: "crated", event: "c.created" } } },
      {},
      [/^\/triggers\/t\/on: must be one of .*did you mean "created"\?$/],
    ],
  ])("%j %j is reduced to the branch that was meant", (change, streamChange, expected) => {
    const found = faults(change, streamChange);
    expect(found).toHaveLength(expected.length);
    for (const pattern of expected) expect(found).toContainEqual(expect.stringMatching(pattern));
  });
});

describe("a schema from outside", () => {
  it.each([
    ["a word that is no type", { type: "objekt" }, /must be one of "array".*did you mean "object"\?/],
    [
      "a reference into the network",
      { $ref: "http://127.0.0.1:1/schema.json" },
      /cannot be used: can't resolve reference/,
    ],
    ["a lookahead", { pattern: "(?=a)" }, /cannot be used: .*\(\?=/],
    ["a pattern that does not parse", { pattern: "(" }, /cannot be used: .*missing closing/],
  ])("is refused for %s", (_, bad, message) => {
    expect(checkSchema(bad).map((fault) => fault.message)).toContainEqual(expect.stringMatching(message));
  });

  it("is refused when it is too large or too deep", () => {
    expect(checkSchema({ description: "x".repeat(1_100_000) })[0]!.message).toMatch(/longer than 1048576 characters/);
    let deep: object = {};
    for (let i = 0; i < 5000; i++) deep = { not: deep };
    expect(checkSchema(deep)[0]!.message).toMatch(/nested more than 100 deep/);
  });

  it("may be unfamiliar with our strictness", () => {
    expect(
      checkSchema({
        type: "object",
        "x-vendor": 1,
        properties: { a: { type: "string", format: "google-datetime", nullable: true } },
      }),
    ).toEqual([]);
  });
});
