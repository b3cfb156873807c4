import { search, type JSONValue } from "@jmespath-community/jmespath";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileJmespath } from "../../runtime/manifest/jmespath.ts";
import { runs } from "../fixtures/tier.ts";

const EXPRESSIONS = [
  "a",
  "a.b.c",
  "@",
  "*.a",
  "a[0]",
  "a[-1].b",
  "a[1:]",
  "a[::-1].b",
  "a[].b",
  "a[][]",
  "a[*].b.c",
  "a[?b]",
  "a[?b == `1`].c | [0]",
  "a[?b != null].c",
  "a[?b < `2`]",
  "[a, b.c, `[]`]",
  "[a, b][]",
  "{x: a, y: b.c}",
  "a.{x: b, y: @}",
  "a[].{x: b}",
  "a || b",
  "a && b",
  "!a",
  "a == b",
  "a ? b : c",
  "a | b",
  "`1`",
  "to_string(a)",
  "length(to_array(a))",
  "keys(@ || `{}`)",
  "sort(to_array(a)[].to_string(@))",
  "map(&b, to_array(a))",
  "let $x = a in [$x, b[?@ == $x]]",
];

const leaf = fc.constantFrom<JSONValue>(null, true, false, 0, 1, 2, "", "x", "ab");
const { value } = fc.letrec<{ value: JSONValue; list: JSONValue; object: JSONValue }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie("list"), tie("object")),
  list: fc.array(tie("value"), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));

/** The value, or the fact that there is none. */
const outcome = (evaluate: () => unknown): unknown => {
  try {
    return { found: evaluate() };
  } catch {
    return "fails";
  }
};

describe("a compiled expression", () => {
  it.each(EXPRESSIONS)("%s means what the library's interpreter means", (expression) => {
    const compiled = compileJmespath(expression);
    fc.assert(
      fc.property(value, (data) => {
        expect(outcome(() => compiled(data))).toEqual(outcome(() => search(data, expression)));
      }),
      { numRuns: runs(100) },
    );
  });

  it("does no more work on one value than it may, wherever the work is", () => {
    const list = Array.from({ length: 1000 }, (_, n) => n);
    const message = expect.stringContaining("it does too much work on this value") as string;
    const expression = Array.from({ length: 3 }, () => "[*].[@, @, @, @, @, @, @, @, @, @][]").join(" | ");
    expect(() => compileJmespath(expression)(list)).toThrow(
      expect.objectContaining({ code: "invalid_expression", message }),
    );
  });
});
