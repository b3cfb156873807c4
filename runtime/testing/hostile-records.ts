import { pointerTokens } from "../core/json.ts";
import { merge, nest } from "./invert.ts";
import { Finding, Skip } from "./outcome.ts";
import type { Reply } from "./server.ts";
import { many, ONCE, PAGES, VERSION } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** JSON of more bytes than the runtime takes of an answer. */
const TOO_LARGE = `{"text":"${"x".repeat(32 * 1024 * 1024)}"}`;
/** More than the runtime commits at once of a page whose records are asked for one by one. */
const LARGE_PAGE = 120;

const POISON: Record<string, Reply> = {
  "500": { status: 500, body: { error: { code: 500, message: "Internal error" } } },
  "400": { status: 400, body: { error: { code: 400, message: "Invalid id value" } } },
  "too large": { text: TOO_LARGE },
};

/** A record that answers with an error holds back no other, and is told once it can be had. */
export async function poisonRecord(s: StreamBench): Promise<void> {
  if (!s.stream.enrich) throw new Skip("records come with the list, and none is asked for by itself");
  await s.begin(1);
  for (const [what, reply] of Object.entries(POISON)) {
    const [first, bad, last] = Array.from({ length: 3 }, () => s.listing.create());
    s.recordAnswers(bad!, reply);
    const events = await s.bench.poll();
    s.compare(events, [`created ${first}`, `created ${last}`], `a record that answers ${what} stopped the others`);
    s.bench.server.faults.length = 0;
    await s.expect([`created ${bad}`], `a record that answered ${what} is not told once it can be had`);
  }
}

/** More records than are committed at once are all told once; an answer above the limit proves nothing. */
export async function largePage(s: StreamBench): Promise<void> {
  many(s);
  await s.begin(1);
  s.listing.size = LARGE_PAGE;
  const keys = Array.from({ length: LARGE_PAGE }, () => s.listing.create());
  await s.expect(
    keys.map((key) => `created ${key}`),
    PAGES,
  );
  await s.expect([], ONCE);
  const altered = s.alter(keys[0]);
  s.listsAnswer({ text: TOO_LARGE });
  s.compare(await s.bench.poll(), [], "an answer that is too large proves nothing");
  const error = await s.lastError();
  if (error?.code !== "too_large") throw new Finding(`an answer above 32 MB ended with ${error?.code ?? "success"}`);
  s.bench.server.faults.length = 0;
  await s.expect(altered, VERSION);
}

/** A record has another key, and says which it had; or it is on another of the lists that are read. */
export async function movedKey(s: StreamBench): Promise<void> {
  many(s);
  const { records, cursor } = s.stream.definition;
  if (records.previousKeys === undefined) {
    if (!s.stream.each) throw new Skip("a record has one key, and there is one list");
    return await movedList(s);
  }
  const [old] = await s.begin(2);
  const key = s.listing.create({ edit: withPrevious(records.previousKeys, [old!]) });
  if (cursor.type === "syncToken") s.listing.remove(old!);
  else s.listing.entries.delete(old!);
  await s.expect([`updated ${key}`], "check records.previousKeys");
  await s.expect([], ONCE);
}

async function movedList(s: StreamBench): Promise<void> {
  await s.secondItem();
  const [key] = await s.begin(2);
  s.listing.move(key!);
  await s.expect(
    [`updated ${key}`],
    "a record that moves from one list to another is one change; check each and records",
  );
  await s.expect([], ONCE);
}

/** One record takes another's place, which the vendor never says is gone. */
export async function mergedKey(s: StreamBench): Promise<void> {
  const { previousKeys } = s.stream.definition.records;
  if (previousKeys === undefined) throw new Skip("records do not name the keys they had");
  const [kept, lost] = await s.begin(2);
  s.listing.update(kept!, {
    edit: (record, ...at) => withPrevious(previousKeys, [lost!])(s.forge.update(record, ...at)),
  });
  s.listing.entries.delete(lost!);
  await s.expect([`updated ${kept}`, `deleted ${lost}`], "check records.previousKeys");
  await s.expect([], ONCE);
}

const withPrevious =
  (pointer: string, keys: readonly string[]) =>
  (record: unknown): unknown =>
    merge(record, nest(pointerTokens(pointer), keys));
