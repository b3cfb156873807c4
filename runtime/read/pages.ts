import { isObject } from "../core/json.ts";
import type { CompiledEach, CompiledStream } from "../manifest/connector.ts";
import { unexpectedAnswer } from "../manifest/select.ts";
import type { RequestParts } from "../manifest/targets.ts";
import type { Place } from "../model/streams.ts";
import { VendorError } from "../vendor/errors.ts";
import type { VendorResponse } from "../vendor/response.ts";
import type { ReadPlan } from "./cursors.ts";
import { ask, type Source } from "./fetch.ts";
import { Paginator, type Assignment } from "./paginate.ts";

/** A list in pages: a stream, or whatever else is listed like one. */
export type Listing = Pick<CompiledStream, "request" | "pagination" | "select"> &
  Partial<Pick<CompiledStream, "each" | "accept" | "cursor" | "key" | "version">>;

/** The list of a stream's records, or the one that shows what an expired cursor has missed. */
export function listingOf(stream: CompiledStream, recovering: boolean): Listing {
  const { recover } = stream.cursor;
  if (!recovering || !recover) return stream;
  const { cursor: _, ...rest } = stream;
  return { ...rest, request: recover.request, pagination: recover.pagination, ...recover.records };
}

/** One page, as the vendor sent it. */
export interface ReadPage {
  response: VendorResponse;
  /** Where a stream is read once for each of several items, each record carries its item. */
  records: readonly unknown[];
  at: Place;
  /** Null after the last page. */
  next: Place | null;
  /** Before this page, more records shared a value than a page was shown to hold; if any follow, some may have been passed over. */
  isPastTies: boolean;
  /** Why nothing more of the item's list could be had. The page has no records then, and what comes next is the list of the next item. */
  failed?: Error;
}

/** A request for one of several lists that has failed. */
export interface FailedRequest {
  error: unknown;
  /** The page that was asked for. */
  at: Place;
  /** Whether it named a place: a cursor, or a page. */
  hasPlace: boolean;
}

/** Decides whether a list that cannot be had is passed over, so that the others go on; else the read ends with its error. */
export type PassOver = (failed: FailedRequest) => boolean;

type Asked = Pick<ReadPlan, "assignments" | "cursor" | "isBefore" | "ofItem">;
/** A plan that asks for nothing in particular. */
const WHOLE: Asked = { assignments: [] };
const START: Place = { page: null };
/** In place of an answer that counts as empty. */
const NOTHING: VendorResponse = { status: 204, headers: {}, body: null, url: "" };

/**
 * The pages of a list from a place on, one request each; for a stream that is read once for each of several items, the pages
 * of all their lists. Nothing is remembered: a caller who wants to continue later keeps {@link ReadPage.next}. There is no page when
 * there is no item. A list that `passOver` lets pass leaves one page that says why.
 * @throws VendorError, unless the stream accepts the error, or the list of one item is gone, which a request without a cursor
 *   shows, and with `passOver` the list of items too: both count as an empty answer
 * @throws HooklineError `unexpected_answer` for an answer without its declared shape, and for a last page without the declared
 *   cursor: the list may be longer than it looks; `pagination_loop`, `host_not_allowed`, and what {@link ask} throws
 */
