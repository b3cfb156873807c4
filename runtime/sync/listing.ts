import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "../read/cursors.ts";
import { enrichAll } from "../read/enrich.ts";
import type { Source } from "../read/fetch.ts";
import { pages } from "../read/pages.ts";

/**
 * Everything a stream lists, page by page, without what is marked as deleted; nothing is remembered of it.
 * @throws VendorError, HooklineError `pagination_loop`
 */
export async function* listAll(source: Source, stream: CompiledStream, now: number): AsyncGenerator<unknown[]> {
  const plan = cursorStrategy(stream.cursor, source.scope).everything(now);
  for await (const { records } of pages(source, stream, plan)) {
    const live = records.filter((record) => !stream.deleted?.(record));
    yield stream.enrich ? await enrichAll(source, stream.enrich, live) : live;
  }
}
