import { Finding, Skip } from "./outcome.ts";
import type { Reply } from "./server.ts";
import { many, PAGES, severalPages, VERSION } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

const NO_CONTENT: Reply = { text: "" };
/** As a gateway says that the vendor is away. */
const NO_LIST = { statusCode: 200, message: "maintenance" };

const SHAPE = "drop records.optional, or give records.expect";

/** Every request for the list is answered so. It must end in an error, twice, and nothing may be told. */
async function proveNothing(s: StreamBench, reply: Reply): Promise<void> {
  const altered = s.alter((await s.begin(2))[0]);
  for (let i = 0; i < 2; i++) {
    s.listsAnswer(reply);
    s.compare(await s.bench.poll(), [], `such an answer proves nothing; ${SHAPE}`);
    if (!(await s.lastError())) throw new Finding(`such an answer counts as an empty list; ${SHAPE}`);
    s.bench.server.faults.length = 0;
  }
  await s.expect(altered, VERSION);
}

/** @throws Skip when the stream's answers are not JSON */
function json(s: StreamBench): void {
  const { request } = s.stream.definition;
  if ("answer" in request && request.answer !== undefined && request.answer !== "json")
    throw new Skip(`any ${request.answer} is an answer`);
}

/** A 200 without a body is an error of the poll. */
export async function emptyAnswer(s: StreamBench): Promise<void> {
  json(s);
  await proveNothing(s, NO_CONTENT);
}

/** A body that has no list is an error of the poll. */
export async function listMissing(s: StreamBench): Promise<void> {
  json(s);
  await proveNothing(s, { body: NO_LIST });
}

/** A page without a body is not the last one. */
export async function emptySecondPage(s: StreamBench): Promise<void> {
  json(s);
  severalPages(s);
  const altered = s.alter(...(await s.begin(5)));
  s.atPage(2, () => NO_CONTENT);
  const events = await s.bench.poll();
  if (!(await s.lastError())) throw new Finding(`a page without a body counts as the last one; ${PAGES}`);
  s.bench.server.faults.length = 0;
  events.push(...(await s.bench.poll()));
  await s.assertPolled();
  s.compare(events, altered, PAGES);
}

/** In which order the vendor lists does not matter, unless the request asks for one. */
export async function newestFirst(s: StreamBench): Promise<void> {
  many(s);
  const { cursor } = s.stream.definition;
  if (cursor.type === "keyset" || s.listing.isOrdered)
    throw new Skip("the request asks for an order, and the next page begins behind the last record");
  const before = await s.begin(5);
  if (!("order" in cursor && cursor.order === "descending")) {
    const altered = s.alter(...before.slice(1, 4));
    s.listing.order = "oldest first";
    await s.expect(altered, PAGES);
    s.listing.order = "newest first";
  }
  const created = Array.from({ length: 3 }, () => s.listing.create());
  await s.expect([...s.alter(before[0]), ...created.map((key) => `created ${key}`)], PAGES);
  await s.expect([], VERSION);
}
