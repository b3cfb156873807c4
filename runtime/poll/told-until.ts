import type { CompiledStream } from "../manifest/connector.ts";
import type { NewEvent } from "../model/events.ts";
import { gapEvent, type Gap } from "../model/operational.ts";
import { readsOfQuarantined } from "../model/quarantine.ts";
import type { StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";
import { comparedUntil } from "./verify.ts";

/** Until when all that changed has been told to a subscription; 0 when its first read has not ended. */
export async function toldUntil(
  tx: Tx,
  { id, backfill, firstPoll }: SubscriptionRecord,
  stream: StreamRecord,
  compiled: CompiledStream | undefined,
): Promise<number> {
  if (backfill === "pending") return 0;
  const beginsWith = ({ joining }: { joining: readonly string[] }): boolean =>
    firstPoll !== "baseline" && joining.includes(id);
  // A list that its first read could not have may be had while it is paused: all that is there is then told to nobody.
  if (stream.missed?.some(beginsWith)) return 0;
  // What was listed and could not be had yet may be told while it is paused.
  const listed = stream.quarantined === 0 ? [] : await readsOfQuarantined(tx, stream.id);
  const times = listed.map((read) => (beginsWith(read) ? 0 : (read.after ?? 0)));
  return Math.min(comparedUntil(stream, compiled?.definition) ?? 0, ...times);
}

/**
 * The gaps that a stream leaves which is about to forget all that is known: to each whose first read has ended, since all that had
 * changed was told. `compiled`: undefined when its connector is not loaded.
 */
export async function forgottenGaps(
  tx: Tx,
  { connector, stream, compiled }: { connector: string; stream: StreamRecord; compiled: CompiledStream | undefined },
  readers: readonly SubscriptionRecord[],
  reason: Gap["reason"],
  now: number,
): Promise<NewEvent[]> {
  const gaps: NewEvent[] = [];
  for (const reader of readers.filter(({ backfill }) => backfill === "done")) {
    const from = (await toldUntil(tx, reader, stream, compiled)) || null;
    gaps.push(gapEvent(connector, stream.stream, reader, { from, to: now, reason }, now));
  }
  return gaps;
}
