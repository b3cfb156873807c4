import type { Change as TriggerChange } from "../../schemas/manifest.ts";
import type { Fact } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Scope } from "../manifest/expressions.ts";
import type { NewEvent } from "../model/events.ts";
import type { RecordFailure } from "../model/quarantine.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import { describeFailure } from "../read/enrich.ts";
import type { Change } from "./diff.ts";
import type { Reading } from "./reading.ts";
import type { Subscriber } from "./subscriber.ts";

/** An event that has no id yet, and what tells it apart from the other events of its subscription. */
export interface Draft extends Omit<NewEvent, "id"> {
  facts: readonly Fact[];
}

/**
 * The events of one change: one for each subscription it concerns, all with the same sequence number.
 * `backfill` marks records that were there before the subscription.
 */
export function eventsOf(
  change: Change,
  sequence: number,
  subscribers: readonly Subscriber[],
  reading: Reading,
  backfill: boolean,
): Draft[] {
  const { connector, user, log } = reading;
  const { id, connection } = reading.stream;
  const at = reading.now();
  let told: Told | undefined;
  const events: Draft[] = [];
  for (const { subscription, trigger, where } of subscribers) {
    if (!concerns(trigger.on, change, backfill)) continue;
    told ??= toldOf(change, reading);
    const { resource } = told;
    if (trigger.where ?? where) {
      const scope = { record: change.raw ?? null, resource, previous: change.previous, input: subscription.input };
      if (!holds(trigger.where, scope, subscription, log) || !holds(where, scope, subscription, log)) continue;
    }
    const watched = typeof trigger.on === "object";
    const reader = [subscription.id, subscription.moves];
    events.push({
      facts: backfill
        ? ["backfill", ...reader, change.key, change.version]
        : ["change", ...reader, change.kind, change.key, change.version],
      type: trigger.event,
      connection,
      user,
      subscription: subscription.id,
      stream: id,
      recordKey: change.key,
      sequence,
      at,
      data: {
        connector,
        connection,
        user,
        trigger: subscription.trigger,
        subscription: subscription.id,
        sequence,
        change: watched ? "changed" : change.kind,
        ...(watched || (change.kind === "updated" && Object.keys(change.changes).length > 0)
          ? { changes: change.changes }
          : {}),
        ...(change.previousKeys && { previousKeys: change.previousKeys }),
        ...(change.mergedInto !== undefined && { mergedInto: change.mergedInto }),
        backfill,
        ...told,
        ...(change.raw === undefined ? {} : { record: change.raw }),
      },
      target: { endpoint: subscription.endpoint ?? undefined, flow: subscription.flow ?? undefined },
    });
  }
  return events;
}

/** A condition that cannot be evaluated on a record does not hold for it; the other subscribers get their events all the same. */
function holds(
  condition: ((scope: Scope) => boolean) | undefined,
  scope: Scope,
  subscription: SubscriptionRecord,
  log: Pick<Log, "warn">,
): boolean {
  try {
    return condition === undefined || condition(scope);
  } catch (error) {
    log.warn(
      { subscription: subscription.id, error },
      "the where of a subscription cannot be evaluated; no event is made",
    );
    return false;
  }
}

/** A record that is new counts as added to everything it is in; what was there before a subscription changed in nothing. */
function concerns(on: TriggerChange, change: Change, backfill: boolean): boolean {
  if (typeof on === "string") return on === "any" || on === change.kind;
  if (change.kind === "deleted" || backfill) return false;
  if ("changed" in on) return change.kind === "updated" && on.changed in change.changes;
  const name = "added" in on ? on.added : on.removed;
  const watched = change.changes[name];
  if (!watched || !("added" in watched)) return false;
  return ("added" in on ? watched.added : watched.removed).length > 0;
}

/** The common terms of a record, as an event has them. */
interface Told {
  resource: unknown;
  /** Why the record could not be put into them; then its resource has only type and id. */
  resourceError?: RecordFailure;
}

/** One record that the manifest's mapping cannot read is told all the same, and stops no other. */
function toldOf({ key, raw }: Change, { compiled: { resource: mapping }, stream, log }: Reading): Told {
  const bare = { type: mapping?.type ?? "record", id: key };
  try {
    return { resource: (raw === undefined ? undefined : mapping?.map(raw)) ?? bare };
  } catch (error) {
    log.warn({ stream: stream.id, key, err: error }, "a record cannot be put into common terms; it is told without");
    return { resource: bare, resourceError: describeFailure(error as Error) };
  }
}
