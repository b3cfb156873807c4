import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainJson, repeatedKey } from "../../runtime/core/json.ts";

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
