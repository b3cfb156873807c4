import type { Log } from "../core/log.ts";
import { conditionOf, type Condition } from "../manifest/conditions.ts";
import type { CompiledTrigger, Connector } from "../manifest/connector.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import { defaultSchedule, nextRun, type Schedule } from "./schedule.ts";

/** A subscription ready to be asked whether a change concerns it. */
export interface Subscriber {
  subscription: SubscriptionRecord;
  trigger: CompiledTrigger;
  /** The subscriber's own condition. */
  where: Condition | undefined;
}

/** A subscription with its trigger and its own condition compiled. */
export function toSubscriber(
  connector: Connector,
  subscription: SubscriptionRecord,
  log: Pick<Log, "warn">,
): Subscriber {
  const { id, trigger, where } = subscription;
  const warn = (problem: string): void => {
    log.warn({ subscription: id, where, problem }, "the where of a subscription is as no new one may be; correct it");
  };
  return {
    subscription,
    trigger: connector.triggers.get(trigger)!,
    where: where === null ? undefined : conditionOf(where, warn),
  };
}

/** When a stream is read next: as soon as the first of its subscribers asks for it. Milliseconds since the epoch. */
export function nextPoll(stream: number, subscribers: readonly Subscriber[], now: number): number {
  return Math.min(...subscribers.map((subscriber) => nextRun(scheduleOf(subscriber), stream, now)));
}

function scheduleOf({ subscription, trigger }: Subscriber): Schedule {
  const { everySeconds, schedule, timeZone } = subscription;
  if (everySeconds !== null) return { everySeconds };
  if (schedule !== null) return { cron: schedule, timeZone: timeZone ?? undefined };
  return defaultSchedule(trigger.definition.schedule?.default ?? "*/5 * * * *");
}
