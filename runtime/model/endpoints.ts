import type { Broken } from "../core/broken.ts";
import type { Fault } from "../core/errors.ts";
import { eventPatternFault, isEventPattern } from "../core/event-patterns.ts";
import { joinPointer } from "../core/json.ts";
import { whereFaults } from "../manifest/where.ts";
import type { Sql, Tx } from "../store/database.ts";
import { checked, fixed, flag, hidden, name, nullable, number, oneOf, sealed, text, time, value } from "./field.ts";
import { input, type InputOf } from "./input.ts";
import { listQuery } from "./page.ts";
import { brokenSchema, count, listOf, object, text as textSchema, time as timeSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";
import { ownerId } from "./user.ts";

const FORMATS = ["standard", "cloudevents", "bare"] as const;
const STATUSES = ["active", "disabled"] as const;
const MOST_PATTERNS = 100;
const MOST_HEADERS = 32;
/** Characters. */
const LONGEST_HEADER = 4096;

/** How the body of a webhook is laid out. */
export type Format = (typeof FORMATS)[number];

/** A consumer: a URL, or a function of the host's own process. */
export const endpoints = new Table("endpoints", {
  id: text("Id.", { example: "ep_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  kind: fixed(hidden(oneOf(["webhook", "process"], "Who is called: a URL, or a function of the host's process."))),
  url: text("Where events are sent: http(s), public unless the configuration allows more.", {
    example: "https://consumer.example/hooks",
  }),
  user: fixed(nullable(name("The user whose events are sent; null for everybody's.", { column: "user_id" }))),
  events: checked(
    value<string[]>({
      type: "array",
      items: { type: "string" },
      minItems: 1,
      maxItems: MOST_PATTERNS,
      description: "Patterns of event types: exact, `contact.*` or `*` (the default).",
      examples: [["contact.*"]],
    }),
    patternFaults,
  ),
  where: checked(
    nullable(
      text("JMESPath over the data of an event; only events for which the result is true are sent.", {
        column: "condition",
      }),
    ),
    (given) => whereFaults(given),
  ),
  format: oneOf(FORMATS, "Layout of the body; default standard."),
  ordered: flag("Whether the changes of one record are sent strictly one after the other; default false."),
  ratePerSecond: nullable(
    number("Most attempts per second; null for no limit.", { schema: { minimum: 0.001, maximum: 1000 } }),
  ),
  sealed: nullable(sealed("secret", "Its secrets and headers; null for a function.")),
  status: oneOf(STATUSES, "Whether events are sent to it."),
  disabledReason: nullable(text("Why it is disabled.")),
  pausedUntil: nullable(time("The receiver asked for no attempts before this time; may lie in the past.")),
  failingSince: nullable(time("Every attempt has failed since this time.")),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
});

export type EndpointRecord = RecordOf<typeof endpoints.fields>;

/** An endpoint as it is shown: no secret, and of its headers only the names. */
export interface EndpointView extends ViewOf<typeof endpoints.fields> {
  headerNames: string[];
  /** Why its secrets cannot be read, and nothing is sent to it; null while they can. */
  problem: Broken | null;
}

const headers = checked(
  value<Record<string, string>>({
    type: "object",
    additionalProperties: { type: "string" },
    description: "Sent with every webhook; stored encrypted, never shown again.",
  }),
  headerFaults,
);

const { url, events, where, format, ordered, ratePerSecond, status } = endpoints.fields;
const settings = { events, where, format, ordered, headers, ratePerSecond };

export const newEndpoint = input(
  "endpoint",
  "Where events are sent.",
  { url },
  { ...settings, user: ownerId("The user whose events are sent; everybody's when left out.") },
);
export type NewEndpoint = InputOf<typeof newEndpoint>;

export const endpointChanges = input(
  "endpoint",
  "What changes.",
  {},
  {
    url,
    ...settings,
    status: {
      ...status,
      schema: { ...status.schema, description: "`disabled` cancels pending deliveries." },
    },
  },
  { minProperties: 1 },
);
export type EndpointChanges = InputOf<typeof endpointChanges>;

/** What is sent again. */
export const recovery = input(
  "recovery",
  "What is sent again.",
  { since: time("Deliveries created at or after this time.") },
  {},
);
export type Recovery = InputOf<typeof recovery>;

export const endpointQuery = listQuery("endpoints", { user: name("Only this user's.") });

const secret = textSchema("Signs the webhooks; shown here and never again.");
const shown = {
  headerNames: listOf(textSchema("Name."), "Names of the headers that are sent along."),
  problem: brokenSchema("Why its secrets cannot be read, and nothing is sent to it."),
};

export const endpointSchemas = {
  Endpoint: endpoints.schema("A consumer's URL.", shown),
  NewEndpoint: endpoints.schema("A new endpoint.", { ...shown, secret }),
  RotatedSecret: object("A new secret.", {
    secret,
    previousValidUntil: timeSchema("The previous secret signs as well until this time."),
  }),
  Recovery: object("What is sent again.", { deliveries: count("How many deliveries are sent again.") }),
};

/** The active endpoints of these users, and of the workspace. */
export function activeEndpoints(sql: Sql, users: readonly string[]): Promise<EndpointRecord[]> {
  const ours = `where status = 'active' and (user_id is null or ${sql.oneOf("user_id")}) order by id`;
  return endpoints.all(sql, ours, [JSON.stringify(users)]);
}

/** An attempt succeeded: it no longer counts as failing. */
export async function endpointSucceeded(tx: Tx, id: string): Promise<void> {
  await tx.run(`update endpoints set failing_since = null where id = ? and failing_since is not null`, [id]);
}

/** An attempt failed; `pausedUntil` when its receiver asked to be left alone until then. */
export async function endpointFailed(tx: Tx, id: string, now: number, pausedUntil: number | null): Promise<void> {
  await tx.run(
    // One that lies ahead was written while the clock was.
    `update endpoints set failing_since = case when failing_since <= ? then failing_since else ? end,
       paused_until = coalesce(?, paused_until) where id = ?`,
    [now, now, pausedUntil, id],
  );
}

/** Turns an active endpoint off; false when it is off already, or gone. */
export async function disableEndpoint(tx: Tx, id: string, reason: string, now: number): Promise<boolean> {
  const changes = { status: "disabled", disabledReason: reason, updatedAt: now } as const;
  return (await endpoints.change(tx, changes, "id = ? and status = 'active'", [id])) > 0;
}

/** Whether every attempt since this time, or longer, has failed. */
export async function hasFailedSince(sql: Sql, id: string, time: number): Promise<boolean> {
  return (await endpoints.one(sql, `where id = ? and failing_since <= ?`, [id, time])) !== undefined;
}

function* patternFaults(patterns: readonly string[]): Generator<Fault> {
  for (const [index, pattern] of patterns.entries()) {
    if (!isEventPattern(pattern)) yield { pointer: joinPointer("", index), message: eventPatternFault(pattern) };
  }
}

/** Headers that belong to the connection (RFC 9110 §7.6.1), the message, or the signature. */
const RESERVED =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-(length|type|encoding)|user-agent|webhook-.*|proxy-.*)$/i;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** RFC 9110 §5.5, without obs-text: it has no certain encoding. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;

function* headerFaults(given: Record<string, string>): Generator<Fault> {
  const names = Object.keys(given);
  if (names.length > MOST_HEADERS) {
    yield { pointer: "", message: `${names.length} headers; at most ${MOST_HEADERS} are sent` };
  }
  const seen = new Set<string>();
  for (const header of names.slice(0, MOST_HEADERS)) {
    const message = headerFault(header, given[header]!, seen);
    if (message !== undefined) yield { pointer: joinPointer("", header), message };
    seen.add(header.toLowerCase());
  }
}

/** Never quotes the value: it may be a secret. */
function headerFault(header: string, given: string, seen: ReadonlySet<string>): string | undefined {
  if (!TOKEN.test(header)) return "not a header name; use letters, digits and hyphens";
  if (RESERVED.test(header)) return "reserved; Hookline sets this header itself";
  if (seen.has(header.toLowerCase())) return "given twice; header names do not differ by case";
  if (!FIELD_VALUE.test(given)) return "not printable ASCII on one line; encode it";
  return given.length > LONGEST_HEADER ? `longer than ${LONGEST_HEADER} characters; shorten it` : undefined;
}
