import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cursor } from "../../schemas/manifest.ts";
import { compileReads } from "../../runtime/manifest/compile-reads.ts";
import { cursorStrategy, larger, type CursorPage } from "../../runtime/read/cursors.ts";
import { runs } from "../fixtures/tier.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const day = 86_400_000;
const strategy = (cursor: Cursor) => cursorStrategy(compileReads(cursor, undefined).cursor);
const page = (body: unknown, records: unknown[] = []): CursorPage => ({
  response: { status: 200, headers: {}, body, url: "http://vendor.test/" },
  records,
  serverNow: now,
});

describe("what a cursor writes", () => {
  it("is what expressions read as $cursor", () => {
    const since = strategy({
      type: "updatedSince",
      from: "$record#/updated",
      to: "query#/updated[gte]",
      overlapSeconds: 60,
      format: "epochSeconds",
    });
    expect(since.since(now, now, now)).toMatchObject({ cursor: now / 1000 - 60 });
    expect(since.everything(now)).toMatchObject({ assignments: [], cursor: null });
    const keyset = strategy({ type: "keyset", values: ["$record#/updated"], to: "query.after" });
    expect(keyset.since([now], now, now)).toMatchObject({ cursor: now });
  });

  it("is the initial value where everything is read", () => {
    const cursor = { from: "$record#/updated", to: "query.since", initial: "1970-01-01T00:00:00Z" } as const;
    const written = { assignments: [["query.since", cursor.initial]], cursor: cursor.initial, absence: "deleted" };
    expect(strategy({ type: "updatedSince", ...cursor }).everything(now)).toEqual(written);
    const token = { ...cursor, from: "$response.body#/next" } as const;
    expect(strategy({ type: "syncToken", ...token }).everything(now)).toEqual(written);
  });
});

describe("a sync token", () => {
  const token = strategy({ type: "syncToken", from: "$response.body#/next", to: "params.syncToken", maxAge: "P6D" });

  it("is taken from the last page only", () => {
    let notes = token.note(null, page({ next: "early" }));
    notes = token.note(notes, page({}));
    expect(token.after("old", notes)).toBe("old");
    expect(token.after("old", token.note(notes, page({ next: "last" })))).toBe("last");
  });

  it("is replaced by a complete read before it is older than allowed", () => {
    expect(token.since("t", now, now - 5 * day)).toEqual({
      assignments: [["params.syncToken", "t"]],
      cursor: "t",
      absence: "nothing",
    });
    expect(token.since("t", now, now - 6 * day)).toBeNull();
    expect(token.since(null, now, now)).toBeNull();
  });
});

describe("a sequence", () => {
  const sequence = strategy({
    type: "sequence",
    baseline: { request: { method: "GET", path: "/profile" }, from: "$response.body#/historyId" },
    from: "$response.body#/historyId",
    to: "query.startHistoryId",
  });

  it("goes on at the number of the first page that has one: a later page may name what no page lists", () => {
    const first = sequence.note(null, page({ historyId: 5 }));
    expect(sequence.after("3", sequence.note(first, page({ historyId: 9 })))).toBe("5");
    expect(sequence.after("3", sequence.note(sequence.note(null, page({})), page({ historyId: 9 })))).toBe("9");
  });

  it("is kept as text and compared as a number, however large", () => {
    const huge = "98765432109876543210";
    expect(sequence.after("9", sequence.note(null, page({ historyId: huge })))).toBe(huge);
    expect(sequence.after(huge, sequence.note(null, page({ historyId: 12 })))).toBe(huge);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 80n }), fc.bigInt({ min: 0n, max: 2n ** 80n }), (a, b) => {
        expect(larger(String(a), String(b))).toBe(String(a > b ? a : b));
      }),
      { numRuns: runs(100) },
    );
  });
});

describe("an updated-since cursor", () => {
  const since = strategy({
    type: "updatedSince",
    from: "$record#/updated",
    to: "query.updatedMin",
    overlapSeconds: 60,
    settleSeconds: 30,
  });
  const seen = (...times: string[]) =>
    since.note(
      null,
      page(
        {},
        times.map((updated) => ({ updated })),
      ),
    );

  it("is the newest time seen from the server, read again with an overlap", () => {
    const state = since.after(null, seen("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"));
    expect(since.since(state, now, now)?.assignments).toEqual([["query.updatedMin", "2026-11-21T10:59:00.000Z"]]);
  });

  it("never goes back, and never past what has settled", () => {
    const state = Date.parse("2026-11-21T11:00:00Z");
    expect(since.after(state, seen("2026-11-20T00:00:00Z"))).toBe(state);
    expect(since.after(state, seen("2026-11-21T11:59:50Z"))).toBe(now - 30_000);
  });

  it("stays unset while the list is empty, so that our own clock never stands in for the server's", () => {
    expect(since.after(null, seen())).toBeNull();
  });
});

describe("a keyset cursor", () => {
  const keyset = strategy({
    type: "keyset",
    values: ["$record#/at", "$record#/id"],
    to: "body.searchAfter",
    overlapSeconds: 10,
    settleSeconds: 5,
  });

  it("goes on after the last settled record, some seconds earlier", () => {
    const notes = keyset.note(
      null,
      page({}, [
        { at: now - 60_000, id: "a" },
        { at: now - 1000, id: "b" },
      ]),
    );
    const state = keyset.after(null, notes);
    expect(state).toEqual([now - 60_000, "a"]);
    expect(keyset.since(state, now, now)?.assignments).toEqual([["body.searchAfter", [now - 70_000, "a"]]]);
  });

  it("keeps the form in which the vendor writes times", () => {
    const text = keyset.since(["2026-11-21T11:00:00Z", "a"], now, now);
    expect(text?.assignments).toEqual([["body.searchAfter", ["2026-11-21T10:59:50.000Z", "a"]]]);
  });
});

describe("a window", () => {
  it("moves with the clock, and forgets a record a day after its time must have left it", () => {
    const window = strategy({
      type: "window",
      from: "query.timeMin",
      to: "query.timeMax",
      behindSeconds: 60,
      aheadSeconds: 3600,
      format: "epochMillis",
    });
    expect(window.since(null, now, now)).toEqual({
      assignments: [
        ["query.timeMin", now - 60_000],
        ["query.timeMax", now + 3_600_000],
      ],
      absence: "nothing",
    });
    expect(window.returnsWithinMs).toBe(3_660_000 + 86_400_000);
  });
});

describe("a snapshot", () => {
  it("always reads everything, so that what is missing is gone", () => {
    const snapshot = strategy({ type: "snapshot" });
    expect(snapshot.since("anything", now, now)).toBeNull();
    expect(snapshot.everything(now).absence).toBe("deleted");
  });
});
