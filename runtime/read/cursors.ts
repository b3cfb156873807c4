import type { Cursor, Target } from "../../schemas/manifest.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { durationMs } from "../core/duration.ts";
import { isObject } from "../core/json.ts";
import { DAY } from "../core/time.ts";
import type { CompiledEach } from "../manifest/connector.ts";
import type { CompiledCursor } from "../manifest/compile-reads.ts";
import type { Scope } from "../manifest/expressions.ts";
import { timeMs } from "../core/vendor-time.ts";
import { earlier, formatTime } from "./times.ts";
import { placeValues, type Assignment } from "./paginate.ts";

/** What one read asks for. */
export interface ReadPlan {
  assignments: Assignment[];
  /** What expressions read as `$cursor`: the value that is written to the cursor's place. */
  cursor?: unknown;
  /** Whether a record lies before the cursor, and so do all that follow: of lists that begin with the newest. */
  isBefore?: (record: unknown) => boolean;
  /** Whether a record is too old to be listed by this read and by all that follow, as long as its time stays. */
  isPast?: (record: unknown) => boolean;
  /** The same of the list of one item, where these differ. */
  ofItem?: (item: unknown) => Pick<ReadPlan, "assignments" | "cursor" | "isBefore">;
  /** What it means when a remembered record is not in the answer: it was deleted (everything was listed), or nothing. */
  absence: "deleted" | "nothing";
}

export interface CursorPage {
  response: VendorResponse;
  records: readonly unknown[];
  /** The item whose list it is of, where there are several lists. */
  item?: unknown;
  /** The vendor's own time where its answer says, else ours; milliseconds since the epoch. */
  serverNow: number;
}

/**
 * How a stream knows where its last read ended. State and notes are plain data: state survives between reads,
 * notes between the pages of one read.
 */
export interface CursorStrategy {
  /** A read of what changed since `state`, of the lists of these items; null when only a complete read will do. */
  since(state: unknown, now: number, takenAt: number, items?: readonly unknown[]): ReadPlan | null;
  /** A read of everything. */
  everything(now: number): ReadPlan;
  note(notes: unknown, page: CursorPage): unknown;
  /** The state after a read whose last page has been noted. `kept`: lists that keep theirs, whose pages were not all read. */
  after(state: unknown, notes: unknown, kept?: readonly string[]): unknown;
  /** Of a strategy that has a state for each of several lists: that of one of them. */
  readonly ofLists?: {
    list: CursorStrategy;
    stateOf(state: unknown, key: string): unknown;
    /** Notes without those of a list that could not be read to its end. */
    without(notes: unknown, key: string): unknown;
  };
  /** For how long a record that is no longer listed can be listed again as it was, milliseconds; for ever when not given. */
  readonly returnsWithinMs?: number;
}

/**
 * The strategy that a manifest's `cursor` names; `scope` is that of the stream's requests, `each` what it is read once for each of.
 */
export function cursorStrategy(compiled: CompiledCursor, scope: Scope = {}, each?: CompiledEach): CursorStrategy {
  const { definition } = compiled;
  const ofList = listStrategy(compiled, scope);
  return each && "per" in definition && definition.per === "item" ? perItem(ofList, each.key) : ofList;
}

function listStrategy(compiled: CompiledCursor, scope: Scope): CursorStrategy {
  const { definition: cursor, ofResponse, ofRecord, span } = compiled;
  switch (cursor.type) {
    case "syncToken":
      return syncToken(cursor, ofResponse!);
    case "sequence":
      return sequence(cursor, ofResponse!);
    case "updatedSince":
      return updatedSince(cursor, ofRecord[0]!);
    case "keyset":
      return keyset(cursor, ofRecord);
    case "window":
      return windowed(cursor, span!(scope));
    case "snapshot":
      return { ...stateless, since: () => null, everything: cursor.partial ? excerpt : listing };
  }
}

type Of<Type extends Cursor["type"]> = Extract<Cursor, { type: Type }>;

