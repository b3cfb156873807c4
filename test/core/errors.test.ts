import { describe, expect, it } from "vitest";
import { editDistance, LONGEST_TYPED, nearest } from "../../runtime/core/errors.ts";

describe("the distance of two texts", () => {
  it.each([
    ["", "", 0],
    ["created", "created", 0],
    ["created", "create", 1],
    ["create", "created", 1],
    ["created", "creeted", 1],
    ["created", "craeted", 1],
    ["created", "craeetd", 2],
    ["", "abc", 3],
    ["ab", "ba", 1],
    ["abc", "ca", 3],
  ])("%s to %s counts its slips of the pen: %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  it("finds the nearest name, and none that is far", () => {
    expect(nearest("craete", ["update", "create"])).toBe("create");
    expect(nearest("xyz", ["update", "create"])).toBeUndefined();
  });

  it("looks for the nearest of a text of 300 characters, and not of a longer one, which would take long", () => {
    const longest = "x".repeat(300);
    expect(LONGEST_TYPED).toBe(300);
    expect(nearest(longest, [`${longest}y`])).toBe(`${longest}y`);
    expect(nearest(`${longest}x`, [`${longest}y`])).toBeUndefined();
  });
});
