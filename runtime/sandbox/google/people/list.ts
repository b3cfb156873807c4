import type { History, Version } from "../../history.ts";
import type { Call } from "../api.ts";
import { expiredSyncToken, invalidArgument } from "../errors.ts";
import { decodePlace, encodePlace, fingerprint } from "./tokens.ts";
import type { Place } from "./tokens.ts";

const SYNC_TOKEN_LIFETIME = 7 * 24 * 3_600_000;
const MAX_PAGE_SIZE = 1000;

interface Listing<T> {
  versions: Version<T>[];
  /** Whether only changes are listed, deletions among them. */
  incremental: boolean;
  nextPageToken: string | undefined;
  /** On the last page only. */
  nextSyncToken: string | undefined;
}

interface ListRule<T> {
  /** The name of the list, so that the token of one is refused by another. */
  list: string;
  history: History<T>;
  /** Parameters besides paging and syncing, normalised. */
  parameters: Record<string, unknown>;
  defaultPageSize: number;
  /** Whether the last page carries a sync token. */
  wantsSyncToken: boolean;
  /** All records of a moment in an order other than the least recently changed first; not for syncing. */
  sorted?: (bound: number) => Version<T>[];
}

/**
 * One page of a list, full or incremental, by Google's rules for `people.connections.list` and its relatives: tokens are
 * bound to the other parameters, a sync token expires seven days after the full listing, and what was written within the
 * propagation delay is not yet there for sync requests.
 */
export function listPage<T>(call: Call, rule: ListRule<T>): Listing<T> {
  const pageSize = readPageSize(call.query.get("pageSize"), rule.defaultPageSize);
  const parameters = { ...rule.parameters, pageSize };
  const syncToken = call.query.get("syncToken") ?? "";
  const pageToken = call.query.get("pageToken") ?? "";
  const syncing = rule.wantsSyncToken || syncToken !== "";
  const pageParameters = { ...parameters, syncToken, wantsSyncToken: rule.wantsSyncToken };
  const place = pageToken
    ? readToken(call, rule.list, "page", pageToken, fingerprint(pageParameters))
    : firstPage(call, rule, syncToken, fingerprint(parameters), syncing);

  const incremental = syncToken !== "";
  if (incremental) assertFresh(call, place);
  const page =
    rule.sorted && !syncing
      ? slice(rule.sorted(place.bound), place.position, pageSize)
      : rule.history.page(place.position, place.bound, pageSize, { deleted: incremental });
  const last = page.next === undefined;
  return {
    versions: page.versions,
    incremental,
    nextPageToken: last
      ? undefined
      : encodePlace({ ...place, kind: "page", position: page.next!, parameters: fingerprint(pageParameters) }),
    nextSyncToken:
      last && rule.wantsSyncToken
        ? encodePlace({ ...place, kind: "sync", parameters: fingerprint(parameters) })
        : undefined,
  };
}

/** A page size; more than the maximum counts as the maximum. */
export function readPageSize(text: string | null, fallback: number, maximum = MAX_PAGE_SIZE): number {
  if (text === null || text === "") return fallback;
  if (!/^-?\d+$/.test(text)) throw invalidArgument(`Invalid value at 'page_size' (TYPE_INT32), "${text}"`);
  const size = Number(text);
  if (size < 0) throw invalidArgument("Page size must be between 1 and 1000, inclusive.");
  return size === 0 ? fallback : Math.min(size, maximum);
}

function firstPage<T>(call: Call, rule: ListRule<T>, syncToken: string, parameters: string, syncing: boolean): Place {
  const { google, account } = call;
  const bound = syncing
    ? rule.history.boundAt(google.clock.now() - google.settings.propagationDelayMs)
    : rule.history.bound;
  if (syncToken) {
    const known = readToken(call, rule.list, "sync", syncToken, parameters);
    return { ...known, position: known.bound, bound: Math.max(bound, known.bound) };
  }
  return {
    kind: "sync",
    account: account.email,
    list: rule.list,
    parameters,
    position: 0,
    bound,
    fullSyncAt: google.clock.now(),
    epoch: account.syncEpoch,
  };
}

function readToken(call: Call, list: string, kind: Place["kind"], token: string, parameters: string): Place {
  const place = decodePlace(token, { kind, account: call.account.email, list });
  if (place.parameters === parameters) return place;
  throw invalidArgument(`Request parameters must match those of the call that returned the ${kind} token.`);
}

function assertFresh(call: Call, place: Place): void {
  const { google, account } = call;
  const old = google.clock.now() - place.fullSyncAt >= SYNC_TOKEN_LIFETIME;
  if (old || place.epoch < account.syncEpoch) throw expiredSyncToken(google.settings.expiredSyncTokenStatus);
}

function slice<T>(all: T[], position: number, limit: number): { versions: T[]; next: number | undefined } {
  const end = position + limit;
  return { versions: all.slice(position, end), next: end < all.length ? end : undefined };
}
