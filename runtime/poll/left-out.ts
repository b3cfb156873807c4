import type { Known } from "../model/known.ts";
import type { Difference } from "./diff.ts";
import type { Subscriber } from "./subscriber.ts";

/** Records that are listed now, and that the first reads of subscriptions which began with what is there had left out. */
export interface LeftOut {
  /** By the key of the record: who is told of it now. */
  recipients: ReadonlyMap<string, readonly Subscriber[]>;
  remembered: Known[];
  unchanged: string[];
}

export const NOBODY: LeftOut["recipients"] = new Map();

/**
 * Finds who is to be told of records that are listed, since their own first read left them out; what is remembered no longer says so.
 * One that is paused is told later. `seen`: when the read began.
 */
export function settleLeftOut(
  { remembered, unchanged }: Pick<Difference, "remembered" | "unchanged">,
  known: ReadonlyMap<string, Known>,
  subscribers: readonly Subscriber[],
  seen: number,
): LeftOut {
  const recipients = new Map<string, readonly Subscriber[]>();
  const settle = (record: Known): Known | undefined => {
    // What is held is settled when the read ends.
    if (!record.leftOut || record.gone) return undefined;
    const told = subscribers.filter(({ subscription }) => record.leftOut!.includes(subscription.id));
    if (told.length === 0) return undefined;
    recipients.set(record.key, told);
    const waiting = record.leftOut.filter((id) => told.every(({ subscription }) => subscription.id !== id));
    return { ...record, leftOut: waiting.length > 0 ? waiting : null };
  };
  const settled = remembered.map((record) => settle(record) ?? record);
  const same = unchanged.filter((key) => {
    const record = known.get(key);
    const after = record && settle({ ...record, seen });
    if (after) settled.push(after);
    return after === undefined;
  });
  return { recipients, remembered: settled, unchanged: same };
}