const stateless = { note: () => null, after: () => null };
const listing = (): ReadPlan => ({ assignments: [], cursor: null, absence: "deleted" });
const excerpt = (): ReadPlan => ({ assignments: [], cursor: null, absence: "nothing" });
/** A read of what changed, from a value on. */
const from = (to: Target | undefined, value: unknown): ReadPlan => {
  return { assignments: to === undefined ? [] : [[to, value]], cursor: value, absence: "nothing" };
};
/** A read of everything, from the value that a vendor wants in any case. */
const fromInitial = ({ to, initial }: { to?: Target; initial?: string | number }): ReadPlan =>
  initial === undefined ? listing() : { ...from(to, initial), absence: "deleted" };

/** An opaque token, valid only when the last page gave it, replaced before it grows older than `maxAge`. */
function syncToken(cursor: Of<"syncToken">, tokenOf: (response: VendorResponse) => unknown): CursorStrategy {
  const maxAge = cursor.maxAge === undefined ? Infinity : durationMs(cursor.maxAge);
  return {
    since: (state, now, takenAt) =>
      typeof state === "string" && now - takenAt < maxAge ? from(cursor.to, state) : null,
    everything: () => fromInitial(cursor),
    note: (_notes, page) => tokenOf(page.response) ?? null,
    after: (state, notes) => notes ?? state ?? null,
  };
}

/**
 * A growing number kept as text: it may be larger than a double can hold. The first that a read gives counts: what happens while its
 * pages are read may raise the later ones, and be on none of them.
 */
function sequence(cursor: Of<"sequence">, numberOf: (response: VendorResponse) => unknown): CursorStrategy {
  return {
    since: (state) => (typeof state === "string" ? from(cursor.to, state) : null),
    everything: excerpt,
    note: (notes, page) => notes ?? larger(null, numberOf(page.response)),
    after: (state, notes) => larger(state, notes),
  };
}

/** The larger of two whole numbers given as text or number; null when neither is one. */
export function larger(a: unknown, b: unknown): string | null {
  const [x, y] = [a, b].map((n) => (/^\d+$/.test(String(n ?? "")) ? BigInt(String(n)) : null));
  if (x === null || x === undefined) return y?.toString() ?? null;
  return (y !== null && y !== undefined && y > x ? y : x).toString();
}

/** States or notes, by the key of their item. */
interface OfItems {
  items: Record<string, unknown>;
}

/**
 * A state for each of several lists. A list without one is read as a whole, whatever the others have seen; when a list has
 * vanished, only a complete read shows whether its records are gone or have moved.
 */
function perItem(ofList: CursorStrategy, keyOf: (item: unknown) => string): CursorStrategy {
  return {
    since: (state, now, takenAt, items = []) => {
      const states = ofItems(state);
      const current = new Set(items.map(keyOf));
      if (states === null || Object.keys(states).some((key) => !current.has(key))) return null;
      const planOf = (item: unknown): ReadPlan =>
        ofList.since(states[keyOf(item)], now, takenAt) ?? ofList.everything(now);
      return { assignments: [], ofItem: planOf, absence: "nothing" };
    },
    everything: (now) => ofList.everything(now),
    note: (notes, page) => {
      const [before, key] = [ofItems(notes) ?? {}, keyOf(page.item)];
      return { items: { ...before, [key]: ofList.note(before[key] ?? null, page) } };
    },
    after: (state, notes, kept = []) => {
      const states = ofItems(state) ?? {};
      const after = Object.entries(ofItems(notes) ?? {}).map(([key, noted]) => [
        key,
        ofList.after(states[key] ?? null, noted),
      ]);
      const before = Object.entries(states).filter(([key]) => kept.includes(key));
      return { items: Object.fromEntries([...after, ...before]) };
    },
    ofLists: {
      list: ofList,
      stateOf: (state, key) => new Map(Object.entries(ofItems(state) ?? {})).get(key) ?? null,
      without: (notes, key) => {
        const others = Object.entries(ofItems(notes) ?? {}).filter(([noted]) => noted !== key);
        return others.length === 0 ? null : { items: Object.fromEntries(others) };
      },
    },
  };
}

/** Null for a state of all lists together, which says nothing of any one of them. */
const ofItems = (state: unknown): OfItems["items"] | null =>
  isObject(state) && isObject(state["items"]) ? state["items"] : null;

