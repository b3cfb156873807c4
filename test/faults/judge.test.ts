import { describe, expect, it } from "vitest";
import { noIncidents } from "./histories/faults.ts";
import { judge, UNREAD, type Evidence, type Told, type ToldGap } from "./histories/judge.ts";
import type { Sight } from "./histories/sessions.ts";

const sight = (at: number, state: string | null, isReal = true): Sight => ({ at, state, isReal });
const told = (at: number, change: string, key: string, state: string | null, more: Partial<Told> = {}): Told => {
  return { at, change, key, state, ...more };
};
const gap = (at: number, from: number | null, to: number, reason: string): ToldGap => ({ at, from, to, reason });

/** Record a was there at first, with version 1; its first read ended at 20. All else is as given. */
function evidence(more: Partial<Evidence> & { log?: Record<string, Sight[]> }): Evidence {
  const { log = { a: [sight(5, "1")] }, ...rest } = more;
  return {
    strategy: { deletions: "shown", keptMs: 1000, beginsUnread: false },
    sights: new Map(Object.entries(log)),
    heirs: new Map(),
    denied: new Set(),
    unread: new Set(),
    baseline: { from: 10, to: 20 },
    isPartial: false,
    tellsAll: false,
    joinsLater: false,
    wasPaused: false,
    beganAgain: false,
    told: [],
    gaps: [],
    successes: [20, 30, 40, 50, 60].map((at) => ({ at, begunAt: at, incidents: noIncidents() })),
    isCompared: true,
    ...rest,
  };
}

const changed = { a: [sight(5, "1"), sight(25, "2"), sight(35, "3")] };
const gone = { a: [sight(5, "1"), sight(25, null)] };
const born = { a: [sight(5, "1")], b: [sight(25, "9")] };
const renamed = { a: [sight(5, "1"), sight(25, null)], b: [sight(25, "1")] };

describe("the judge of histories has nothing against", () => {
  const cases: [string, Parameters<typeof evidence>[0]][] = [
    ["silence, where nothing has changed", {}],
    ["changes in their order", { log: changed, told: [told(30, "updated", "a", "2"), told(40, "updated", "a", "3")] }],
    ["changes that were coalesced", { log: changed, told: [told(40, "updated", "a", "3")] }],
    ["a deletion", { log: gone, told: [told(30, "deleted", "a", null)] }],
    ["a creation", { log: born, told: [told(30, "created", "b", "9")] }],
    ["a record that came and went unseen", { log: { b: [sight(25, "9"), sight(26, null)] } }],
    ["a first read that tells what is there", { tellsAll: true, told: [told(20, "created", "a", "1")] }],
    [
      "what a lagging replica shows, and its correction",
      {
        log: { a: [sight(5, "1"), sight(25, "2"), sight(35, "1", false), sight(35, "2")] },
        told: [30, 40, 50].map((at) => told(at, "updated", "a", at === 40 ? "1" : "2")),
      },
    ],
    [
      "a record that has another key",
      {
        log: renamed,
        heirs: new Map([["a", "b"]]),
        told: [told(30, "updated", "b", "1", { previousKeys: ["a"] })],
      },
    ],
    [
      "a record that could not be read",
      { log: born, told: [told(30, "created", "b", UNREAD), told(40, "updated", "b", "9")] },
    ],
    [
      "a change that is missing in a gap",
      {
        log: changed,
        gaps: [gap(40, 20, 40, "stalled")],
        strategy: { deletions: "shown", keptMs: 1, beginsUnread: false },
      },
    ],
    [
      "a deletion that the stream cannot see",
      { log: gone, strategy: { deletions: "unseen", keptMs: 1000, beginsUnread: false } },
    ],
  ];
  it.each(cases)("%s", (_name, facts) => {
    expect(judge(evidence(facts))).toEqual([]);
  });
});

describe("the judge of histories finds", () => {
  const cases: [string, Parameters<typeof evidence>[0], RegExp][] = [
    ["a change that was not told", { log: changed, told: [told(30, "updated", "a", "2")] }, /^a: told 2, in truth 3/],
    ["a deletion that was not told", { log: gone }, /^a: told 1, in truth none/],
    ["a creation that was not told", { log: born }, /^b: told none, in truth 9/],
    ["a first read that leaves one out", { tellsAll: true }, /^a: told none, in truth 1/],
    ["a version that never was", { told: [told(30, "updated", "a", "7")] }, /^updated a as 7/],
    ["a change told before it happened", { log: changed, told: [told(30, "updated", "a", "3")] }, /^updated a as 3/],
    [
      "a change told twice",
      { log: gone, told: [told(30, "deleted", "a", null), told(40, "deleted", "a", null)] },
      /^deleted a as none/,
    ],
    [
      "an update told twice",
      { log: changed, told: [30, 40].map((at) => told(at, "updated", "a", "2")) },
      /^updated a as 2/,
    ],
    [
      "changes in disorder",
      { log: changed, told: [told(40, "updated", "a", "3"), told(40, "updated", "a", "2")] },
      /^updated a as 2/,
    ],
    ["a creation of what is there", { log: changed, told: [told(40, "created", "a", "3")] }, /^created a as 3/],
    ["an update of what is not there", { log: born, told: [told(30, "updated", "b", "9")] }, /^updated b as 9/],
    ["a deletion of what is there", { told: [told(30, "deleted", "a", null)] }, /^deleted a as none/],
    [
      "a deletion of what was never told",
      { tellsAll: true, log: gone, told: [told(30, "deleted", "a", null)] },
      /^deleted a/,
    ],
    [
      "a rename of records that have nothing to do with each other",
      { log: renamed, told: [told(30, "updated", "b", "1", { previousKeys: ["a"] })] },
      /a never became b/,
    ],
    [
      "a merge that never was",
      { log: gone, told: [told(30, "deleted", "a", null, { mergedInto: "b" })] },
      /never merged into that/,
    ],
    [
      "a change that is missing after a gap",
      {
        log: changed,
        gaps: [gap(50, 20, 34, "stalled")],
        strategy: { deletions: "shown", keptMs: 1, beginsUnread: false },
      },
      /^a: told 1, in truth 3/,
    ],
    ["a gap after nothing that could cause one", { gaps: [gap(40, 30, 40, "cursor_expired")] }, /for no reason/],
    ["a stall that was shorter than the vendor keeps changes", { gaps: [gap(40, 30, 40, "stalled")] }, /for no reason/],
    ["a gap for a reason that nothing leads to", { gaps: [gap(40, 30, 40, "paused")] }, /for no reason/],
  ];
  it.each(cases)("%s", (_name, facts, violation) => {
    expect(judge(evidence(facts)).join("\n")).toMatch(violation);
  });
});
