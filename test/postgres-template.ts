/** Databases of a server, and the one that stores of tests are copies of. */
import { randomBytes } from "node:crypto";
import { systemClock } from "../runtime/core/clock.ts";
import { createLog } from "../runtime/core/log.ts";
import { openEngine } from "../runtime/engine/open.ts";
import { SCHEMA } from "../runtime/engine/postgres-boss.ts";
import { migrate } from "../runtime/store/migrate.ts";
import { openDatabase } from "../runtime/store/open.ts";

const LATER = Number.MAX_SAFE_INTEGER;

/** Makes a database on the server at `base`, as a copy when the URL of another, unused one is given; returns its URL. */
export async function createDatabase(base: string, template?: string): Promise<string> {
  const name = `hookline_test_${randomBytes(6).toString("hex")}`;
  const copy = template === undefined ? "" : ` template ${nameOf(template)}`;
  await administer(base, `create database ${name}${copy}`);
  const url = new URL(base);
  url.pathname = `/${name}`;
  return url.href;
}

/** Cuts whoever is connected to it. */
export async function dropDatabase(url: string): Promise<void> {
  const base = new URL(url);
  base.pathname = "/postgres";
  await administer(base.href, `drop database if exists ${nameOf(url)} with (force)`);
}

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

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

/**
 * A store with all its tables and queues. The queues' time is what stands in `test_clock`, the database's own while that is
 * null; a view shows their jobs as the table of the embedded engine would, for tests of whatever enqueues them.
 */
export async function createTemplate(base: string): Promise<string> {
  const log = createLog({ level: "silent" });
  const url = await createDatabase(base);
  const db = await openDatabase(url, { log });
  await migrate(db);
  const engine = await openEngine({ db, clock: systemClock, log });
  await engine.stop();
  for (const statement of [
    "create table test_clock as select null::timestamptz as now",
    `create or replace function ${SCHEMA}.job_now() returns timestamptz language sql stable
     as $$ select coalesce(test_clock.now, now()) from public.test_clock $$`,
    `create view jobs as
       select name as queue, id::text as id, coalesce(group_id, '') as grp, data->>'key' as key, data->>'data' as data,
         case when start_after <= ${SCHEMA}.job_now() then 0 else ${LATER} end as run_at,
         case when state = 'active' then 'a process' end as claimed_by
       from ${SCHEMA}.job where state <= 'active'
       union all select queue, id::text, grp, key, data, ${LATER}, null from job_keyed where held = 1`,
  ]) {
    await db.run(statement);
  }
  await db.close();
  return url;
}
