import { describe, expect, it } from "vitest";
import { Lru } from "../../runtime/core/lru.ts";

describe("a map of bounded size", () => {
  it("keeps as many entries as it may, and drops the one that was used least recently for the next", () => {
    const map = new Lru<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect([map.size, map.get("a")]).toEqual([2, 1]);
    map.set("c", 3);
    expect([map.size, map.get("a"), map.get("b"), map.get("c")]).toEqual([2, 1, undefined, 3]);
  });

  it("makes a value once, and keeps nothing when it cannot be made", () => {
    const map = new Lru<string, number>(2);
    let made = 0;
    expect([map.getOr("a", () => ++made), map.getOr("a", () => ++made)]).toEqual([1, 1]);
    const fail = (): number => {
      throw new Error("no");
    };
    expect(() => map.getOr("b", fail)).toThrow("no");
    expect(map.size).toBe(1);
  });
});
