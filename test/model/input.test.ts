import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { newEndpoint } from "../../runtime/model/endpoints.ts";

const url = "https://consumer.example/hooks";

function refusal(given: unknown): HooklineError {
  try {
    newEndpoint.check(given);
  } catch (error) {
    if (error instanceof HooklineError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("an input of the library", () => {
  it("is refused in clear words when JSON would lose a part of it", () => {
    expect(refusal({ url, headers: { a: () => 1 } })).toMatchObject({
      code: "invalid_input",
      message: "endpoint/headers/a: is a function, which JSON cannot carry; give plain data",
      faults: [{ pointer: "/headers/a" }],
    });
    expect(refusal({ url, ratePerSecond: NaN }).message).toMatch(/^endpoint\/ratePerSecond: is NaN/);
  });

  it("is refused with __proto__ in it, in the words of HTTP", () => {
    expect(refusal({ url, headers: JSON.parse('{"__proto__":{}}') }).message).toBe(
      'endpoint/headers: has a property named "__proto__"; remove it',
    );
  });

  it("lists 100 faults at most, and how many more there are", () => {
    const faults = (count: number) =>
      refusal({ url, ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`unknown${i}`, i])) });
    expect(faults(100).faults).toHaveLength(100);
    const { faults: listed, message } = faults(102);
    expect(listed).toHaveLength(101);
    expect(listed.at(-1)).toEqual({ pointer: "", message: "2 more faults are not listed; correct these first" });
    expect(message).toMatch(/\(and 101 more\)$/);
  });
});
