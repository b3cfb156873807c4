import type { Database, Sql, Tx } from "../../store/database.ts";

/** A key as a caller gave it, and the request it stands for. */
export interface KeyedRequest {
  /** Whose key it is: equal keys of two callers are different keys. */
  scope: string;
  key: string;
  /** Hash of everything the request asks for. */
  requestHash: string;
}

/** What is known of a key when a request comes with it. */
export type Claim =
  | { state: "claimed" }
  /** Answered before: the status and the JSON text of the answer. */
  | { state: "done"; status: number; answer: string }
  /** Used with another request. */
  | { state: "other" }
  /** At work until this time at least, milliseconds since the epoch. */
  | { state: "running"; until: number }
  /** Its process died at work, so what it did is unknown. */
  | { state: "interrupted" };

/** How long an answer is kept. */
const KEEP_MS = 24 * 60 * 60 * 1000;

interface Row {
  request_hash: string;
  status: number | null;
  answer: string | null;
  expires_at: number;
}

/**
 * Claims a key for `leaseMs`, before its work begins. While it is at work, `expires_at` is the end of the lease; once it
 * is answered, the time until which the answer is kept. `repeatable` work that was interrupted is claimed again.
 */
export async function claimKey(
  db: Database,
  request: KeyedRequest,
  options: { repeatable: boolean; leaseMs: number; now: number },
): Promise<Claim> {
  const { scope, key, requestHash } = request;
  const { repeatable, leaseMs, now } = options;
  return db.transaction(async (tx): Promise<Claim> => {
    await forgetExpired(tx, "scope = ? and key = ? and", [scope, key], now);
    const row = await tx.get<Row>(
      "select request_hash, status, answer, expires_at from idempotency where scope = ? and key = ?",
      [scope, key],
    );
    if (!row) {
      await tx.run("insert into idempotency (scope, key, request_hash, expires_at) values (?, ?, ?, ?)", [
        scope,
        key,
        requestHash,
        now + leaseMs,
      ]);
      return { state: "claimed" };
    }
    if (row.request_hash !== requestHash) return { state: "other" };
    if (row.status !== null) return { state: "done", status: row.status, answer: row.answer! };
    if (row.expires_at > now) return { state: "running", until: row.expires_at };
    if (!repeatable) return { state: "interrupted" };
    await extendKey(tx, request, now + leaseMs);
    return { state: "claimed" };
  });
}

type Key = Pick<KeyedRequest, "scope" | "key">;

/** Says that the work goes on. */
export async function extendKey(sql: Sql, { scope, key }: Key, until: number): Promise<void> {
  await sql.run("update idempotency set expires_at = ? where scope = ? and key = ? and status is null", [
    until,
    scope,
    key,
  ]);
}

/** Keeps the answer for 24 hours. */
export async function finishKey(
  sql: Sql,
  { scope, key }: Key,
  { status, answer }: { status: number; answer: string },
  now: number,
): Promise<void> {
  await sql.run("update idempotency set status = ?, answer = ?, expires_at = ? where scope = ? and key = ?", [
    status,
    answer,
    now + KEEP_MS,
    scope,
    key,
  ]);
}

/** Frees a key whose work did nothing. */
export async function releaseKey(sql: Sql, { scope, key }: Key): Promise<void> {
  await sql.run("delete from idempotency where scope = ? and key = ? and status is null", [scope, key]);
}

/** Forgets answers that are kept no longer, and interrupted work after the same time. Returns how many. */
export async function purgeIdempotency(db: Database, now: number): Promise<number> {
  return db.transaction((tx) => forgetExpired(tx, "", [], now));
}

function forgetExpired(tx: Tx, which: string, params: readonly string[], now: number): Promise<number> {
  return tx.run(
    `delete from idempotency where ${which} ((status is not null and expires_at <= ?) or expires_at <= ?)`,
    [...params, now, now - KEEP_MS],
  );
}
