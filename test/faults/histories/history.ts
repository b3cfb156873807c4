import * as fc from "fast-check";
import { FAULTS, type Fault, type Plan } from "./faults.ts";
import { KINDS, type Kind } from "./streams.ts";
import { LISTS, type ChangeKind, type Edit, type Words } from "./vendor.ts";

/** What people do with the subscriptions of the stream; `join`: the second begins, silently or with what is there. */
const TURNS = ["join", "join for all", "pause first", "resume first", "pause second", "resume second"] as const;
export type Turn = (typeof TURNS)[number];

/** One poll, and what comes before it and into it. */
export interface Step {
  /** Milliseconds by which the poll is late. */
  pauseMs: number;
  edits: Edit[];
  turn: Turn | null;
  /** What becomes of its requests, in turn; further ones meet no fault. */
  plans: Plan[];
  /** The process dies at so many commits from now on. */
  death: { commit: number; when: "before" | "after" } | null;
  /** What the vendor forgets before it. */
  forgets: Words | "pages" | null;
  /** Milliseconds by which the vendor's clock is set ahead, for streams that are compared now and then. */
  driftMs: number;
  /** Polls go on without any fault afterwards, and what was told is judged. */
  isCalm: boolean;
}

/** A life of a vendor's list, and of the stream that reads it. */
export interface History {
  kind: Kind;
  /** Records at first. */
  records: number;
  pageSize: number;
  tellsAll: boolean;
  marksRenames: boolean;
  steps: Step[];
  /** One of several lists that fails for some of the steps, whatever is asked of it. */
  breaks?: { list: string; fault: Fault; from: number; steps: number } | null;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const some = <T>(often: T, rarely: fc.Arbitrary<T>, weight: number): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(often) }, { weight: 1, arbitrary: rarely });

const changeKind = fc.constantFrom<ChangeKind>(
  "update",
  "create",
  "delete",
  "rename",
  "merge",
  "move",
  "revert",
  "update",
  "create",
  "delete",
);
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: changeKind,
  pick: fc.nat(40),
  after: fc.constantFrom(0, 1, 7, 30),
});
const plan: fc.Arbitrary<Plan> = fc.record({
  fault: some<Fault>("none", fc.constantFrom(...FAULTS), 2),
  edits: some<Edit[]>([], fc.array(edit, { minLength: 1, maxLength: 2 }), 3),
});
const step: fc.Arbitrary<Step> = fc.record({
  pauseMs: some(0, fc.constantFrom(MINUTE, HOUR, 25 * HOUR, 3 * DAY, 8 * DAY), 5),
  edits: fc.array(edit, { maxLength: 3 }),
  turn: some<Turn | null>(null, fc.constantFrom(...TURNS), 4),
  plans: fc.array(plan, { maxLength: 5 }),
  death: some<Step["death"]>(null, fc.record({ commit: fc.nat(4), when: fc.constantFrom("before", "after") }), 3),
  forgets: some<Step["forgets"]>(
    null,
    fc.constantFrom("declared", "invalid", "forbidden", "missing", "pages", "pages"),
    6,
  ),
  driftMs: some(0, fc.constantFrom(-HOUR, -2 * MINUTE, MINUTE, HOUR), 9),
  isCalm: some(false, fc.constant(true), 7),
});

/** For minutes or for months, as the pauses between the steps are. */
const breaks = fc.record({
  list: fc.constantFrom(...LISTS),
  fault: fc.constantFrom<Fault>("error 500", "forbidden", "bad request", "no content", "timeout", "list missing"),
  from: fc.nat(6),
  steps: fc.integer({ min: 1, max: 10 }),
});

/** Any history, of some of these kinds of streams. */
export const histories = (kinds: readonly Kind[] = KINDS): fc.Arbitrary<History> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    records: fc.oneof({ weight: 5, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.integer({ min: 24, max: 45 }) }),
    pageSize: fc.constantFrom(3, 2, 1, 5, 30),
    tellsAll: fc.boolean(),
    marksRenames: fc.boolean(),
    steps: fc.array(step, { minLength: 1, maxLength: 10, size: "max" }),
    breaks: fc.option(breaks),
  });
