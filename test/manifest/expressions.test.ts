import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinPointer } from "../../runtime/core/json.ts";
import { compileExpression, compileText } from "../../runtime/manifest/expressions.ts";
import { compileCondition, compileJmespath } from "../../runtime/manifest/jmespath.ts";
import { compileTarget } from "../../runtime/manifest/targets.ts";
import { compilePath, compileTemplate } from "../../runtime/manifest/templates.ts";
import { runs } from "../fixtures/tier.ts";

const refused = (message: RegExp, code = "invalid_expression") =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("a runtime expression", () => {
  const scope = {
    response: { status: 200, headers: { "retry-after": "7" }, body: { next: "t", "a/b": [{ "~": 1 }] } },
    record: { id: "r" },
    input: { a: { b: 2 } },
    cursor: "c",
    steps: { read: { status: 200, headers: { etag: "e" }, body: { etag: "b" } } },
    workspace: { vars: { x: "w" } },
  };
  it.each([
    ["$response.body#/next", "t"],
    ["$response.body#/a~1b/0/~0", 1],
    ["$response.body", scope.response.body],
    ["$response.header.Retry-After", "7"],
    ["$response.status", 200],
    ["$record#/id", "r"],
    ["$input.a.b", 2],
    ["$cursor", "c"],
    ["$steps.read.body#/etag", "b"],
    ["$steps.read.header.etag", "e"],
    ["$workspace.vars.x", "w"],
    ["$input.missing.deeper", undefined],
  ])("%s gives the value at its place", (text, expected) => {
    expect(compileExpression(text, Object.keys(scope))(scope)).toEqual(expected);
  });

  it("reaches every property of any object by its pointer", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (record) => {
        for (const [key, value] of Object.entries(record)) {
          expect(compileExpression(`$record#${joinPointer("", key)}`, ["record"])({ record })).toBe(value);
        }
      }),
      { numRuns: runs(100) },
    );
  });

  it("does not see what an object inherits", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(compileExpression(`$record#/${name}`, ["record"])({ record: {} })).toBeUndefined();
    }
  });

  it.each([
    ["$inptu.a", /"\$inptu\.a": unknown root "\$inptu"; did you mean "\$input"\? Allowed here: \$input, \$connection/],
    ["$response.bodi#/x", /unknown root/],
    ["$input..a", /must be \$root/],
  ])("%s is refused with what would be right", (text, message) => {
    expect(thrownBy(() => compileExpression(text, ["input", "connection"]))).toEqual(refused(message));
  });

  it("names the parts an answer has", () => {
    expect(thrownBy(() => compileExpression("$response.headers.x", ["response"]))).toEqual(
      refused(/no "headers"; did you mean "header"\?/),
    );
  });

  it("is filled into text, where nothing becomes nothing", () => {
    expect(compileText("/{$input.a.b}-{$input.none}-{$cursor}", ["input", "cursor"])(scope)).toBe("/2--c");
  });
});

