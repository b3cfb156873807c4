import { STEPPING_PAGE } from "./listing.ts";
import { Skip } from "./outcome.ts";
import { ONCE, timed, VERSION, type Run } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Lists that are read on from a time. See the names. */
export const TIME_CASES: Record<string, Run> = {
  "tied times over a page boundary": async (s) => {
    timed(s);
    const { pagination } = s.stream.definition;
    // A list that is ordered by time alone tells those of one time apart as long as they are fewer than a page.
    const steps = pagination !== undefined && "stepBack" in pagination && pagination.stepBack !== undefined;
    await s.begin(steps ? STEPPING_PAGE - 1 : 1);
    const time = s.bench.clock.now() + 30_000;
    const keys = Array.from({ length: steps ? STEPPING_PAGE - 2 : 5 }, () => s.listing.create({ time }));
    await s.expect(
      keys.map((key) => `created ${key}`),
      "order by time and id together; check cursor and pagination",
    );
    const late = s.listing.create({ time });
    await s.expect([`created ${late}`], "read again from the newest time inclusively, or go on by time and id");
  },
  "a record shown late, within overlap and settle": async (s) => {
    const reach = timed(s);
    if (reach === 0)
      throw new Skip("the cursor has neither overlapSeconds nor settleSeconds: what the vendor shows late is missed");
    await s.begin(1);
    const polled = s.bench.clock.now() + 60_000;
    const late = s.listing.create({ time: polled - (reach * 1000) / 2, shownFrom: polled + 1 });
    const prompt = s.listing.create({ time: polled });
    await s.expect([`created ${prompt}`], "check cursor.from");
    await s.expect([`created ${late}`], "check cursor.to and its format");
  },
  "an update with an earlier time": async (s) => {
    const [key] = await s.begin(2);
    const overlap = overlapOf(s);
    if (!s.tellsUpdates) throw new Skip("the version is the key: updates do not count");
    if (overlap === 0)
      throw new Skip("the cursor has no overlapSeconds: the vendor's list does not show such an update");
    const newest = Math.max(...[...s.listing.entries.values()].map(({ time }) => time));
    s.listing.update(key!, { time: newest - Math.min(overlap * 500, 3_600_000) });
    await s.expect([`updated ${key}`], VERSION);
    await s.expect([], ONCE, 3);
  },
};

function overlapOf(s: StreamBench): number {
  const { cursor } = s.stream.definition;
  return cursor.type === "updatedSince" || cursor.type === "keyset" ? (cursor.overlapSeconds ?? 0) : Infinity;
}
