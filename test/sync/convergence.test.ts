import { array, assert, asyncProperty, constantFrom } from "fast-check";
import { describe, expect, it } from "vitest";
import { SIZES, steadySeed } from "../fixtures/tier.ts";
import { anyEdit, makeEdit } from "./edits.ts";
import { openBench } from "./harness.ts";
import { flat, named, nested, type Card } from "./vendors.ts";

const all = ({ first, last, emails, phones, note }: Card): object => {
  const values = (list: { value: string }[]): string[] => list.map(({ value }) => value.toLowerCase()).sort();
  return { first, last, note, emails: values(emails), phones: values(phones) };
};
const names = ({ first, last }: Card): object => ({ first, last });

describe("edits on both sides at once, of the same contacts too", () => {
  const cases = [
    { right: named(nested, "rolo2"), show: all, of: "of one shape" },
    { right: flat, show: names, of: "of two shapes" },
  ];
  it.each(cases)("end with both sides equal, and with rest, between vendors $of", async ({ right, show }) => {
    const rounds = array(array(anyEdit, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 });
    await assert(
      asyncProperty(rounds, constantFrom("newest", "left", "right"), async (edits, conflicts) => {
        await using bench = await openBench({ right });
        const sync = await bench.sync({ conflicts });
        let serial = 0;
        for (const round of edits) {
          for (const edit of round) makeEdit(bench[edit.side], edit, ++serial, new Set());
          await bench.run(sync);
        }
        // Where all that a side had is gone at once, it is read again after a minute before it is believed.
        await bench.settle(62_000);
        await bench.run(sync);
        expect(bench.left.contents(show)).toEqual(bench.right.contents(show));
        const writes = bench.writes();
        await bench.run(sync);
        expect(bench.writes()).toBe(writes);
        expect((await bench.get(sync)).links.failed).toBe(0);
      }),
      { seed: steadySeed(20_261_122), numRuns: SIZES.convergences },
    );
  });
});
