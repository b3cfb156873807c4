import { isDeepStrictEqual } from "node:util";
import { REFUSALS } from "../poll/refusal.ts";
import { Finding, Skip } from "./outcome.ts";
import { readTarget } from "./server.ts";
import { many, PAGES, severalPages, VERSION } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Pages of one poll before a vendor that repeats itself is found out. */
const MOST_PAGES = 4;

/** The first page, whatever is asked for, is found out after few requests. */
export async function ignoredPage(s: StreamBench): Promise<void> {
  severalPages(s);
  s.alter(...(await s.begin(5)));
  const pages = s.stuck();
  const events = await s.bench.poll();
  const error = await s.lastError();
  if (error?.code !== "pagination_loop" || pages() > MOST_PAGES)
    throw new Finding(`${pages()} pages were asked for and the poll ended with ${error?.code ?? "success"}; ${PAGES}`);
  s.bench.server.faults.length = 0;
  events.push(...(await s.bench.poll()));
  await s.assertPolled();
  const deleted = events.filter(({ data }) => data.change === "deleted");
  if (deleted.length > 0) throw new Finding(`${deleted.length} records were told as deleted; ${PAGES}`);
}

/** The one cursor that was given is refused from now on, in words that no matcher knows. */
export async function refusedCursor(s: StreamBench): Promise<void> {
  const { cursor } = s.stream.definition;
  if (cursor.type === "snapshot" || cursor.type === "window") throw new Skip(`a ${cursor.type} has no cursor`);
  if (cursor.to === undefined) throw new Skip("the vendor is not told the cursor");
  many(s);
  const to = [cursor.to].flat();
  const altered = s.alter((await s.begin(2))[0]);
  let refused: unknown;
  s.bench.server.faults.push((request) => {
    const sent = to.map((target) => readTarget(request, target));
    if (sent.every((value) => value === undefined) || !s.isList(request)) return undefined;
    refused ??= sent;
    if (!isDeepStrictEqual(sent, refused)) return undefined;
    return { status: 422, body: { error: { code: 422, message: "Invalid value" } } };
  });
  const events = [];
  for (let i = 0; i < REFUSALS; i++) events.push(...(await s.bench.poll()));
  if (refused === undefined) throw new Finding("the second read was asked without the cursor; check cursor.from");
  await s.assertPolled();
  // What a sequence has missed is known only where it says how to recover.
  const isKnown = cursor.type !== "sequence" || cursor.recover !== undefined;
  s.compare(events, isKnown ? altered : [], VERSION);
  await s.expect([`created ${s.listing.create()}`], "the new cursor is not taken; check cursor.from");
}
