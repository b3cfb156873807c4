import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SIZES, steadySeed } from "../fixtures/tier.ts";
import { createTestStore } from "../postgres.ts";
import { openWorld } from "./histories/bench.ts";
import { FOUND } from "./histories/found.ts";
import { histories } from "./histories/history.ts";
import { KINDS } from "./histories/streams.ts";

/** Kinds that are read from several lists. */
const OF_LISTS: ReadonlySet<string> = new Set(["lists", "list_tokens"]);

/** What is wrong with any of so many histories: the smallest that is found, and the seed and the path that repeat it. */
async function faultsOf(store: string, kinds: typeof KINDS, numRuns: number): Promise<string | null> {
  const world = await openWorld(store);
  const property = fc.asyncProperty(histories(kinds), async (history) => {
    const violations = await world.live(history);
    if (violations.length > 0) throw new Error(violations.join("\n"));
  });
  try {
    // One in some thousands is still judged wrongly; what a new seed finds is to be looked at, and no news of a change.
    const seed = steadySeed(20_261_201, "deep");
    const details = await fc.check(property, { seed, numRuns, includeErrorInReport: true });
    return (await fc.asyncDefaultReportMessage(details)) ?? null;
  } finally {
    await world.close();
  }
}

describe("what is told of a hostile vendor is what has changed, or a gap names the time", () => {
  it.each(KINDS)("in a stream that is read by %s", async (kind) => {
    const { sqlite, ofLists } = SIZES.histories;
    const count = OF_LISTS.has(kind) ? ofLists : Math.ceil(sqlite / KINDS.length);
    expect(await faultsOf("sqlite::memory:", [kind], count)).toBeNull();
  });

  it("on PostgreSQL", async () => {
    const store = await createTestStore();
    try {
      expect(await faultsOf(store.url, KINDS, SIZES.histories.postgres)).toBeNull();
    } finally {
      await store.drop();
    }
  });
});

describe("of what was missed once", () => {
  it.each(FOUND.map(({ name, history }) => [name, history] as const))("%s", async (_name, history) => {
    const world = await openWorld("sqlite::memory:");
    try {
      expect(await world.live(history)).toEqual([]);
    } finally {
      await world.close();
    }
  });
});