describe("JMESPath", () => {
  it.each([
    ["a ==", /`a ==`: it ends too early, at character 4/],
    ["a bcd", /at character 2$/],
    ["x + #", /unknown character: # at character 4/],
    ["lenght(a)", /there is no function lenght\(\); did you mean length\(\)\?/],
    ["[".repeat(2000) + "a" + "]".repeat(2000), /nested too deeply/],
    ["!".repeat(3000) + "a", /nested too deeply/],
    ["a".repeat(4097), /4097 characters long; 4096 are allowed/],
    ["{__proto__: a}", /"__proto__" cannot be read or made/],
  ])("%.20s is refused when it is parsed", (expression, message) => {
    expect(thrownBy(() => compileJmespath(expression))).toEqual(refused(message));
  });

  it("reads only the roots of its place, wherever they stand", () => {
    const roots = ["input", "connection"];
    for (const good of [
      "input.x[?y == `1`].z",
      "{a: input.b, c: connection.d}",
      "sort_by(input.list, &name)",
      "input | other",
    ]) {
      expect(() => compileJmespath(good, roots)).not.toThrow();
    }
    for (const bad of ["inptu.x", "input.a || recrod.b", "length(recrod)", "input.a == conection.b"]) {
      expect(thrownBy(() => compileJmespath(bad, roots))).toEqual(
        refused(/Allowed here: input, connection|unknown root/),
      );
    }
  });

  it.each(["null", "true", "false"])("says that %s without backticks is a name", (word) => {
    expect(thrownBy(() => compileJmespath(`input.a != ${word}`, ["input"]))).toEqual(
      refused(new RegExp(`"${word}" is read as a name; write \`${word}\` in backticks`)),
    );
  });

  it("does not see what an object inherits", () => {
    expect(compileJmespath("constructor.constructor")({})).toBeNull();
    expect(compileJmespath("toString")({})).toBeNull();
  });

  it.each([
    ["values that double", Array(40).fill("[@,@]").join("|"), /too much work/],
    ["lists that double", Array(40).fill("[@,@][]").join("|"), /too much work/],
    ["printing what doubles", `to_string(${Array(40).fill("[@,@]").join("|")})`, /too much work/],
    [
      "comparing what doubles",
      `(${Array(30).fill("[@,@]").join("|")}) == (${Array(30).fill("[@,@]").join("|")})`,
      /too much work/,
    ],
    ["loops in loops", "map(&map(&map(&map(&@, $.l), $.l), $.l), l)", /too much work/],
    ["loops behind variables", "let $l = l in map(&map(&map(&map(&@, $l), $l), $l), $l)", /too much work/],
    ["padding", "pad_left('a', `1000000000`)", /more than 1048576 characters/],
    [
      "text that grows",
      `'aaaa' | ${Array(40).fill("replace(@,'a','aaaaaaaaaaaaaaaaaaaaaaaa')").join("|")}`,
      /more than 1048576 characters/,
    ],
  ])("stops %s", (_, expression, message) => {
    const value = { a: 1, l: Array.from({ length: 100 }, (__, i) => i) };
    expect(thrownBy(() => compileJmespath(expression)(value))).toEqual(refused(message));
  });

  it("does ordinary work after it was stopped", () => {
    const evaluate = compileJmespath("map(&map(&map(&@, $.l), $.l), l)");
    thrownBy(() => evaluate({ l: Array.from({ length: 1000 }, () => 1) }));
    expect(evaluate({ l: [1] })).toEqual([[[1]]]);
  });

  it("as a condition takes null, false and what is empty as false", () => {
    const condition = compileCondition("a");
    expect([null, false, "", [], {}].map((a) => condition({ a }))).toEqual([false, false, false, false, false]);
    expect([0, true, "x", [0], { b: 1 }].map((a) => condition({ a }))).toEqual([true, true, true, true, true]);
  });
});

describe("a template", () => {
  const roots = ["input"];

  it("computes, copies with its type, fills in, and leaves the rest as it is", () => {
    const template = {
      a: "$input.n",
      b: { $expr: "input.list[0]" },
      c: "n={$input.n}",
      d: [1, "$5", null, true],
      e: "$input.none",
      f: null,
    };
    expect(compileTemplate(template, { roots })({ input: { n: 1, list: ["x"] } })).toEqual({
      a: 1,
      b: "x",
      c: "n=1",
      d: [1, "$5", null, true],
      f: null,
    });
  });

  it("leaves out list members without a value", () => {
    expect(compileTemplate(["$input.a", "$input.b"], { roots })({ input: { b: 2 } })).toEqual([2]);
  });

  it("shares constant parts, frozen", () => {
    const compiled = compileTemplate({ constant: { deep: [1] }, x: "$input.x" }, { roots });
    const [one, two] = [compiled({ input: { x: 1 } }), compiled({ input: { x: 2 } })] as {
      constant: { deep: number[] };
    }[];
    expect(one!.constant).toBe(two!.constant);
    expect(() => one!.constant.deep.push(2)).toThrow(TypeError);
  });

  it("gives any JSON without expressions unchanged", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        fc.pre(!JSON.stringify(json).includes("$") && !JSON.stringify(json).includes("__proto__"));
        expect(compileTemplate(json, { roots })({})).toEqual(json);
      }),
      { numRuns: runs(100) },
    );
  });

  it("starts at the record where records are mapped", () => {
    const compiled = compileTemplate(
      { id: "$record#/id", name: { $expr: "names[0]" } },
      { roots: ["record"], at: "record" },
    );
    expect(compiled({ record: { id: "1", names: ["Ada"] } })).toEqual({ id: "1", name: "Ada" });
  });

  it("says where its fault is", () => {
    const error = thrownBy(() => compileTemplate({ a: [{ "b/c": "$inptu.x" }] }, { roots }));
    expect(error).toEqual(refused(/unknown root "\$inptu"/));
    expect(error).toMatchObject({ faults: [{ pointer: "/a/0/b~1c" }] });
  });

  it("refuses properties beside $expr", () => {
    expect(thrownBy(() => compileTemplate({ $expr: "input", x: 1 }, { roots }))).toEqual(refused(/nothing beside it/));
  });
});

describe("a path", () => {
  const roots = ["input", "connection"];

  it("is an RFC 6570 template over the input, then the connection, or over named roots", () => {
    const path = compilePath("/l/{locationId}/c/{contactId}{?input.q,tags*}", roots);
    const scope = { input: { contactId: "a/b c", q: "ü", tags: ["x", "y"] }, connection: { locationId: "L1" } };
    expect(path(scope)).toBe("/l/L1/c/a%2Fb%20c?input.q=%C3%BC&tags=x&tags=y");
    expect(compilePath("/v1/{+name}", roots)({ input: { name: "people/c1" } })).toBe("/v1/people/c1");
  });

  it.each([[undefined], [null], [""]])("refuses %j where a segment is needed", (id) => {
    expect(thrownBy(() => compilePath("/c/{id}", roots)({ input: { id }, connection: {} }))).toEqual(
      refused(/"id" has no value; give it in the input/, "invalid_input"),
    );
  });

  it.each(["..", ".", "a/../b", "a\\..\\b"])("refuses %j, which would lead elsewhere", (id) => {
    expect(thrownBy(() => compilePath("/c/{+id}", roots)({ input: { id } }))).toEqual(
      refused(/it would lead elsewhere/, "invalid_input"),
    );
  });

  it("refuses a brace without partner", () => {
    expect(thrownBy(() => compilePath("/c/{id", roots))).toEqual(refused(/has no partner/));
  });
});

describe("a target", () => {
  it("changes a copy of the request and makes objects on its way", () => {
    const request = Object.freeze({ method: "POST", body: Object.freeze({ limit: 1 }) });
    expect(compileTarget("body.page.after")(request, "x")).toEqual({
      method: "POST",
      body: { limit: 1, page: { after: "x" } },
    });
    expect(request).toEqual({ method: "POST", body: { limit: 1 } });
  });
});
