import type { NewEvent } from "../model/events.ts";
import { gapEvent, type Gap } from "../model/operational.ts";
import type { Checkpoint, MissedList } from "../model/streams.ts";
import { isGivenUp } from "./lists.ts";
import { keptFor } from "./news.ts";
import type { Reading } from "./reading.ts";

/**
 * What may have been missed of lists that a read has had again: all that changed since the first read for a subscription that begins
 * in silence and could not have one; after a time for which the vendor does not keep changes, what has come and gone in it; and, once
 * deletions in the others were believed without it, what has moved into it. Of lists that are gone and that the first read could not
 * have, nothing was told, to nobody.
 */
export function listGaps(
  { subscribers, compiled, connector, now }: Pick<Reading, "subscribers" | "compiled" | "connector" | "now">,
  { startedAt }: Pick<Checkpoint, "startedAt">,
  { answering, gone }: { answering: readonly MissedList[]; gone: readonly MissedList[] },
): NewEvent[] {
  const failed = ({ error }: MissedList): boolean => error !== null;
  const [had, lost] = [answering.filter(failed), gone.filter(failed)];
  if (had.length + lost.length === 0) return [];
  return subscribers.flatMap(({ subscription }) => {
    const { id, backfill, firstPoll } = subscription;
    if (backfill !== "done") return [];
    const gapOf = (lists: readonly MissedList[], reason: Gap["reason"]): NewEvent[] => {
      if (lists.length === 0) return [];
      const from = Math.min(...lists.map(({ cursorAt, since }) => cursorAt ?? since));
      return [gapEvent(connector, compiled.name, subscription, { from, to: now(), reason }, now())];
    };
    const isFirst = ({ joining }: MissedList): boolean => joining.includes(id);
    const others = [...had, ...lost].filter((one) => !isFirst(one));
    // What has moved into one meanwhile was taken for gone.
    const givenUp = others.filter((one) => isGivenUp(one, startedAt));
    const unread = [...(firstPoll === "baseline" ? had.filter(isFirst) : []), ...lost.filter(isFirst), ...givenUp];
    const stalled = others.filter(({ cursorAt, since }) => startedAt - (cursorAt ?? since) >= keptFor(compiled));
    return [...gapOf(unread, "list_unread"), ...gapOf(stalled, "stalled")];
  });
}
