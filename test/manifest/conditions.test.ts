import { describe, expect, it } from "vitest";
import { conditionOf } from "../../runtime/manifest/conditions.ts";

describe("a condition that people wrote", () => {
  it.each([
    ["a", { a: 0 }, true],
    ["a", { a: [] }, false],
    ["a", { a: "" }, false],
    ["a", {}, false],
    ["a == `1`", { a: 1 }, true],
    ["@", {}, false],
  ])("%s of %j is %s", (expression, value, holds) => {
    expect(conditionOf(expression)(value)).toBe(holds);
  });

  it("that does not parse is refused each time, and not kept", () => {
    for (let time = 0; time < 2; time++)
      expect(() => conditionOf("a ==")).toThrow(expect.objectContaining({ code: "invalid_expression" }));
  });

  it("is compiled once among the 10 000 used last", () => {
    const first = conditionOf("first");
    for (let n = 0; n < 9_999; n++) conditionOf(`n == \`${n}\``);
    expect(conditionOf("first")).toBe(first);
    for (let n = 0; n < 10_000; n++) conditionOf(`n == \`${n}\``);
    expect(conditionOf("first")).not.toBe(first);
  });
});