export async function* pages(
  source: Source,
  list: Listing,
  plan: Asked = WHOLE,
  from: Place = START,
  passOver?: PassOver,
): AsyncGenerator<ReadPage, void, undefined> {
  const { each } = list;
  const items = each ? (from.each?.items ?? (await itemsOf(source, each))) : [undefined];
  let { page: state, last } = from;
  for (let at = from.each?.at ?? 0; at < items.length; at++) {
    const item = items[at];
    const planned = plan.ofItem?.(item) ?? plan;
    let request: RequestParts | undefined;
    const paginator = new Paginator(list.pagination, last);
    const placeOf = (page: Place["page"], at: number, last?: string): Place => ({
      page,
      last,
      ...(each && { each: { items, at } }),
    });
    do {
      source.signal.throwIfAborted();
      const isLastItem = at + 1 === items.length;
      const hasPlace = state !== null || (planned.cursor ?? null) !== null;
      let page: ReadPage;
      try {
        // The page's own place takes precedence over the cursor's: a keyset continues after the last record of the previous page.
        request ??= list.request({ cursor: planned.cursor, ...source.scope, item });
        const { assignments, url } = paginator.request(state);
        const asked = [...planned.assignments, ...assignments];
        const mayBeGone = each && !hasPlace ? { item, isProved: passOver === undefined } : undefined;
        const answered = await answer(source, list, request, asked, url, mayBeGone);
        const response = answered ?? NOTHING;
        const records = answered ? list.select(answered) : [];
        const isReached = planned.isBefore !== undefined && records.some(planned.isBefore);
        const following = isReached ? null : paginator.next(state, { response, records });
        const digest = paginator.digest(idsOf(list, records, source.scope["input"]));
        if (following === null && answered) assertCursor(list, answered);
        page = {
          response,
          records: each ? records.map((record) => withItem(record, each, item)) : records,
          at: placeOf(state, at, last),
          isPastTies: state !== null && "isPastTies" in state,
          next: following !== null ? placeOf(following, at, digest) : isLastItem ? null : placeOf(null, at + 1),
        };
        state = following;
        last = following === null ? undefined : digest;
      } catch (error) {
        const beyond = error instanceof VendorError && error.class === "invalidInput" && paginator.refused(state);
        if (beyond) {
          state = beyond;
          continue;
        }
        const failedAt = placeOf(state, at, last);
        if (!each || !passOver?.({ error, at: failedAt, hasPlace })) throw error;
        const next = isLastItem ? null : placeOf(null, at + 1);
        page = { response: NOTHING, records: [], at: failedAt, isPastTies: false, next, failed: error as Error };
        state = null;
        last = undefined;
      }
      yield page;
    } while (state !== null);
  }
}

/**
 * What tells the records of a page from those of another. Where pages are counted, each record is on one of them, whatever else
 * about it changes; a list of changes names a record as often as it changed, in another version each time.
 */
function idsOf({ pagination, key, version }: Listing, records: readonly unknown[], input: unknown): string[] {
  const { type } = pagination.definition;
  const isCounted = type === "page" || type === "offset";
  // A list of changes may name a single record on one page after the other.
  if (!isCounted && records.length < 2) return [];
  if (type === "none") return [];
  return records.map((record) => {
    const own = key?.(record, input);
    if (own !== undefined && isCounted) return own;
    const changed = own === undefined ? undefined : version?.(record);
    return typeof changed === "string" ? `${own} ${changed}` : JSON.stringify(record);
  });
}

/** The last page of a list gives the cursor, where the manifest says that answers have one. */
function assertCursor({ cursor }: Listing, response: VendorResponse): void {
  if (!cursor?.ofResponse) return;
  const { definition, ofResponse } = cursor;
  const found = ofResponse(response);
  const isThere = found !== undefined && found !== null && found !== "";
  if (!isThere && "from" in definition)
    throw unexpectedAnswer(response, "a last page without a cursor", [definition.from].flat());
}

/**
 * The answer to a request; undefined when its error counts as an empty answer. `mayBeGone`: of the first page of a list, without a
 * cursor; `isProved`: that it is not found, twice, is proof enough.
 */
async function answer(
  source: Source,
  { accept = [], each }: Listing,
  request: RequestParts,
  assignments: readonly Assignment[],
  url: string | undefined,
  mayBeGone: { item: unknown; isProved: boolean } | undefined,
): Promise<VendorResponse | undefined> {
  // With a cursor, it may be the cursor that is not known; in the middle of a list, its page. Elsewhere a list that is not found,
  // twice, is gone when its item is no longer listed either.
  for (let isAgain = false; ; isAgain = true) {
    try {
      return await ask(source, request, assignments, url);
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      if (accept.includes(error.class)) return undefined;
      if (!mayBeGone || error.class !== "notFound") throw error;
      if (!isAgain) continue;
      const isListed = async ({ key }: CompiledEach): Promise<boolean> =>
        (await itemsOf(source, each!)).some((listed) => key(listed) === key(mayBeGone.item));
      if (!mayBeGone.isProved && (await isListed(each!))) throw error;
      return undefined;
    }
  }
}

/** The items that a stream is read once for each of. */
export async function itemsOf(source: Source, each: CompiledEach): Promise<unknown[]> {
  const { input } = source.scope;
  // A list that moves while it is read shows some twice.
  const items = new Map<string, unknown>();
  for await (const { records } of pages(source, each)) {
    for (const item of records) if (each.where?.({ item, input }) ?? true) items.set(each.key(item), item);
  }
  return [...items.values()];
}

function withItem(record: unknown, { into }: CompiledEach, item: unknown): unknown {
  return isObject(record) ? { ...record, [into]: item } : record;
}
