import { describe, expect, it } from "vitest";
import type { CompiledStream } from "../../runtime/manifest/connector.ts";
import type { Known } from "../../runtime/model/known.ts";
import type { Checkpoint, MissedList, StreamRecord } from "../../runtime/model/streams.ts";
import { RELEASE_MS } from "../../runtime/poll/doubt.ts";
import { mayHaveMoved } from "../../runtime/poll/lists.ts";
import { mayBeGone, withoutMoves } from "../../runtime/poll/moves.ts";
import type { PolledRecord } from "../../runtime/read/records.ts";

const record = (key: string, item: string, deleted = false): PolledRecord => {
  return { key, item, deleted, version: "v", previousKeys: [], watched: null, stays: [], raw: { key, item, deleted } };
};
const known = (...list: [key: string, item: string | null][]): Map<string, Known> =>
  new Map(list.map(([key, item]) => [key, { key, item, version: "v", seen: 1, watched: null }]));
const told = (records: PolledRecord[], before: Map<string, Known>): string[] =>
  withoutMoves(records, before).map(({ key, item, deleted }) => `${deleted ? "-" : "+"}${key}@${item}`);

describe("what no list shows while one fails", () => {
  const failing = (failingSince: number): MissedList => {
    const error = { code: "server_error", message: "no", at: failingSince };
    const state = { refusals: 0, cursor: null, cursorAt: null, mode: "diff", joining: [] } as const;
    return { list: "L2", since: 0, failingSince, error, ...state, joining: [] };
  };
  const failed = {
    missed: [{ list: "L2", error: failing(0).error!, isRefusal: false, isPartly: false }],
  } as Partial<Checkpoint>;
  const stream = { missed: [failing(1000)] } as Partial<StreamRecord>;
  const mayAt = (now: number, before = stream, at = failed): boolean =>
    mayHaveMoved(at as Checkpoint, before as StreamRecord, now);

  it("may have moved there, until it has failed for a day", () => {
    expect(mayAt(1000 + RELEASE_MS - 1)).toBe(true);
    expect(mayAt(1000 + RELEASE_MS)).toBe(false);
  });

  it("may have moved into one that has failed just now, and nowhere when all answer", () => {
    expect(mayAt(10 * RELEASE_MS, { missed: null })).toBe(true);
    expect(mayAt(1000, stream, {})).toBe(false);
  });
});

describe("records of several lists", () => {
  it("are deleted only in the list where they were last", () => {
    expect(told([record("a", "L1", true)], known(["a", "L2"]))).toEqual([]);
    expect(told([record("a", "L1", true)], known(["a", "L1"]))).toEqual(["-a@L1"]);
    expect(told([record("a", "L1", true)], known(["a", null]))).toEqual(["-a@L1"]);
  });

  it("are not deleted where another list has them", () => {
    const both = [record("a", "L1", true), record("a", "L2")];
    expect(told(both, known(["a", "L1"]))).toEqual(["+a@L2"]);
    expect(told(both, known(["a", null]))).toEqual(["+a@L2"]);
  });

  it("are told in their order where one list has them twice", () => {
    const twice = [record("a", "L1"), record("a", "L1", true)];
    expect(told(twice, known(["a", "L1"]))).toEqual(["+a@L1", "-a@L1"]);
  });
});

describe("a deletion that another list reports than the one where a record was last", () => {
  const seen = Date.parse("2026-11-30T10:00:00Z");
  const stream = { timestamp: (raw: { at?: number }) => raw.at, cursor: { ofRecord: [] } } as unknown as CompiledStream;
  const isToVerify = (at: number | undefined, item = "L2", before: string | null = "L1"): boolean => {
    const gone = { ...record("a", item, true), raw: { at } };
    return mayBeGone([gone], new Map([["a", { key: "a", item: before, version: "v", seen, watched: null }]]), stream);
  };

  it("is to be verified when it is newer than what was seen, clocks a minute apart", () => {
    expect([isToVerify(seen - 60_000), isToVerify(seen - 59_999)]).toEqual([false, true]);
  });

  it("is not when it is no other list, or without a time", () => {
    expect([isToVerify(seen, "L1"), isToVerify(seen, "L2", null), isToVerify(undefined)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(mayBeGone([record("a", "L2", true)], new Map(), stream)).toBe(false);
  });
});
