import { ROOTS } from "../manifest/roots.ts";
import { whereFaults } from "../manifest/where.ts";
import type { Sql, Tx } from "../store/database.ts";
import { checked, count, fixed, flag, hidden, name, nullable, oneOf, text, time, value } from "./field.ts";
import { input, type InputOf } from "./input.ts";
import { listQuery } from "./page.ts";
import { object, oneOf as oneOfText, time as timeSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

const FIRST_POLLS = ["baseline", "emitAll"] as const;

/** How a subscription begins: silently (the default), with all records there are, or with those that changed since a time. */
export type FirstPoll = (typeof FIRST_POLLS)[number] | { since: string };

/** Seconds between polls: a year at most, which any store can hold. */
export const EVERY_SECONDS = { minimum: 1, maximum: 31_536_000 };

/** A trigger of a connection wired to a target. */
export const subscriptions = new Table("subscriptions", {
  id: text("Id.", { example: "sub_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  connection: fixed(name("Id of the connection.")),
  user: fixed(text("The user whose connection it is.", { column: "user_id" })),
  trigger: fixed(name("Key of the trigger in the manifest.", { column: "trigger_name", example: "contact_created" })),
  stream: hidden(count("Number of the stream it reads.")),
  input: value<Record<string, unknown>>(
    { type: "object", description: "Input of the trigger." },
    { example: { group: "contactGroups/friends" } },
  ),
  where: checked(
    nullable(
      text(
        "JMESPath over {record, resource, previous, input}; only changes for which the result is true become events.",
        {
          column: "condition",
        },
      ),
    ),
    (given) => whereFaults(given, { roots: ROOTS.where }),
  ),
  schedule: nullable(text("When to poll: a cron expression of five fields.", { example: "*/5 * * * *" })),
  timeZone: nullable(text("IANA time zone of `schedule`; UTC when left out.", { example: "Europe/Berlin" })),
  everySeconds: nullable(count("Instead of `schedule`: seconds between polls.", { schema: EVERY_SECONDS })),
  firstPoll: value<FirstPoll>({
    description: "The first poll: silent (the default), all records, or those that changed since a time.",
    oneOf: [
      oneOfText(FIRST_POLLS, "Silently, or with all records."),
      object("With the records that changed since a time.", { since: timeSchema("The time.") }),
    ],
  }),
  backfill: hidden(oneOf(["pending", "done"], "Whether its first complete read has ended.")),
  moves: hidden(count("How often a new input, or another account, has led it to another stream.")),
  endpoint: nullable(
    text("The endpoint that gets the events; every endpoint that takes them when left out.", {
      example: "ep_019a1f2e4c7b7d1a8b1c2d3e4f506172",
    }),
  ),
  flow: hidden(nullable(text("The flow or sync that gets the events."))),
  status: oneOf(["active", "paused"], "Whether its stream is read for it."),
  pausedFrom: hidden(nullable(time("Of one that is paused: since when changes may not have been told to it."))),
  degraded: hidden(flag("Whether `subscription.degraded` was reported and not yet `subscription.recovered`.")),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
});

export type SubscriptionRecord = RecordOf<typeof subscriptions.fields>;
/** A subscription as people see it. */
export type SubscriptionView = ViewOf<typeof subscriptions.fields>;

const {
  connection,
  trigger,
  input: asked,
  where,
  schedule,
  timeZone,
  everySeconds,
  firstPoll,
  endpoint,
} = subscriptions.fields;
const choices = { input: asked, where, schedule, timeZone, everySeconds, endpoint };

export const newSubscription = input(
  "subscription",
  "A trigger of a connection, wired to a target.",
  { connection, trigger },
  { firstPoll, ...choices },
);
export type NewSubscription = InputOf<typeof newSubscription>;

export const subscriptionChanges = input("subscription", "What changes.", {}, choices, { minProperties: 1 });
export type SubscriptionChanges = InputOf<typeof subscriptionChanges>;

export const subscriptionResume = input(
  "resume",
  "What is accepted.",
  {},
  {
    accept: flag(
      "True to have deletions believed that are held back because most records are no longer listed (`unusual_deletions`); they are looked for once more first.",
      { example: true },
    ),
  },
);
export type SubscriptionResume = InputOf<typeof subscriptionResume>;

/** Seconds that an audit may be given: a day at most. */
const AUDIT_SECONDS = { minimum: 1, maximum: 86_400 };

export const subscriptionAudit = input(
  "audit",
  "How long the audit may take.",
  {},
  {
    timeoutSeconds: count(
      "Seconds after which an audit that has not ended is given up and reports nothing; default 60. It waits for the vendor's limits within that time.",
      { schema: AUDIT_SECONDS, example: 300 },
    ),
  },
);

export const subscriptionQuery = listQuery("subscriptions", {
  user: name("Only this user's."),
  connection: name("Only of this connection."),
  endpoint: name("Only to this endpoint."),
  trigger: name("Only of this trigger."),
});

export const subscriptionSchemas = {
  Subscription: subscriptions.schema("A trigger of a connection, wired to a target."),
};

/** The active subscriptions of these streams. */
export async function activeSubscriptions(sql: Sql, streams: readonly number[]): Promise<SubscriptionRecord[]> {
  const active = `where status = 'active' and ${sql.oneOf("stream")} order by id`;
  return streams.length === 0 ? [] : subscriptions.all(sql, active, [JSON.stringify(streams)]);
}

/** All subscriptions of a stream, paused ones too, oldest first. */
export async function subscriptionsOfStream(sql: Sql, stream: number): Promise<SubscriptionRecord[]> {
  return subscriptions.all(sql, "where stream = ? order by id", [stream]);
}

/** Whether any subscription reads a stream, a paused one too. */
export async function isStreamUsed(sql: Sql, stream: number): Promise<boolean> {
  return (await subscriptions.one(sql, "where stream = ? limit 1", [stream])) !== undefined;
}

/** Notes that the first reads of these subscriptions have ended. */
export async function finishBackfill(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await subscriptions.change(tx, { backfill: "done" }, tx.oneOf("id"), [JSON.stringify(ids)]);
}

/** Notes whether the failures of a stream are reported to its active subscriptions: a paused one is told nothing. */
export async function setDegraded(tx: Tx, stream: number, degraded: boolean): Promise<void> {
  await subscriptions.change(tx, { degraded }, "stream = ? and status = 'active'", [stream]);
}

/** Has the subscriptions of one stream read another one; gives them as they were. */
export async function readFrom(tx: Tx, stream: number, next: number): Promise<SubscriptionRecord[]> {
  const readers = await subscriptions.all(tx, "where stream = ? order by id", [stream]);
  await tx.run("update subscriptions set stream = ?, degraded = 0, moves = moves + 1 where stream = ?", [next, stream]);
  return readers;
}

/** Deletes all subscriptions of a stream. */
export async function deleteSubscriptionsOf(tx: Tx, stream: number): Promise<void> {
  await tx.run("delete from subscriptions where stream = ?", [stream]);
}
