import { describe, expect, it } from "vitest";
import type { Doubt, StreamRecord } from "../../runtime/model/streams.ts";
import {
  doubtAfter,
  FEW,
  isToBeSettled,
  judge,
  RELEASE_MS,
  SECOND_READ_MS,
  type Missing,
} from "../../runtime/poll/doubt.ts";

const NOW = Date.parse("2026-12-01T12:00:00Z");

function facts(given: Partial<Missing> & { doubt?: Doubt; acceptedAt?: number }): Missing {
  const { doubt = null, acceptedAt = null, ...rest } = given;
  const stream = { doubt, deletionsAcceptedAt: acceptedAt } as unknown as StreamRecord;
  return {
    stream,
    startedAt: NOW,
    now: NOW,
    kept: 0,
    missing: 0,
    confirmed: 0,
    emptied: 0,
    confirmedEmptied: 0,
    releases: true,
    ...rest,
  };
}

const doubted = (missing: number, known: number, age = SECOND_READ_MS): Doubt => {
  return { since: NOW - age, missing, known, isHeld: false };
};

describe("the absences of a complete read", () => {
  it.each([
    ["nothing is missing", 0, 0, "believed"],
    ["the only record is missing", 0, 1, "doubted"],
    ["all records are missing", 0, 500, "doubted"],
    ["one of two is missing", 1, 1, "believed"],
    [`${FEW} are missing, one is left`, 1, FEW, "believed"],
    [`${FEW + 1} are missing, a fifth of all`, 84, FEW + 1, "believed"],
    [`${FEW + 1} are missing, more than a fifth`, 83, FEW + 1, "doubted"],
  ])("when %s", (_name, kept, missing, kind) => {
    expect(judge(facts({ kept, missing })).kind).toBe(kind);
  });

  it("are looked for once more, a minute later at the earliest", () => {
    const doubt = { since: NOW, missing: 3, known: 3, isHeld: false };
    expect(judge(facts({ missing: 3 }))).toEqual({ kind: "doubted", doubt, again: NOW + 60_000 });
    const early = doubted(3, 3, SECOND_READ_MS - 1);
    expect(judge(facts({ missing: 3, confirmed: 3, doubt: early }))).toEqual({
      kind: "doubted",
      doubt: early,
      again: NOW + 1,
    });
    expect(judge(facts({ missing: 3, confirmed: 3, doubt: doubted(3, 3) })).kind).toBe("believed");
  });

  it.each([
    ["half of all, and no more", 21, 21, "believed"],
    ["more than half of all", 20, 21, "held"],
    ["all, but few", 0, FEW, "believed"],
    ["all, and not few", 0, FEW + 1, "held"],
  ])("that two reads agree on, of %s", (_name, kept, missing, kind) => {
    const doubt = doubted(missing, kept + missing);
    expect(judge(facts({ kept, missing, confirmed: missing, doubt })).kind).toBe(kind);
  });

  it("are doubted anew when the second read lists some of them, or misses many others", () => {
    const doubt = doubted(100, 100);
    const anew = judge(facts({ kept: 50, missing: 50, confirmed: 50, doubt }));
    // The schedule says when.
    expect(anew).toEqual({ kind: "doubted", doubt: { since: NOW, missing: 50, known: 100, isHeld: false } });
    const others = judge(facts({ kept: 60, missing: 40, confirmed: 10, doubt: doubted(10, 100) }));
    expect(others).toMatchObject({ kind: "doubted", doubt: { since: NOW, missing: 40 } });
    expect(judge(facts({ kept: 60, missing: 40, confirmed: 25, doubt: doubted(25, 100) })).kind).toBe("believed");
    expect(judge(facts({ kept: 99, missing: 1, confirmed: 1, doubt })).kind).toBe("believed");
  });

  it("are looked for once more when they are all of one of several lists, however few", () => {
    const one = { kept: 99, missing: 1, emptied: 1 };
    expect(judge(facts(one)).kind).toBe("doubted");
    const second = { ...one, confirmed: 1, doubt: doubted(1, 100) };
    expect(judge(facts({ ...second, confirmedEmptied: 1 })).kind).toBe("believed");
    expect(judge(facts({ ...second, confirmedEmptied: 0 }))).toMatchObject({ kind: "doubted", doubt: { since: NOW } });
    expect(judge(facts({ ...second, emptied: 0 })).kind).toBe("believed");
  });

  it("that are held are believed once a person accepts them, or a day later", () => {
    const held = (age: number): Doubt => ({ ...doubted(100, 100, age), isHeld: true });
    const agreed = (doubt: Doubt, given: { acceptedAt?: number; releases?: boolean } = {}) => {
      return judge(facts({ missing: 100, confirmed: 100, doubt, ...given })).kind;
    };
    const [young, old] = [held(RELEASE_MS - 1), held(RELEASE_MS)];
    expect([agreed(young), agreed(old), agreed(old, { releases: false })]).toEqual(["held", "believed", "held"]);
    expect(agreed(young, { acceptedAt: young.since - 1 })).toBe("held");
    expect(agreed(young, { acceptedAt: young.since, releases: false })).toBe("believed");
    const settles = (doubt: Doubt | null, deletionsAcceptedAt: number | null = null, releases = true) =>
      isToBeSettled({ doubt, deletionsAcceptedAt } as unknown as StreamRecord, NOW, releases);
    expect([settles(null), settles(doubted(1, 1)), settles(young), settles(old)]).toEqual([false, true, false, true]);
    expect([settles(old, null, false), settles(young, young.since)]).toEqual([false, true]);
  });

  it("begin anew when the clock was ahead as they were noticed first", () => {
    for (const isHeld of [false, true]) {
      const now: Doubt = { ...doubted(100, 100, 0), isHeld };
      const ahead: Doubt = { ...doubted(100, 100, -1), isHeld };
      const given = { missing: 100, confirmed: 100 };
      expect(judge(facts({ ...given, doubt: now }))).toEqual({ kind: "doubted", doubt: now, again: NOW + 60_000 });
      const fresh = { since: NOW, missing: 100, known: 100, isHeld: false };
      expect(judge(facts({ ...given, doubt: ahead }))).toEqual({ kind: "doubted", doubt: fresh, again: NOW + 60_000 });
      const settles = (doubt: Doubt) =>
        isToBeSettled({ doubt, deletionsAcceptedAt: null } as unknown as StreamRecord, NOW, true);
      expect([settles(now), settles(ahead)]).toEqual([!isHeld, true]);
    }
  });

  it("that are held stay held, and can be accepted, when some of them were settled meanwhile", () => {
    const doubt: Doubt = { ...doubted(100, 100), isHeld: true };
    const given = { missing: 99, confirmed: 99, doubt };
    expect(judge(facts(given))).toEqual({ kind: "held", doubt: { ...doubt, missing: 99, known: 99 } });
    expect(judge(facts({ ...given, acceptedAt: doubt.since })).kind).toBe("believed");
    expect(judge(facts({ kept: 95, missing: 5, confirmed: 5, doubt })).kind).toBe("believed");
    expect(judge(facts({ ...given, missing: 160, confirmed: 99 }))).toMatchObject({
      kind: "doubted",
      doubt: { since: NOW },
    });
  });

  it("leave a doubt until a complete read settles it", () => {
    const doubt = doubted(3, 3);
    expect(doubtAfter(doubt, true, undefined)).toBeNull();
    expect(doubtAfter(doubt, false, undefined)).toBe(doubt);
    expect(doubtAfter(null, true, { kind: "held", doubt })).toBe(doubt);
  });
});
