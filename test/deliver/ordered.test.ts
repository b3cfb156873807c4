import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../fixtures/tier.ts";
import { makeHarness, receiver, soon, type Received } from "./harness.ts";

interface Change {
  record: string;
  n: number;
}

const changeIn = ({ body }: Received): Change => (JSON.parse(body) as { data: Change }).data;

describe("an ordered endpoint", () => {
  it("gets the changes of a record in order and each once, whatever fails", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ record: fc.constantFrom("a", "b", "c"), failures: fc.integer({ min: 0, max: 3 }) }), {
          minLength: 1,
          maxLength: 30,
        }),
        async (plan) => {
          const harness = await makeHarness();
          const tries = new Map<number, number>();
          const arrived: Change[] = [];
          const consumer = await receiver((response, received) => {
            const change = changeIn(received);
            const count = (tries.get(change.n) ?? 0) + 1;
            tries.set(change.n, count);
            const ok = count > plan[change.n]!.failures;
            if (ok) arrived.push(change);
            response.writeHead(ok ? 200 : 500).end();
          });
          await harness.endpoints.create({ url: consumer.url, ordered: true });
          await harness.start();
          await harness.emit(...plan.map(({ record }, n) => ({ recordKey: record, data: { record, n } })));
          while (arrived.length < plan.length) {
            await soon(async () => expect(await harness.database.all(RUNNABLE, [harness.clock.now()])).toEqual([]));
            await harness.pass(40 * 60_000);
          }
          for (const record of ["a", "b", "c"]) {
            const expected = plan.flatMap((planned, n) => (planned.record === record ? [n] : []));
            expect(arrived.filter((change) => change.record === record).map(({ n }) => n)).toEqual(expected);
          }
          await harness.stop();
        },
      ),
      { numRuns: runs(15) },
    );
  });

  it("lets other records pass one that fails, and holds back its own later changes", async () => {
    const harness = await makeHarness();
    const consumer = await receiver((response, received) =>
      response.writeHead(changeIn(received).record === "a" ? 500 : 200).end(),
    );
    await harness.endpoints.create({ url: consumer.url, ordered: true });
    await harness.start();
    const order = ["a", "b", "a", "c"].map((record, n) => ({ recordKey: record, data: { record, n } }));
    await harness.emit(...order);
    await soon(async () => {
      const statuses = (await harness.made()).map(({ status, attempts }) => [status, attempts.length]);
      expect(statuses).toEqual([
        ["pending", 1],
        ["delivered", 1],
        ["pending", 0],
        ["delivered", 1],
      ]);
    });
  });
});

/** Jobs that run, or could. */
const RUNNABLE = "select id from jobs where claimed_by is not null or run_at <= ?";
