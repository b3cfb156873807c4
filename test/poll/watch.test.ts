import { afterEach, describe, expect, it } from "vitest";
import type { Sql, SqlValue } from "../../runtime/store/database.ts";
import { LEAST_MS } from "../../runtime/poll/pace.ts";
import { SLICE } from "../../runtime/poll/watch.ts";
import { onPostgres } from "../postgres.ts";
import { createBench, type Bench } from "./harness.ts";

const MINUTE = 60_000;
/** More than the watch takes to come round. */
const ROUND = 5 * MINUTE;

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

/** A store with so many streams that were read just now, and one subscription of them. */
async function withStreams(count: number): Promise<string> {
  bench = await createBench({ before: (vendor) => vendor.put("a") });
  const subscription = await bench.subscribe("sync_any", { everySeconds: 3600 });
  const { db } = bench.runtime;
  const columns =
    "connection, stream, input, cursor_version, sequence, consecutive_errors, last_success_at, expected_since";
  await db.many(
    `insert into streams (input_hash, ${columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    Array.from({ length: count }, (_, n) => [`h${n}`, bench.connection, "sync", "{}", 1, 0, 0, bench.clock.now(), 0]),
  );
  return subscription;
}

/** Statements about streams that one round of the watch sends. */
async function round(): Promise<string[]> {
  const { db } = bench.runtime;
  const asked: string[] = [];
  const listen = <Asked extends Sql>(sql: Asked): Asked => {
    for (const method of ["all", "run"] as const) {
      const send = (sql[method] as (text: string, params?: readonly SqlValue[]) => Promise<never>).bind(sql);
      Object.assign(sql, {
        [method]: (...[text, params]: Parameters<Sql["run"]>) => {
          if (/update streams set watch_at|last_success_at as at/.test(text)) asked.push(text);
          return send(text, params);
        },
      });
    }
    return sql;
  };
  const relaxed = db.relaxed.bind(db);
  listen(db).relaxed = (work) => relaxed((tx) => work(listen(tx)));
  bench.clock.advance(ROUND);
  await bench.settle();
  return asked;
}

describe("the watch", () => {
  it("sends two statements for each slice of streams that are read as they should be, and one besides", async () => {
    await withStreams(2 * SLICE);
    const asked = await round();
    // The last looks for what a full slice may hide.
    const verbs = asked.map((sql) => sql.split(" ")[0]).join(" ");
    expect(verbs).toBe("update select update select update select");
    const { n } = (await bench.runtime.db.get<{ n: number }>("select count(*) as n from streams where watch_at <= ?", [
      bench.clock.now(),
    ]))!;
    expect(n).toBe(0);
  });

  it("looks at none before it could be late", async () => {
    await withStreams(3);
    await round();
    const due = await bench.runtime.db.all<{ at: number }>("select watch_at - last_success_at as at from streams");
    expect(due.map(({ at }) => at)).toEqual([LEAST_MS, LEAST_MS, LEAST_MS, LEAST_MS]);
    // Nor does it come round before: it comes when the first may be late.
    expect(await round()).toEqual([]);
    expect((await round()).map((sql) => sql.split(" ")[0])).toEqual(["update", "select"]);
  });

  it.skipIf(onPostgres)("goes through indexes only", async () => {
    await withStreams(3);
    const asked = await round();
    for (const sql of asked.slice()) {
      const parameters = Array<string>(sql.split("?").length - 1).fill("[]");
      const plan = await bench.runtime.db.all<{ detail: string }>(`explain query plan ${sql}`, parameters);
      const steps = plan.map(({ detail }) => detail).filter((step) => !step.includes("VIRTUAL TABLE"));
      expect(steps.filter((step) => step.startsWith("SCAN") || step.includes("FOR ORDER BY"))).toEqual([]);
    }
  });

  it("reports nothing of a subscription that is paused, or that has just begun to be read again", async () => {
    const subscription = await withStreams(0);
    await bench.runtime.subscriptions.pause(subscription);
    bench.clock.advance(100 * 60 * MINUTE);
    expect(await bench.seen()).toEqual([]);
    expect(await bench.runtime.subscriptions.health(subscription)).toMatchObject({
      state: "paused",
      lagSeconds: 0,
      cause: null,
    });
    bench.vendor.fail(403);
    await bench.runtime.subscriptions.resume(subscription);
    await bench.settle();
    expect(await bench.seen()).toEqual([]);
  });

  it("names a connector that no process has any more", async () => {
    const subscription = await withStreams(0);
    await bench.runtime.db.run("update streams set stream = 'gone' where connection = ?", [bench.connection]);
    for (let hour = 0; hour < 4; hour++) {
      bench.clock.advance(60 * MINUTE);
      await bench.settle();
    }
    expect(await bench.seen()).toEqual(["subscription.degraded"]);
    const { state, cause } = await bench.runtime.subscriptions.health(subscription);
    expect([state, cause]).toMatchObject([
      "degraded",
      { code: "poll_overdue", message: expect.stringMatching(/No poll is planned/) },
    ]);
  });
});
