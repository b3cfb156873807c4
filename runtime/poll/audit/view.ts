import { isoTime } from "../../core/time.ts";
import type { CompiledStream } from "../../manifest/connector.ts";
import { count, nullable, oneOf, text, time, value, type JsonOf } from "../../model/field.ts";
import { count as countSchema, listOf, object, text as textSchema } from "../../model/schema.ts";
import type { Comparison } from "./differences.ts";
import { MOST_KEYS, type Tally } from "./tally.ts";
import type { Verdicts } from "./verdicts.ts";

interface Records {
  count: number;
  keys: string[];
}

const records = (description: string) =>
  value<Records>(
    object(description, {
      count: countSchema("How many there are."),
      keys: listOf(textSchema("Primary key."), `Keys of the first, ${MOST_KEYS} at most.`),
    }),
  );

const fields = {
  subscription: text("Id of the subscription that was asked about."),
  subscriptions: value<string[]>(
    listOf(textSchema("Id."), "All subscriptions that read the stream: the audit holds for each of them."),
  ),
  connection: text("Id of the connection."),
  stream: text("Key of the stream in the manifest."),
  verdict: oneOf(
    ["proved", "different", "partial", "notAudited"],
    "proved: every record at the vendor was compared, and nothing is missing, extra or stale. different: something is. partial: nothing is, but not everything is proved; see `unsettled`, `held`, `quarantined`, `unread` and `notAudited`. notAudited: nothing could be compared.",
  ),
  beganAt: time("When the read of everything began."),
  endedAt: time("When it ended, or the second read that confirmed what the first had found."),
  read: count("Records that the vendor listed, in any read of the audit, each counted once."),
  known: nullable(count("Records that Hookline knows; null when nothing was compared.")),
  lagSeconds: count("Seconds that the stream is behind its schedule, as in its health."),
  missing: nullable(
    records(
      "Records at the vendor that are not known, and of which no poll will tell, confirmed by a second read. Null when that could not be looked at.",
    ),
  ),
  extra: nullable(
    records(
      "Known records that the vendor no longer has, and of whose deletion no poll will tell, confirmed by a second read. Null when that could not be looked at.",
    ),
  ),
  stale: nullable(
    records(
      "Records that are known in another version than the vendor's, and of which no poll will tell, confirmed by a second read. Null when that could not be looked at.",
    ),
  ),
  pending: records("Differences that the next poll reports: changes since the last one."),
  unverified: records(
    "Known records that the vendor no longer lists, on a stream whose increments do not show all deletions: the comparison of everything at `verifiesAt` reports them.",
  ),
  verifiesAt: nullable(time("When polls compare everything next; null for a stream that needs no such comparison.")),
  unsettled: records(
    "Differences that may be changes of the last ten minutes, which the vendor's increments may not show yet, whatever time their records give. An audit that may take longer than that (`timeoutSeconds`) waits and tells what they are.",
  ),
  held: records("Deletions that are held back because so much is no longer listed; see the health."),
  quarantined: records("Listed records that polls could not read; see the health."),
  unread: records("Listed records that this audit could not read."),
  notAudited: value<string[]>(
    listOf(textSchema("What, and why."), "What the audit did not look at. Empty when it looked at everything."),
  ),
};

/** What an audit found: whether what Hookline knows of a stream is what the vendor has. */
export type SubscriptionAudit = { -readonly [Name in keyof typeof fields]: JsonOf<(typeof fields)[Name]> };

export const subscriptionAuditSchema = object(
  "What an audit found: whether what Hookline knows of a stream is what the vendor has.",
  Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
);

/** What an audit is about, whatever it finds. */
export type Subject = Pick<
  SubscriptionAudit,
  "subscription" | "subscriptions" | "connection" | "stream" | "lagSeconds"
>;

/** Whether all records of a stream can be listed: else its list only shows what changed, and says nothing of what did not. */
export function canReadAll({ cursor }: CompiledStream): boolean {
  return cursor.definition.type !== "sequence" && cursor.baseline === undefined;
}

/** The answer for a stream of which nothing can be compared. */
export function notAudited(subject: Subject, { name }: CompiledStream, now: number): SubscriptionAudit {
  const none = { count: 0, keys: [] };
  return {
    ...subject,
    verdict: "notAudited",
    beganAt: isoTime(now),
    endedAt: isoTime(now),
    read: 0,
    known: null,
    missing: null,
    extra: null,
    stale: null,
    pending: none,
    unverified: none,
    verifiesAt: null,
    unsettled: none,
    held: none,
    quarantined: none,
    unread: none,
    notAudited: [
      `All records of ${name}: the vendor lists only what changed since a cursor, and nothing shows what it had before`,
    ],
  };
}

/** What the reads of an audit have come to. */
interface Found {
  found: Comparison;
  /** Records that any of them has listed, each counted once. */
  read: number;
  verdicts: Verdicts;
  verifiesAt: number | undefined;
}

/** The answer for a stream whose records were compared. */
export function auditView(
  subject: Subject,
  stream: CompiledStream,
  { found, read, verdicts, verifiesAt }: Found,
): SubscriptionAudit {
  const { missing, extra, stale, pending, unverified, unsettled, held, quarantined } = verdicts;
  const blind = blindSpots(stream, found);
  const unproved = unsettled.count + held.count + found.unread.count + found.quarantined.count + quarantined.count;
  const isDifferent = missing.count + extra.count + stale.count > 0;
  return {
    ...subject,
    verdict: isDifferent ? "different" : blind.length + unproved > 0 ? "partial" : "proved",
    beganAt: isoTime(found.beganAt),
    endedAt: isoTime(found.endedAt),
    read,
    known: found.known,
    missing: shown(missing),
    extra: found.hasExtra ? shown(extra) : null,
    stale: shown(stale),
    pending: shown(pending),
    unverified: shown(unverified),
    verifiesAt: isoTime(verifiesAt ?? null),
    unsettled: shown(unsettled),
    held: shown(held),
    quarantined: shown(found.quarantined, quarantined),
    unread: shown(found.unread),
    notAudited: blind,
  };
}

/** What a read of everything did not look at, in words. */
function blindSpots({ cursor, definition }: CompiledStream, { unkeyed, isPastTies, forgotten }: Comparison): string[] {
  const spots: string[] = [];
  if (cursor.definition.type === "window")
    spots.push("Records outside of the time span that the stream reads, and those that left it or are gone since");
  if (cursor.definition.type === "snapshot" && cursor.definition.partial)
    spots.push("Known records that are not listed: the manifest declares that the list shows only some");
  if (forgotten > 0)
    spots.push(
      `${forgotten} listed records that are older than ${definition.records.remember} or give no time, as long as the manifest has records remembered`,
    );
  if (unkeyed > 0)
    spots.push(
      `${unkeyed} listed records without a key, and known records that are not listed: each may be one of these`,
    );
  if (isPastTies)
    spots.push(
      "Records of a time that more of them share than the vendor lists on a page, and known records not listed",
    );
  return spots;
}

function shown(...tallies: Tally[]): Records {
  return {
    count: tallies.reduce((sum, { count }) => sum + count, 0),
    keys: tallies.flatMap(({ keys }) => keys).slice(0, MOST_KEYS),
  };
}
