import { beforeEach, describe, expect, it } from "vitest";
import { OpenedCache } from "../../runtime/core/opened.ts";

const sealed = (text: string): Uint8Array => Buffer.from(text);

describe("what was opened", () => {
  let opened: string[];
  let cache: OpenedCache<string>;
  beforeEach(() => {
    opened = [];
    cache = new OpenedCache((id, value) => {
      opened.push(id);
      return `${id}: ${Buffer.from(value).toString()}`;
    }, 2);
  });

  it("is opened once while it stays the same, and again when it has changed", () => {
    expect([cache.get("a", sealed("1")), cache.get("a", sealed("1"))]).toEqual(["a: 1", "a: 1"]);
    expect(opened).toEqual(["a"]);
    expect(cache.get("a", sealed("2"))).toBe("a: 2");
    expect(opened).toEqual(["a", "a"]);
  });

  it("is forgotten when others were used later", () => {
    for (const id of ["a", "b", "a", "c"]) cache.get(id, sealed("1"));
    expect(opened).toEqual(["a", "b", "c"]);
    cache.get("a", sealed("1"));
    cache.get("b", sealed("1"));
    expect(opened).toEqual(["a", "b", "c", "b"]);
  });

  it("is not kept when it could not be opened", () => {
    const closed = new OpenedCache(() => {
      throw new Error("wrong key");
    });
    for (let i = 0; i < 2; i++) expect(() => closed.get("a", sealed("1"))).toThrow("wrong key");
  });
});
