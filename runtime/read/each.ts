import type { CompiledEach } from "../manifest/connector.ts";
import { isObject } from "../core/json.ts";
import type { ItemPlace } from "../model/streams.ts";
import { send, type Source } from "./fetch.ts";
import { Paginator, type PageState } from "./paginate.ts";

/**
 * The items that a stream is read once for each of, from the first page to the last; the place is before the first.
 * @throws VendorError, HooklineError `pagination_loop`
 */
export async function listItems(source: Source, each: CompiledEach): Promise<ItemPlace> {
  const request = each.request(source.scope);
  const paginator = new Paginator(each.pagination);
  const items: unknown[] = [];
  let state: PageState = null;
  do {
    const { assignments, url } = paginator.request(state);
    const response = await send(source, request, assignments, url);
    const records = each.select(response);
    items.push(...records.filter((item) => each.where?.({ item, input: source.scope.input }) ?? true));
    state = paginator.next(state, { response, records });
  } while (state !== null);
  return { items, at: 0 };
}

/** Records with the item they were read for. */
export function withItem(records: readonly unknown[], { into }: CompiledEach, item: unknown): readonly unknown[] {
  return records.map((record) => (isObject(record) ? { ...record, [into]: item } : record));
}
