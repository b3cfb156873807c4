import type { Pool, PoolConfig } from "pg";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { PostgresLocation } from "./location.ts";
import { fromPostgres, POOLER } from "./postgres-errors.ts";
import { PostgresDatabase } from "./postgres.ts";

const CONNECT_MS = 10_000;
/** Shorter than the lease on a job: who cannot reach the database any more has given up when another takes over. */
const STATEMENT_MS = 10_000;
/** The same, where even the server's word for it does not arrive. */
const ANSWER_MS = 12_000;
/** Who stands still or is cut off in the middle of a transaction holds up all who wait for its locks no longer than this. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const IDLE_MS = 60_000;
const KEEPALIVE_MS = 5_000;

const INT8 = 20;
const BYTEA = 17;
const NUMERIC = 1700;

/**
 * Opens the PostgreSQL database at a URL, `postgres://user:password@host:5432/name`. Of its query, `poolSize` is how many
 * connections this process holds at most (1 to 1000, default 10; the distributed engine takes up to three more); the rest is libpq's
 * (`sslmode`, `options`, …). Needs PostgreSQL 13 and connections that keep their session: poolers in session mode only.
 *
 * @throws HooklineError `store_unusable` when the server cannot be reached, refuses, or stands
 * behind a pooler in transaction mode
 */
export async function openPostgres(location: PostgresLocation, log: Log): Promise<PostgresDatabase> {
  const { connectionString, max, server } = location;
  const { default: pg } = await import("pg");
  const config: PoolConfig = {
    connectionString,
    max,
    application_name: "hookline",
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    allowExitOnIdle: true,
    types: {
      getTypeParser: (oid: number, format?: "text" | "binary") => parserOf(oid) ?? pg.types.getTypeParser(oid, format),
    },
  };
  const pool = new pg.Pool(config);
  try {
    await assertSession(pool, server);
  } catch (error) {
    await pool.end();
    throw fromPostgres(error, server);
  }
  return new PostgresDatabase(pool, config, server, log);
}

/** Values as every store gives them: whole numbers as numbers, bytes as bytes. */
function parserOf(oid: number): ((text: string) => unknown) | undefined {
  if (oid === INT8 || oid === NUMERIC) return Number;
  if (oid === BYTEA) return (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"));
  return undefined;
}

/** A pooler that hands each transaction to any connection loses settings, prepared statements and LISTEN. */
async function assertSession(pool: Pool, server: string): Promise<void> {
  const { rows } = await pool.query<{ kept: string }>("select current_setting('statement_timeout') as kept");
  if (rows[0]?.kept !== `${STATEMENT_MS / 1000}s`) throw new HooklineError("store_unusable", `${server}: ${POOLER}`);
}
