import { DatabaseSync, StatementSync } from "node:sqlite";
import pg from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { onPostgres } from "../postgres.ts";
import { createBench } from "./harness.ts";
import type { Vendor } from "./vendor.ts";

/** Every statement that this process sends to its store, until the test is over. */
function recordStatements(): string[] {
  const sent: string[] = [];
  const record = <Owner extends object>(
    owner: Owner,
    name: keyof Owner & string,
    textOf: (self: never, first: never) => string,
  ) => {
    const original = owner[name] as (...given: unknown[]) => unknown;
    const spied = function (this: never, ...given: unknown[]): unknown {
      sent.push(textOf(this, given[0] as never));
      return original.apply(this, given);
    };
    Object.assign(owner, { [name]: spied });
    onTestFinished(() => void Object.assign(owner, { [name]: original }));
  };
  record(pg.Client.prototype, "query", (_, query: string | { text: string }) =>
    typeof query === "string" ? query : query.text,
  );
  for (const name of ["all", "get", "run"] as const)
    record(StatementSync.prototype, name, (statement: StatementSync) => statement.sourceSQL);
  record(DatabaseSync.prototype, "exec", (_, sql: string) => sql);
  return sent;
}

/** How the engine, and the test, ask whether there is something to do. */
const LOOKS = /select distinct grp|min\(run_at\)|as n from jobs/;
const CONTROL = /^(begin|commit|savepoint|release|pragma)/;
/** What polls are about; all else is the engine's own. */
const NOUNS = /\b(streams|known|subscriptions|connections|variables|events|tellings)\b/;

const verbOf = (sql: string): string => /^\s*(\w+)/.exec(sql)![1]!;
const nounsOf = (sql: string): string => [...new Set(sql.match(new RegExp(NOUNS, "g")))].join(", ");

/** What a poll after a change at the vendor sends to the store. */
async function pollAfter(trigger: string, change: (vendor: Vendor) => void = () => {}): Promise<string[]> {
  await using bench = await createBench({ before: (vendor) => vendor.put("a") });
  const subscription = await bench.subscribe(trigger);
  const { lastPollAt } = await bench.streamOf(subscription);
  change(bench.vendor);
  bench.clock.advance(61_000);
  const sent = recordStatements();
  await bench.settle();
  const statements = [...sent];
  await vi.waitFor(async () => expect((await bench.streamOf(subscription)).lastPollAt).toBeGreaterThan(lastPollAt!));
  return statements;
}

describe("a poll that finds nothing new", () => {
  it("loads what it needs in one go and writes one row beside its job", async () => {
    const statements = await pollAfter("sync_any");
    const own = statements.filter((sql) => NOUNS.test(sql)).map((sql) => `${verbOf(sql)} ${nounsOf(sql)}`);
    expect(own).toEqual(["select streams, connections, subscriptions", "update streams"]);
  });

  it.skipIf(onPostgres)("sends four statements in all to SQLite, in two transactions", async () => {
    const statements = (await pollAfter("sync_any")).filter((sql) => !LOOKS.test(sql));
    expect(statements.filter((sql) => !CONTROL.test(sql))).toHaveLength(4);
    expect(statements.filter((sql) => sql.startsWith("begin"))).toHaveLength(2);
  });
});

describe("a poll that finds changes", () => {
  const onTellings = (statements: string[]) => statements.filter((sql) => /\btellings\b/.test(sql)).map(verbOf);

  it("asks once how often their records were told of, and writes that where they have events", async () => {
    const change = (vendor: Vendor) => vendor.put("a", { name: "A" });
    expect(onTellings(await pollAfter("sync_any", change))).toEqual(["select", "insert"]);
    expect(onTellings(await pollAfter("sync_deleted", change))).toEqual([]);
  });
});
