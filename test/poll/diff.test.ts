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

  it("takes a record that changed its key as the same record", () => {
    const renamed = record("new", "1", { previousKeys: ["old"] });
    const difference = diffPage([renamed], known(["old", "1"]), 2);
    expect(difference.changes).toEqual([]);
    expect(difference.forgotten).toEqual(["old"]);
    expect(difference.remembered.map((r) => r.key)).toEqual(["new"]);
    expect(kinds(diffPage([{ ...renamed, version: "2" }], known(["old", "1"]), 2))).toEqual(["updated new"]);
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

  it("says from what to what a watched value changed", () => {
    const [change] = diffPage(
      [record("a", "2", { watched: { status: "won" } })],
      known(["a", "1", { status: "open" }]),
      2,
    ).changes;
    expect(change!.changes).toEqual({ status: { from: "open", to: "won" } });
  });
});
