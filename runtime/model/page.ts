import { checked, count, text, type Fields, type JsonOf } from "./field.ts";
import type { Sql } from "../store/database.ts";
import { input, type Input } from "./input.ts";
import type { FilterOf, PageOptions, RecordOf, Table } from "./table.ts";

/** The size of a page of a list, and where it begins. */
export interface PageQuery {
  /** Most items, 1 to 200; default 50. */
  limit?: number;
  /** `nextCursor` of the page before; left out for the first page. */
  cursor?: string;
}

/** The one shape of a list. */
export interface Page<Item> {
  data: Item[];
  /** `cursor` of the next page; null after the last. */
  nextCursor: string | null;
}

const MOST = 200;
const DEFAULT_LIMIT = 50;

const BAD_CURSOR = { pointer: "", message: "is not valid; pass the `nextCursor` of the previous page" };

const limit = count("Most items in the answer.", { schema: { minimum: 1, maximum: MOST, default: DEFAULT_LIMIT } });
const cursorField = text("`nextCursor` of the previous page; left out for the first page.", {
  schema: { maxLength: 200 },
});

/** What a list can be asked: `limit`, `cursor`, and the noun's own filters. */
export type ListQuery<Filters> = Input<PageQuery & Filters>;

/** Declares the query of a list; `what` names the list in messages: "endpoints". `places`: what begins the keys that its cursors hold. */
export function listQuery<const O extends Fields>(
  what: string,
  filters: O,
  places = "[a-z]+",
): ListQuery<{ -readonly [Name in keyof O]?: JsonOf<O[Name]> }> {
  const form = new RegExp(`^${places}_[0-9a-f]{32}$`);
  const cursor = checked(cursorField, (given) => (form.test(decode(given)) ? [] : [BAD_CURSOR]));
  return input(what, `Which ${what}.`, {}, { ...filters, limit, cursor });
}

/** Limit and place of a page. A cursor is a key of the list in disguise, so that nobody comes to rely on what is in it. */
export function readPage({ limit = DEFAULT_LIMIT, cursor }: PageQuery): { limit: number; after?: string } {
  return cursor === undefined ? { limit } : { limit, after: decode(cursor) };
}

function decode(cursor: string): string {
  return Buffer.from(cursor, "base64url").toString("latin1");
}

/** One page of a table's records, as they are shown; `more`: their order, and further conditions. */
export async function pageOf<F extends Fields, View>(
  table: Table<F>,
  sql: Sql,
  query: PageQuery,
  filter: FilterOf<F>,
  view: (record: RecordOf<F> & { id: string }) => View,
  more: Pick<PageOptions, "order" | "where"> = {},
): Promise<Page<View>> {
  const { limit, after } = readPage(query);
  const found = await table.page(sql, filter, { after, limit: limit + 1, ...more });
  return toPage(found as (RecordOf<F> & { id: string })[], limit, view);
}

/** A page out of records that were read one too far. `keyOf`: what they are ordered by. */
export function toPage<Item extends { id: string }, View>(
  found: readonly Item[],
  limit: number,
  view: (item: Item) => View,
  keyOf: (item: Item) => string = ({ id }) => id,
): Page<View> {
  const items = found.slice(0, limit);
  const more = found.length > limit;
  return { data: items.map(view), nextCursor: more ? Buffer.from(keyOf(items.at(-1)!)).toString("base64url") : null };
}
