import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "../read/cursors.ts";
import { listItems, withItem } from "../read/each.ts";
import { enrichAll, send, type Source } from "../read/fetch.ts";
import { Paginator, type PageState } from "../read/paginate.ts";

/**
 * Everything a stream lists, page by page, without what is marked as deleted; nothing is remembered of it.
 * @throws VendorError, HooklineError `pagination_loop`
 */
export async function* listAll(source: Source, stream: CompiledStream, now: number): AsyncGenerator<unknown[]> {
  const items = stream.each ? (await listItems(source, stream.each)).items : [undefined];
  for (const item of items) {
    const scope = { ...source.scope, item };
    const plan = cursorStrategy(stream.cursor, scope).everything(now);
    const paginator = new Paginator(stream.pagination);
    let state: PageState = null;
    do {
      source.signal.throwIfAborted();
      const { assignments, url } = paginator.request(state);
      const response = await send(source, stream.request(scope), [...plan.assignments, ...assignments], url);
      const records = stream.select(response);
      state = paginator.next(state, { response, records });
      const placed = stream.each ? withItem(records, stream.each, item) : records;
      const live = placed.filter((record) => !stream.deleted?.(record));
      yield stream.enrich ? await enrichAll(source, stream.enrich, live) : live;
    } while (state !== null);
  }
}
