import type { LiveVersion } from "../../history.ts";
import type { Call } from "../api.ts";
import { invalidArgument, reasonedError } from "../errors.ts";
import { readPageSize } from "../pages.ts";
import { decodePlace, encodePlace, fingerprint, type Place } from "../people/tokens.ts";
import type { Calendar } from "./calendars.ts";
import type { CalendarEvent } from "./types.ts";
import { badRequest, findCalendar, renderCancelled, renderEvent } from "./event.ts";
import { occurrencesOf, timeOf } from "./recurrence.ts";

/** Parameters that choose events otherwise than by change. */
const NOT_WITH_SYNC = [
  "iCalUID",
  "orderBy",
  "privateExtendedProperty",
  "q",
  "sharedExtendedProperty",
  "timeMin",
  "timeMax",
  "updatedMin",
];
/** With these a list gives no sync token. */
const NO_TOKEN = ["orderBy", "q", "updatedMin"];

type Listed = LiveVersion<CalendarEvent>;

/** `events.list`: everything, or with a sync token what changed since. */
export function listEvents(call: Call): object {
  const calendar = findCalendar(call);
  const { query } = call;
  const syncToken = query.get("syncToken") ?? "";
  if (syncToken) assertSyncable(query);
  const size = readPageSize(query.get("maxResults"), 250, 2500);
  const place = placeOf(call, calendar, syncToken);
  const changed = calendar.events.page(syncToken ? place.fullSyncAt : 0, place.bound, Infinity, { deleted: false });
  const listed = syncToken ? (changed.versions as Listed[]) : select(changed.versions as Listed[], query);
  const items = listed.slice(place.position, place.position + size);
  const last = place.position + size >= listed.length;
  const token = last
    ? { nextSyncToken: encodePlace({ ...place, kind: "sync", position: place.bound, parameters: "" }) }
    : { nextPageToken: encodePlace({ ...place, kind: "page", position: place.position + size }) };
  return {
    kind: "calendar#events",
    etag: `"p${place.bound}"`,
    summary: calendar.summary,
    updated: new Date(call.google.clock.now()).toISOString(),
    timeZone: calendar.timeZone,
    accessRole: "owner",
    defaultReminders: [],
    ...(last && NO_TOKEN.some((name) => query.has(name)) ? {} : token),
    items: items.map((version) =>
      version.value.status === "cancelled" ? renderCancelled(version) : renderEvent(calendar, version),
    ),
  };
}

/** `fullSyncAt` of these places is where the listed part of the history begins. */
function placeOf(call: Call, calendar: Calendar, syncToken: string): Place {
  const { account, google, query } = call;
  const expected = { account: account.email, list: `events ${calendar.id}` };
  const parameters = fingerprint(Object.fromEntries([...query].filter(([name]) => name !== "pageToken")));
  const pageToken = query.get("pageToken");
  if (pageToken) {
    const place = decodePlace(pageToken, { kind: "page", ...expected });
    if (place.parameters !== parameters) throw invalidArgument("Invalid page token value.");
    return place;
  }
  const bound = calendar.events.boundAt(google.clock.now() - google.settings.propagationDelayMs);
  if (!syncToken) {
    return { kind: "page", ...expected, parameters, bound, position: 0, fullSyncAt: 0, epoch: account.syncEpoch };
  }
  const known = decodePlace(syncToken, { kind: "sync", ...expected });
  if (known.epoch < account.syncEpoch) throw fullSyncRequired();
  return {
    ...known,
    kind: "page",
    parameters,
    fullSyncAt: known.bound,
    bound: Math.max(bound, known.bound),
    position: 0,
  };
}

function assertSyncable(query: URLSearchParams): void {
  const clash = NOT_WITH_SYNC.find((name) => query.has(name));
  if (clash) throw badRequest(`Sync token cannot be used with query restrictions: ${clash}.`);
  if (query.get("showDeleted") === "false") throw badRequest("Sync token cannot be used with showDeleted=false.");
}

/** The events of a full list that the parameters ask for. */
function select(versions: Listed[], query: URLSearchParams): Listed[] {
  const time = (name: string, fallback: number) => (query.has(name) ? Date.parse(query.get(name)!) : fallback);
  const span = { from: time("timeMin", -Infinity), to: time("timeMax", Infinity) };
  const single = query.get("singleEvents") === "true";
  const showDeleted = query.get("showDeleted") === "true";
  const updatedMin = time("updatedMin", -Infinity);
  const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const own = new Set(versions.map(({ id }) => id));
  const expanded = versions.flatMap((version) => {
    if (!single || !version.value.fields.recurrence) return [version];
    if (version.value.status === "cancelled") return [];
    return occurrencesOf(version, span)
      .filter(({ id }) => !own.has(id))
      .map(({ id, value }) => ({ ...version, id, value }));
  });
  const chosen = expanded.filter(({ value, time: updated }) => {
    const { fields, status, recurringEventId } = value;
    if (status === "cancelled" && !showDeleted && (single || !recurringEventId)) return false;
    if (updated < updatedMin) return false;
    const inSpan = timeOf(fields.end) > span.from && timeOf(fields.start) < span.to;
    const text = JSON.stringify([fields.summary, fields.description, fields.location, fields.attendees]).toLowerCase();
    return (inSpan || (fields.recurrence !== undefined && !single)) && words.every((word) => text.includes(word));
  });
  if (query.get("orderBy") !== "startTime") return chosen;
  if (!single) throw badRequest("The requested ordering is not available for the particular query.");
  return chosen.sort((a, b) => timeOf(a.value.fields.start) - timeOf(b.value.fields.start));
}

function fullSyncRequired() {
  const where = { domain: "calendar", location: "syncToken" };
  return reasonedError(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.", where);
}
