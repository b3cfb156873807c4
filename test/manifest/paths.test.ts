import { describe, expect, it } from "vitest";
import { pathOf, pathsRead } from "../../runtime/manifest/paths.ts";
import { compileTemplate } from "../../runtime/manifest/templates.ts";

describe("what an expression reads", () => {
  it.each([
    ["trigger.resource.emails[0].value", ["trigger.resource.emails.0.value"], true],
    ["steps.find.output.contacts[?id=='x'].name | [0]", ["steps.find.output.contacts"], false],
    ["join(' ', [trigger.a, steps.b.output])", ["trigger.a", "steps.b.output"], false],
    ["!steps.find.output", ["steps"], false],
    ["{a: {b: trigger.x}}", ["trigger.x"], false],
    ["a || b.c", ["a", "b.c"], false],
    ["let $x = trigger.a in trigger.b[?c == $x]", ["trigger.a", "trigger.b"], false],
  ])("is told of %s", (expression, expected, isPath) => {
    const { paths, whole } = pathsRead(expression);
    expect(paths.map((path) => path.join("."))).toEqual(expected);
    expect(whole !== undefined).toBe(isPath);
  });

  it("is told of a runtime expression", () => {
    expect(pathOf("$trigger.a#/b/0/c~1d")).toEqual(["trigger", "a", "b", "0", "c/d"]);
    expect(pathOf("$trigger.a.b")).toEqual(["trigger", "a", "b"]);
  });
});

describe("{{JMESPath}} in text", () => {
  const render = (template: unknown) =>
    compileTemplate(template, { roots: ["a", "b"], placeholders: true })({ a: { n: 1, list: [1, 2] }, b: null });

  it("gives a value with its type where it stands alone, and text beside text", () => {
    expect(
      render({ n: "{{a.n}}", list: "{{ a.list }}", text: "n={{a.n}}, {{a.list}}, {{b}}.", hash: "{{{x: a.n}}}" }),
    ).toEqual({
      n: 1,
      list: [1, 2],
      text: "n=1, [1,2], .",
      hash: { x: 1 },
    });
  });

  it("is a fault when it has no end, nothing in it, or an unknown root", () => {
    expect(() => render("{{a.n")).toThrow('expression "{{a.n": a {{ has no }}; close it');
    expect(() => render("x {{ }}")).toThrow('expression "x {{ }}": there is nothing between {{ and }}');
    expect(() => render("{{c.n}}")).toThrow('unknown root "c"');
  });

  it("is plain text where placeholders are not meant", () => {
    expect(compileTemplate("{{a.n}}", { roots: ["a"] })({ a: {} })).toBe("{{a.n}}");
  });
});
