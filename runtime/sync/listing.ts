import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "../read/cursors.ts";
import { enrichAll, type LeftOut } from "../read/enrich.ts";
import type { Source } from "../read/fetch.ts";
import { passesOver } from "../read/lists.ts";
import { pages } from "../read/pages.ts";

/** Some of what a stream lists. */
interface Listed {
  records: readonly unknown[];
  /** Records that cannot be had, and items of which the list cannot. */
  leftOut: readonly LeftOut[];
}

/**
 * Everything a stream lists, page by page, without what is marked as deleted; nothing is remembered of it.
 * @throws VendorError, HooklineError `pagination_loop`; of several lists only when none can be had
 */
export async function* listAll(source: Source, stream: CompiledStream, now: number): AsyncGenerator<Listed> {
  const plan = cursorStrategy(stream.cursor, source.scope).everything(now);
  let hasAny = false;
  for await (const page of pages(source, stream, plan, undefined, passesOver(source.signal))) {
    const { records, failed, at, next } = page;
    if (failed) {
      if (!hasAny && next === null) throw failed;
      yield { records: [], leftOut: [{ listed: at.each?.items[at.each.at], error: failed }] };
      continue;
    }
    hasAny = true;
    const live = records.filter((record) => !stream.deleted?.(record));
    yield stream.enrich ? await enrichAll(source, stream.enrich, live) : { records: live, leftOut: [] };
  }
}
