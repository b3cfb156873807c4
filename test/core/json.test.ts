import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson, plainFault, plainJson, repeatedKey, shapeFault } from "../../runtime/core/json.ts";

describe("a property named twice", () => {
  it.each([
    ['{"a":1,"a":2}', "a"],
    ['{"a":1,"b":{"c":[{"d":1,"d":2}]}}', "d"],
    ['{"a":"}{,:","\\u0061":2}', "a"],
    ['[{"a":1},{"a":1}]', undefined],
    ['{"a":{"a":{"a":"a"}},"b":["a","a"]}', undefined],
    ['"a"', undefined],
    ['{"a":"a","b":"a","c":["x",{"a":1}]}', undefined],
  ])("is found in %s", (text, found) => {
    expect(repeatedKey(text)).toBe(found);
  });

  it("is never seen in what JSON.stringify writes, and always once an object's first name stands in it again", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(repeatedKey(text)).toBeUndefined();
        expect(repeatedKey(`{"a":${text},"b":[${text}],"a":0}`)).toBe("a");
      }),
    );
  });

  it.each(["x", "\n", '"', "\\"])("is found behind a text of 16 MB of %j", (letter) => {
    const long = JSON.stringify(letter.repeat((16 * 1024 * 1024) / JSON.stringify(letter).slice(1, -1).length));
    expect(repeatedKey(`{"a":${long},"b":1}`)).toBeUndefined();
    expect(repeatedKey(`{"a":${long},"a":1}`)).toBe("a");
  });
});

describe("JSON that is read", () => {
  it("is refused in the words of JSON.parse when it is nested too deeply, however deeply", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(parseJson(nested(128))).toBeInstanceOf(Array);
    for (const depth of [129, 200_000]) expect(() => parseJson(nested(depth))).toThrow(SyntaxError);
  });

  it("has no __proto__", () => {
    expect(JSON.stringify(parseJson('[{"a":{"__proto__":{"b":1},"c":2}}]'))).toBe('[{"a":{"c":2}}]');
  });
});

describe("what JSON cannot carry", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

  it.each<[string, unknown, string, string]>([
    ["a function", { a: [{ b: () => 1 }] }, "/a/0/b", "is a function, which JSON cannot carry; give plain data"],
    ["NaN", { "a/b": NaN }, "/a~1b", "is NaN, which JSON cannot carry; give plain data"],
    ["a list with a hole", [1, undefined], "/1", "is undefined, which JSON cannot carry; give plain data"],
    ["a Map", { a: new Map() }, "/a", "is a Map, which JSON cannot carry; give plain data"],
    ["a bigint", 1n, "", "is a bigint, which JSON cannot carry; give plain data"],
    ["no time", [new Date(NaN)], "/0", "is a Date without a time, which JSON cannot carry; give plain data"],
    ["__proto__", { a: JSON.parse('{"__proto__":1}') }, "/a", 'has a property named "__proto__"; remove it'],
    ["U+0000", { a: ["b\0"] }, "/a/0", "has the character U+0000, which cannot be stored; remove it"],
    ["half a character", { a: "\ud83d" }, "/a", "has half of a surrogate pair, which is no character; remove it"],
    [
      "U+0000 in a name",
      { a: { "b\0": 1 } },
      "/a",
      "has a property whose name has the character U+0000, which cannot be stored; remove it",
    ],
    ["65 lists", nested(65), "/0".repeat(64), "is nested more than 64 deep; flatten it"],
  ])("is named where it stands: %s", (_what, value, pointer, message) => {
    expect(plainFault(value)).toEqual({ pointer, message });
  });

  it("is nothing that JSON has a form for", () => {
    class Named {
      name = "Ada";
    }
    const plain = [
      nested(64),
      { a: undefined },
      new Date(0),
      new URL("https://a.example"),
      new Named(),
      -0,
      "😀",
      null,
    ];
    expect(plain.map((value) => plainFault(value))).toEqual(plain.map(() => undefined));
  });

  it("may have any text where it is not stored as it is", () => {
    expect(shapeFault({ a: "b\0", c: "\ud83d" })).toBeUndefined();
    expect(shapeFault({ a: NaN })!.pointer).toBe("/a");
  });

  it("is a cycle", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(plainFault(cycle)!.message).toBe("is nested more than 64 deep; flatten it");
  });
});

describe("a value as JSON carries it", () => {
  it("has no undefined properties, times as text, and nothing of the original", () => {
    const given = { a: undefined, at: new Date(0), list: [1] };
    const plain = plainJson(given) as typeof given;
    expect(plain).toEqual({ at: "1970-01-01T00:00:00.000Z", list: [1] });
    expect(plain.list).not.toBe(given.list);
  });

  it("is undefined where there is none", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect([plainJson(undefined), plainJson(() => 1), plainJson(cycle), plainJson(1n)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
