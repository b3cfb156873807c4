import { HooklineError } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Emit } from "../model/events.ts";
import type { StreamError, StreamRecord } from "../model/streams.ts";
import { subscriptions, type SubscriptionRecord } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";
import { degradedBy, tell } from "./report.ts";
import { toldUntil } from "./told-until.ts";

/** @throws HooklineError `conflict` when the connector, as far as it is loaded, has no such trigger any more */
export function assertTrigger(connector: Connector | undefined, { id, trigger }: SubscriptionRecord): void {
  if (!connector || connector.triggers.has(trigger)) return;
  throw new HooklineError("conflict", `Subscription ${id} is to ${problemOf(connector, trigger)}`);
}

/**
 * Pauses subscriptions of one stream whose trigger the manifest no longer has, and tells each why: the others are read on, and what
 * these miss meanwhile is reported as a gap once they are resumed.
 */
export async function pauseWithoutTrigger(
  tx: Tx,
  emit: Emit,
  connector: Connector,
  stream: StreamRecord,
  lost: readonly SubscriptionRecord[],
  now: number,
): Promise<void> {
  for (const subscription of lost) {
    const pausedFrom = await toldUntil(tx, subscription, stream, connector.streams.get(stream.stream));
    await subscriptions.save(tx, { ...subscription, status: "paused", pausedFrom, updatedAt: now });
    const message = `The subscription is paused, for it is to ${problemOf(connector, subscription.trigger)}`;
    const error: StreamError = { code: "trigger_missing", message, at: now };
    await tell(emit, tx, { connector: connector.name, stream: stream.stream }, [subscription], degradedBy(error), now);
  }
}

const problemOf = ({ name }: Connector, trigger: string): string =>
  `trigger ${trigger}, which connector ${name} no longer has; restore the trigger in the manifest and resume the subscription, or remove it`;
