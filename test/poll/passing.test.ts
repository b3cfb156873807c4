import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { Checkpoint } from "../../runtime/model/streams.ts";
import { OUTAGE_POLLS, Passing } from "../../runtime/poll/passing.ts";
import type { Reading } from "../../runtime/poll/reading.ts";
import { OUTAGE_AFTER } from "../../runtime/read/outage.ts";

const PASSES = new HooklineError("network", "no answer");
const OWN = new HooklineError("unexpected_answer", "another shape");
const CHECKPOINT = { page: null } as Checkpoint;

/** Has one list after the other fail, and tells of each whether those after it are read all the same. */
function passedOver(errors: readonly (Error | "answered")[], stream: object = { consecutiveErrors: 0 }): boolean[] {
  const items = errors.map((_, n) => `l${n}`);
  const source = { signal: new AbortController().signal };
  const compiled = { each: { key: (item: unknown) => item } };
  const passing = new Passing({ source, compiled, stream: { missed: null, ...stream } } as unknown as Reading);
  return errors.flatMap((error, at) => {
    if (error !== "answered")
      return [passing.isPassedOver({ error, at: { page: null, each: { items, at } }, hasPlace: true }, CHECKPOINT)];
    passing.answered();
    return [];
  });
}

const crashing = (count: number): Error[] => Array.from({ length: count }, () => PASSES);

describe("lists that fail one after the other", () => {
  it(`are an outage of the vendor's once ${OUTAGE_AFTER} have not answered`, () => {
    expect(OUTAGE_AFTER).toBe(10);
    expect(passedOver(crashing(OUTAGE_AFTER - 1))).not.toContain(false);
    expect(passedOver(crashing(OUTAGE_AFTER)).lastIndexOf(true)).toBe(OUTAGE_AFTER - 2);
  });

  it("are none when one of them answers in between, or fails for itself", () => {
    expect(passedOver([...crashing(OUTAGE_AFTER - 1), "answered", PASSES])).not.toContain(false);
    expect(passedOver([...crashing(OUTAGE_AFTER - 1), OWN, PASSES])).not.toContain(false);
  });

  it("are none where they have failed before", () => {
    const missed = crashing(OUTAGE_AFTER).map((_, n) => ({ list: `l${n}` }));
    expect(passedOver(crashing(OUTAGE_AFTER), { consecutiveErrors: 0, missed })).not.toContain(false);
  });

  it(`are no longer taken for one after ${OUTAGE_POLLS} polls that have met it`, () => {
    expect(OUTAGE_POLLS).toBe(3);
    expect(passedOver(crashing(OUTAGE_AFTER), { consecutiveErrors: OUTAGE_POLLS - 1 })).toContain(false);
    expect(passedOver(crashing(OUTAGE_AFTER), { consecutiveErrors: OUTAGE_POLLS })).not.toContain(false);
  });
});
