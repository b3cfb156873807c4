import { describe, expect, it } from "vitest";
import { listQuery, readPage } from "../../runtime/model/page.ts";

const { check, faults } = listQuery("things", {});

describe("the page of a list", () => {
  it("has fifty items unless more or fewer are asked for", () => {
    expect(readPage(check({}))).toEqual({ limit: 50 });
    expect(readPage(check({ limit: 49 }))).toEqual({ limit: 49 });
  });

  it("has 1 to 200 items", () => {
    expect([1, 200].flatMap((limit) => faults({ limit }))).toEqual([]);
    expect([0, 201].flatMap((limit) => faults({ limit }))).toMatchObject([
      { pointer: "/limit" },
      { pointer: "/limit" },
    ]);
  });
});
