import { describe, expect, it } from "vitest";
import { compileJmespath } from "../../runtime/manifest/jmespath.ts";

describe("rfc3339() in an expression", () => {
  const of = (value: unknown) => compileJmespath("rfc3339(time)")({ time: value });

  it.each([
    ["2026-11-21T22:00:00+01:00", "2026-11-21T21:00:00.000Z"],
    ["2026-11-21T22:00:00.5Z", "2026-11-21T22:00:00.500Z"],
    ["2026-11-21", "2026-11-21T00:00:00.000Z"],
    [1795298400000, "2026-11-21T22:00:00.000Z"],
    ["1795298400000", "2026-11-21T22:00:00.000Z"],
    [1795298400, "2026-11-21T22:00:00.000Z"],
    [-4861900800000, "1815-12-08T00:00:00.000Z"],
  ])("reads %j", (value, expected) => {
    expect(of(value)).toBe(expected);
  });

  it.each([null, "", "in spring", "2026-11-21 22:00:00", "2026-11-21T22:00:00", "2026-13-45", 1e300])(
    "gives nothing for %j, which is no time or has no zone",
    (value) => {
      expect(of(value)).toBeNull();
    },
  );

  it("is a fault when misspelt", () => {
    expect(() => compileJmespath("rfc3399(time)")).toThrow("there is no function rfc3399(); did you mean rfc3339()?");
  });
});
