import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { onPostgres } from "../postgres.ts";
import { createBench, type Bench } from "./harness.ts";

/** Every statement the process sends to the store, until the test is over. */
function recordStatements(): string[] {
  const sent: string[] = [];
  if (onPostgres) {
    const { query } = pg.Client.prototype;
    const spy = vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...given: never[]) {
      const [first] = given as [string | { text: string }];
      sent.push(typeof first === "string" ? first : first.text);
      return Reflect.apply(query, this, given) as never;
    } as never);
    onTestFinished(() => spy.mockRestore());
    return sent;
  }
  for (const name of ["all", "get", "run"] as const) {
    const original = StatementSync.prototype[name] as (...given: unknown[]) => unknown;
    const spy = vi.spyOn(StatementSync.prototype, name).mockImplementation(function (this: StatementSync, ...given) {
      sent.push(this.sourceSQL);
      return original.apply(this, given) as never;
    });
    onTestFinished(() => spy.mockRestore());
  }
  const { exec } = DatabaseSync.prototype;
  const spy = vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql) {
    sent.push(sql);
    exec.call(this, sql);
  });
  onTestFinished(() => spy.mockRestore());
  return sent;
}

/** Asked by the engine whether there is anything to do, and by the test. */
const LOOKS = /select distinct grp|min\(run_at\)|count\(\*\) as n from jobs|test_clock/;
const OWN = /\b(streams|known|subscriptions|connections|variables|events)\b/;

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

describe("a poll that finds nothing new", () => {
  it("loads what it needs at once, asks for nothing again, and writes one row beside its job", async () => {
    bench = await createBench({ before: (vendor) => vendor.put("a") });
    const subscription = await bench.subscribe("sync_any");
    const { lastPollAt } = await bench.streamOf(subscription);
    bench.clock.advance(61_000);
    const sent = recordStatements();
    await bench.settle();
    vi.restoreAllMocks();
    expect((await bench.streamOf(subscription)).lastPollAt).toBeGreaterThan(lastPollAt!);
    console.log(sent.filter((sql) => !LOOKS.test(sql)).map((s) => s.replace(/\s+/g, " ").slice(0, 100)));
  });
});
