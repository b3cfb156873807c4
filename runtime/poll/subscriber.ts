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

/** When a stream is read next: as soon as the first of its schedules asks for it. Milliseconds since the epoch. */
export function nextPoll(stream: number, schedules: readonly Schedule[], now: number): number {
  return Math.min(...schedules.map((schedule) => nextRun(schedule, stream, now)));
}

/** When these subscriptions ask to be read for. Without their connector, a trigger's own schedule is not known. */
export function schedulesOf(
  connector: Connector | undefined,
  subscriptions: readonly SubscriptionRecord[],
): Schedule[] {
  return subscriptions.map(({ everySeconds, schedule, timeZone, trigger }) => {
    if (everySeconds !== null) return { everySeconds };
    if (schedule !== null) return { cron: schedule, timeZone: timeZone ?? undefined };
    return defaultSchedule(connector?.triggers.get(trigger)?.definition.schedule?.default ?? "*/5 * * * *");
  });
}
