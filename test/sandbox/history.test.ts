import { describe, expect, it } from "vitest";
import { History } from "../../runtime/sandbox/history.ts";

const all = { deleted: true };

describe("a history of records", () => {
  it("lists each record once, in its newest state, least recently changed first", () => {
    const history = new History<string>();
    history.put("a", "a1", 1);
    history.put("b", "b1", 2);
    history.put("a", "a2", 3);
    expect(history.page(0, history.bound, 10, all).versions.map(({ value }) => value)).toEqual(["b1", "a2"]);
  });

  it("reads the past as it was, whatever was written since", () => {
    const history = new History<string>();
    history.put("a", "a1", 1);
    history.put("b", "b1", 2);
    const bound = history.bound;
    history.put("a", "a2", 3);
    history.remove("b", 4);
    expect([...history.at(bound)].map(({ value }) => value)).toEqual(["a1", "b1"]);
    expect([...history.at(history.bound)].map(({ value }) => value)).toEqual(["a2"]);
  });

  it("tells after a bound only what changed since, deletions only when asked", () => {
    const history = new History<string>();
    history.put("a", "a1", 1);
    history.put("b", "b1", 2);
    const bound = history.bound;
    history.remove("a", 3);
    expect(history.page(bound, history.bound, 10, all).versions.map(({ id, value }) => [id, value])).toEqual([
      ["a", undefined],
    ]);
    expect(history.page(bound, history.bound, 10, { deleted: false }).versions).toEqual([]);
  });

  it("pages without repeating or leaving out anything", () => {
    const history = new History<number>();
    for (let i = 0; i < 10; i++) history.put(`r${i}`, i, i);
    const seen: (number | undefined)[] = [];
    let from: number | undefined = 0;
    while (from !== undefined) {
      const page = history.page(from, history.bound, 3, all);
      seen.push(...page.versions.map(({ value }) => value));
      from = page.next;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("finds the bound of a time, that time included", () => {
    const history = new History<string>();
    history.put("a", "a1", 10);
    history.put("b", "b1", 20);
    expect([5, 10, 15, 20, 25].map((time) => history.boundAt(time))).toEqual([0, 1, 1, 2, 2]);
  });

  it("keeps a renamed record reachable under its former ids and lists it once", () => {
    const history = new History<string>();
    history.put("a", "a1", 1);
    history.rename("a", "b", 2);
    history.rename("b", "c", 3);
    expect(history.get("a")).toMatchObject({ id: "c", value: "a1", previousIds: ["a", "b"] });
    expect(history.page(0, history.bound, 10, all).versions.map(({ id }) => id)).toEqual(["c"]);
  });
});
