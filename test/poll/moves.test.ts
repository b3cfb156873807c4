import { describe, expect, it } from "vitest";
import type { Known } from "../../runtime/model/known.ts";
import { MOST_WAITING, settleMoves } from "../../runtime/poll/moves.ts";
import type { PolledRecord } from "../../runtime/read/records.ts";

const record = (key: string, item: string, deleted = false): PolledRecord => {
  return { key, item, deleted, version: "v", previousKeys: [], watched: null, raw: { key, item, deleted } };
};
const known = (...list: [key: string, item: string | null][]): Map<string, Known> =>
  new Map(list.map(([key, item]) => [key, { key, item, version: "v", seen: 1, watched: null }]));
const names = (records: readonly PolledRecord[]): string[] =>
  records.map(({ key, item, deleted }) => `${deleted ? "-" : "+"}${key}@${item}`);

function settled(records: PolledRecord[], before: Map<string, Known>, isLastPage = false): [string[], string[]] {
  const { settled, waiting } = settleMoves(records, before, isLastPage);
  return [names(settled), names(waiting)];
}

describe("records of several lists", () => {
  it("are deleted only in the list where they were last", () => {
    expect(settled([record("a", "L1", true)], known(["a", "L2"]), true)).toEqual([[], []]);
    expect(settled([record("a", "L1", true)], known(["a", "L1"]), true)).toEqual([["-a@L1"], []]);
    expect(settled([record("a", "L1", true)], known(["a", null]), true)).toEqual([["-a@L1"], []]);
  });

  it("are not deleted while a later list may have them", () => {
    expect(settled([record("a", "L1", true)], known(["a", "L1"]))).toEqual([[], ["-a@L1"]]);
    const both = [record("a", "L1", true), record("a", "L2")];
    expect(settled(both, known(["a", "L1"]), true)).toEqual([["+a@L2"], []]);
    expect(settled(both, known(["a", null]))).toEqual([["+a@L2"], []]);
  });

  it("are told in their order where one list has them twice", () => {
    const twice = [record("a", "L1"), record("a", "L1", true)];
    expect(settled(twice, known(["a", "L1"]))).toEqual([["+a@L1", "-a@L1"], []]);
  });

  it("that nobody knows leave nothing to wait for", () => {
    expect(settled([record("a", "L1", true)], known())).toEqual([[], []]);
  });

  it("wait up to a bound", () => {
    const keys = Array.from({ length: MOST_WAITING + 1 }, (_, n) => `k${n}`);
    const gone = keys.map((key) => record(key, "L1", true));
    const { settled, waiting } = settleMoves(gone, known(...keys.map((key): [string, string] => [key, "L1"])), false);
    expect([waiting.length, names(settled)]).toEqual([MOST_WAITING, [`-k${MOST_WAITING}@L1`]]);
  });
});
