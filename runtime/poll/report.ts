import type { Emit, NewEvent } from "../model/events.ts";
import { degradedEvent, gapEvent, type Gap } from "../model/operational.ts";
import type { StreamError } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";

/** The stream that is reported on. */
interface Subject {
  connector: string;
  stream: string;
}

/** What a subscription is told about the reading of its stream. */
export type Report = (connector: string, stream: string, subscription: SubscriptionRecord, at: number) => NewEvent;

export const degradedBy =
  (error: StreamError): Report =>
  (connector, stream, subscription, at) =>
    degradedEvent(connector, stream, subscription, error, at);

export const gapOf =
  (gap: Gap): Report =>
  (connector, stream, subscription, at) =>
    gapEvent(connector, stream, subscription, gap, at);

/** Emits a report to each of the subscriptions. */
export async function tell(
  emit: Emit,
  tx: Tx,
  { connector, stream }: Subject,
  recipients: readonly SubscriptionRecord[],
  report: Report,
  at: number,
): Promise<void> {
  if (recipients.length === 0) return;
  await emit(
    tx,
    recipients.map((subscription) => report(connector, stream, subscription, at)),
  );
}