interface TimeNotes {
  newest: number | null;
  /** When the first page was answered: what changes later may change behind the page that is read. */
  begun?: number;
}

/**
 * The newest time seen in records, never our own clock, and never after the first page: a list in another order than that of time
 * does not show what changes behind the place where it is read. Reading again from it inclusively, and `overlapSeconds` before it,
 * finds what appeared late; `settleSeconds` keeps it behind the vendor's present. Repeats are dropped by version.
 */
function updatedSince(cursor: Of<"updatedSince">, timeOf: (record: unknown) => unknown): CursorStrategy {
  const overlap = (cursor.overlapSeconds ?? 0) * 1000;
  const settle = (cursor.settleSeconds ?? 0) * 1000;
  return {
    since: (state) => {
      if (typeof state !== "number") return null;
      const begin = state - overlap;
      const asked = formatTime(begin, cursor.format);
      const isPast = (record: unknown): boolean => (timeMs(timeOf(record)) ?? begin) < (timeMs(asked) ?? 0);
      const plan = { ...from(cursor.to, asked), isPast };
      if (cursor.order !== "descending") return plan;
      return { ...plan, isBefore: (record) => (timeMs(timeOf(record)) ?? begin) < begin };
    },
    everything: () => fromInitial(cursor),
    note: (notes, page) => {
      let newest = (notes as TimeNotes | null)?.newest ?? null;
      const begun = (notes as TimeNotes | null)?.begun ?? page.serverNow;
      for (const record of page.records) {
        const time = timeMs(timeOf(record));
        if (time !== null) newest = Math.max(newest ?? 0, Math.min(time, begun - settle));
      }
      return { newest, begun };
    },
    after: (state, notes) => {
      const newest = (notes as TimeNotes | null)?.newest ?? null;
      return typeof state === "number" ? Math.max(state, newest ?? 0) : newest;
    },
  };
}

/** The values the list is ordered by, of the last record that has settled; the first is its time. */
function keyset(cursor: Of<"keyset">, valuesOf: readonly ((record: unknown) => unknown)[]): CursorStrategy {
  const overlap = (cursor.overlapSeconds ?? 0) * 1000;
  const settle = (cursor.settleSeconds ?? 0) * 1000;
  return {
    since: (state) => {
      if (!Array.isArray(state)) return null;
      const values: unknown[] = [earlier(state[0], overlap), ...state.slice(1)];
      const written = values.length === 1 ? values[0] : values;
      const begin = timeMs(values[0]) ?? 0;
      const isPast = (record: unknown): boolean => (timeMs(valuesOf[0]!(record)) ?? begin) < begin;
      return { assignments: placeValues(cursor.to, values), cursor: written, isPast, absence: "nothing" };
    },
    everything: listing,
    note: (notes, page) => {
      let last = (notes as unknown[] | null) ?? null;
      for (const record of page.records) {
        const values = valuesOf.map((of) => of(record));
        const time = timeMs(values[0]);
        if (time === null || time > page.serverNow - settle) continue;
        if (last === null || time >= timeMs(last[0])!) last = values;
      }
      return last;
    },
    after: (state, notes) => {
      if (notes === null) return state ?? null;
      if (!Array.isArray(state)) return notes;
      return timeMs((notes as unknown[])[0])! >= timeMs(state[0])! ? notes : state;
    },
  };
}

/** What is under way may be listed until it ends: so much longer than its time lies in the span. */
const LONGEST_RUN_MS = DAY;

/**
 * A span around now, on a time that is not the time of change. A list that leaves a record out for once says nothing of it: it
 * stays known until its time has left the span.
 */
function windowed(cursor: Of<"window">, { ahead, behind }: { ahead: number; behind: number }): CursorStrategy {
  const plan = (now: number): ReadPlan => ({
    assignments: [
      [cursor.from, formatTime(now - behind * 1000, cursor.format)],
      [cursor.to, formatTime(now + ahead * 1000, cursor.format)],
    ],
    absence: "nothing",
  });
  const returnsWithinMs = (ahead + behind) * 1000 + LONGEST_RUN_MS;
  return { ...stateless, since: (_state, now) => plan(now), everything: plan, returnsWithinMs };
}
