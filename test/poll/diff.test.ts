import { describe, expect, it } from "vitest";
import { diffPage } from "../../runtime/poll/diff.ts";
import type { PolledRecord } from "../../runtime/read/records.ts";
import type { Known } from "../../runtime/model/known.ts";

const record = (key: string, version: string, more: Partial<PolledRecord> = {}): PolledRecord => ({
  key,
  version,
  previousKeys: [],
  deleted: false,
  watched: null,
  stays: [],
  item: null,
  raw: { key, version },
  ...more,
});
const known = (...list: [key: string, version: string, watched?: Record<string, unknown>][]): Map<string, Known> =>
  new Map(
    list.map(([key, version, watched]) => [key, { key, version, seen: 1, watched: watched ?? null, item: null }]),
  );
const kinds = (d: ReturnType<typeof diffPage>) => d.changes.map((change) => `${change.kind} ${change.key}`);

describe("a page compared with what is known", () => {
  it("tells created from updated by what is known, never by a time", () => {
    const difference = diffPage(
      [record("a", "2"), record("b", "1"), record("c", "1")],
      known(["a", "1"], ["b", "1"]),
      2,
    );
    expect(kinds(difference)).toEqual(["updated a", "created c"]);
    expect(difference.unchanged).toEqual(["b"]);
    expect(difference.remembered.map((r) => r.key)).toEqual(["a", "c"]);
  });

  it("tells a deletion once, and only of what was known", () => {
    const difference = diffPage(
      [record("a", "", { deleted: true }), record("x", "", { deleted: true })],
      known(["a", "1"]),
      2,
    );
    expect(kinds(difference)).toEqual(["deleted a"]);
    expect(difference.forgotten).toEqual(["a"]);
  });

  const renamed = record("new", "1", { previousKeys: ["old"] });
  const tombstone = (key: string): PolledRecord => record(key, "", { deleted: true });

  it("takes a record that changed its key as the same record, and says which key it had", () => {
    const difference = diffPage([renamed], known(["old", "1"]), 2);
    expect(difference.changes).toMatchObject([{ kind: "updated", key: "new", previousKeys: ["old"] }]);
    expect(difference.forgotten).toEqual(["old"]);
    expect(difference.remembered.map((r) => r.key)).toEqual(["new"]);
  });

  it.each([
    ["alone", [renamed]],
    ["after the tombstone", [tombstone("old"), renamed]],
    ["before the tombstone", [renamed, tombstone("old")]],
    ["twice", [renamed, record("new", "1")]],
  ])("tells a rename once, %s", (_, page) => {
    expect(kinds(diffPage(page, known(["old", "1"]), 2))).toEqual(["updated new"]);
  });

  it.each([
    ["alone", [renamed]],
    ["after the tombstone", [tombstone("old"), renamed]],
    ["before the tombstone", [renamed, tombstone("old")]],
  ])("tells the deletion of a record that was merged into a known one, %s", (_, page) => {
    const { changes, forgotten, unchanged } = diffPage(page, known(["old", "1"], ["new", "1"]), 2);
    expect(changes).toMatchObject([{ kind: "deleted", key: "old", mergedInto: "new" }]);
    expect([forgotten, unchanged]).toEqual([["old"], ["new"]]);
  });

  it("takes a new record that names two known ones for the first, into which the other was merged", () => {
    const merged = record("new", "1", { previousKeys: ["a", "b"] });
    expect(diffPage([merged], known(["a", "1"], ["b", "1"]), 2).changes).toMatchObject([
      { kind: "deleted", key: "b", mergedInto: "new" },
      { kind: "updated", key: "new", previousKeys: ["a"] },
    ]);
  });

  it("takes nothing from a record that the same page shows alive", () => {
    const swapped = [record("a", "1", { previousKeys: ["b"] }), record("b", "1", { previousKeys: ["a"] })];
    expect(diffPage(swapped, known(["a", "1"], ["b", "1"]), 2)).toMatchObject({ changes: [], forgotten: [] });
  });

  it("tells of a record that was renamed and deleted under the key that was known", () => {
    const gone = { ...tombstone("new"), previousKeys: ["old"] };
    expect(kinds(diffPage([gone], known(["old", "1"]), 2))).toEqual(["deleted old"]);
  });

  it("holds a deletion before the last page", () => {
    const { changes, forgotten, remembered, holds } = diffPage([tombstone("a")], known(["a", "1"]), 2, false);
    expect([changes, forgotten, holds]).toEqual([[], [], true]);
    expect(remembered).toMatchObject([{ key: "a", seen: 1, gone: { raw: { key: "a" } } }]);
  });

  it("takes the later of two states of a record on one page", () => {
    expect(kinds(diffPage([record("a", "1"), record("a", "2")], known(["a", "1"]), 2))).toEqual(["updated a"]);
  });

  it("says what was added to and removed from a watched list, whatever the version says", () => {
    const groups = (list: string[]): Partial<PolledRecord> => ({ watched: { groups: list } });
    const [change] = diffPage(
      [record("a", "1", groups(["y", "z"]))],
      known(["a", "1", { groups: ["x", "y"] }]),
      2,
    ).changes;
    expect(change).toMatchObject({
      kind: "updated",
      changes: { groups: { added: ["z"], removed: ["x"] } },
      previous: { groups: ["x", "y"] },
    });
  });

  it.each<[string, Record<string, unknown>, unknown, object | undefined, unknown]>([
    ["keeps one that was true", { inbox: true }, false, undefined, true],
    ["takes one that was not", { inbox: false }, true, { inbox: { from: false, to: true } }, true],
    ["takes one that was unknown", { inbox: null }, false, { inbox: { from: null, to: false } }, false],
    ["takes it for true where it was not watched yet", {}, false, undefined, true],
  ])("of watched values that stay true, %s", (_what, before, now, changes, after) => {
    const page = [record("a", "2", { watched: { inbox: now }, stays: ["inbox"] })];
    const { changes: told, remembered } = diffPage(page, known(["a", "1", before]), 2);
    expect(told).toMatchObject([{ kind: "updated", changes: changes ?? {}, previous: before }]);
    expect(remembered).toMatchObject([{ key: "a", watched: { inbox: after } }]);
    const fresh = diffPage(page, known(), 2);
    expect(fresh.remembered).toMatchObject([{ key: "a", watched: { inbox: now } }]);
    const same = diffPage([{ ...page[0]!, version: "1" }], known(["a", "1", before]), 2);
    expect(same.changes).toHaveLength(changes ? 1 : 0);
  });

  it("says from what to what a watched value changed", () => {
    const [change] = diffPage(
      [record("a", "2", { watched: { status: "won" } })],
      known(["a", "1", { status: "open" }]),
      2,
    ).changes;
    expect(change!.changes).toEqual({ status: { from: "open", to: "won" } });
  });
});
