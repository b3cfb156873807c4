/** Databases for tests, on the one PostgreSQL server of the run. */
import { inject, onTestFinished } from "vitest";
import type { Clock } from "../runtime/core/clock.ts";
import type { Database } from "../runtime/store/database.ts";
import { openDatabase } from "../runtime/store/open.ts";
import { SCHEMA } from "../runtime/engine/postgres-boss.ts";
import type { FastTime } from "./fixtures/fast-clock.ts";
import { createDatabase, dropDatabase } from "./postgres-template.ts";

/** The URL of a database, and how to be rid of it. */
export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** The switch by which everything is tested on PostgreSQL. */
export const onPostgres = process.env.HOOKLINE_TEST_STORE === "postgres";

async function ask(what: "server" | "template"): Promise<string> {
  const answer = await fetch(`${inject("postgres")}/${what}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

/** A new, empty database. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = await createDatabase(await ask("server"));
  return { url, drop: () => dropDatabase(url) };
}

/**
 * A new store with all its tables and queues. Time stands still for the queues but for {@link skipTime}, unless it is to
 * be `real`.
 */
export async function createTestStore(time: "still" | "real" = "still"): Promise<TestDatabase> {
  const url = await createDatabase(await ask("server"), await ask("template"));
  if (time === "still") {
    const db = await openDatabase(url);
    await db.run("update test_clock set now = now()");
    await db.close();
  }
  return { url, drop: () => dropDatabase(url) };
}

export async function skipTime(db: Database, milliseconds: number): Promise<void> {
  await db.run("update test_clock set now = now + ?::float8 * interval '1 millisecond'", [milliseconds]);
}

/**
 * The store of a test: in memory, or a PostgreSQL database that goes with the test when `HOOKLINE_TEST_STORE=postgres`
 * says that everything is to be tested there. See {@link createTestStore} for its time.
 */
export async function storeOfTest(time?: "still" | "real"): Promise<string> {
  if (!onPostgres) return "sqlite::memory:";
  const database = await createTestStore(time);
  onTestFinished(() => database.drop());
  return database.url;
}

/** Has the database's time run as a {@link FastClock} does. */
export async function letTimeRun(url: string, { epoch, speed, ahead }: FastTime): Promise<void> {
  const db = await openDatabase(url);
  await db.run(
    `create or replace function ${SCHEMA}.job_now() returns timestamptz language sql stable as $$
       select to_timestamp(${epoch / 1000}) + (now() - to_timestamp(${epoch / 1000})) * ${speed} + interval '${ahead} milliseconds' $$`,
  );
  await db.close();
}

/** Has the database's time go with the clock of the test whenever the engine is told to look. */
export function keepInStep(db: Database, engine: { tick(): Promise<void> }, clock: Clock): void {
  if (db.dialect === "sqlite") return;
  const tick = engine.tick.bind(engine);
  let shown = clock.now();
  engine.tick = async () => {
    const passed = clock.now() - shown;
    shown += passed;
    if (passed !== 0) await skipTime(db, passed);
    await tick();
  };
}
