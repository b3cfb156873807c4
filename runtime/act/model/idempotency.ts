import { count, nullable, sealedText, text, time } from "../../model/field.ts";
import { Table } from "../../model/table.ts";
import type { Database, Sql } from "../../store/database.ts";

/** Idempotency keys, each with the answer to its request once there is one. */
export const idempotencyKeys = new Table(
  "idempotency",
  {
    scope: text("Who uses the key: equal keys of two callers are different keys."),
    key: text("The key as it was given."),
    requestHash: text("SHA-256 of everything the request asks for."),
    user: nullable(text("Whose connection it is for; null for a key of an earlier version.", { column: "user_id" })),
    connection: nullable(text("Id of the connection; null for a key of an earlier version.")),
    status: nullable(count("Status of the answer; null while the request is running.")),
    answer: nullable(sealedText("personal", "JSON text of the answer.")),
    expiresAt: time("End of the lease while the request is running, then of the answer."),
  },
  ["scope", "key"],
);

/** A key as a caller gave it, and the request it belongs to. */
export interface KeyedRequest {
  scope: string;
  key: string;
  requestHash: string;
  user: string;
  connection: string;
}

/** What is known of a key when a request comes with it. */
export type Claim =
  | { state: "claimed" }
  /** Answered before: the status and the sealed JSON text of the answer, and whose it is. */
  | { state: "done"; status: number; answer: string; user: string | null }
  /** Used with another request. */
  | { state: "other" }
  /** At work until this time at least, milliseconds since the epoch. */
  | { state: "running"; until: number }
  /** Its process died at work, so what it did is unknown. */
  | { state: "interrupted" };

/** How long an answer is kept. */
const KEEP_MS = 24 * 60 * 60 * 1000;

const OF_KEY = "scope = ? and key = ?";

/**
 * Claims a key for `leaseMs`, before its work begins. `repeatable` work that was interrupted is claimed again.
 * An answer that is kept no longer, and interrupted work after the same time, is forgotten first.
 */
export async function claimKey(
  db: Database,
  request: KeyedRequest,
  options: { repeatable: boolean; leaseMs: number; now: number },
): Promise<Claim> {
  const { scope, key, requestHash } = request;
  const { repeatable, leaseMs, now } = options;
  return db.transaction(async (tx): Promise<Claim> => {
    await tx.run(`delete from idempotency where ${OF_KEY} and ${EXPIRED}`, [scope, key, now, now - KEEP_MS]);
    const known = await idempotencyKeys.find(tx, scope, key);
    if (known && known.requestHash !== requestHash) return { state: "other" };
    if (known && known.status !== null)
      return { state: "done", status: known.status, answer: known.answer!, user: known.user };
    if (known && known.expiresAt > now) return { state: "running", until: known.expiresAt };
    if (known && !repeatable) return { state: "interrupted" };
    await idempotencyKeys.save(tx, { ...request, status: null, answer: null, expiresAt: now + leaseMs });
    return { state: "claimed" };
  });
}

type Key = Pick<KeyedRequest, "scope" | "key">;

/** Prolongs the lease of a request that is running. */
export async function extendKey(sql: Sql, { scope, key }: Key, until: number): Promise<void> {
  await idempotencyKeys.change(sql, { expiresAt: until }, `${OF_KEY} and status is null`, [scope, key]);
}

/** Keeps the answer for 24 hours. */
export async function finishKey(
  sql: Sql,
  { scope, key }: Key,
  answer: { status: number; answer: string },
  now: number,
): Promise<void> {
  await idempotencyKeys.change(sql, { ...answer, expiresAt: now + KEEP_MS }, OF_KEY, [scope, key]);
}

/** Frees a key whose work did nothing. */
export async function releaseKey(sql: Sql, { scope, key }: Key): Promise<void> {
  await sql.run(`delete from idempotency where ${OF_KEY} and status is null`, [scope, key]);
}

const EXPIRED = "((status is not null and expires_at <= ?) or expires_at <= ?)";

/** Deletes answers that are kept no longer, and interrupted work after the same time. Returns how many. */
export function purgeIdempotency(sql: Sql, now: number): Promise<number> {
  return sql.run(`delete from idempotency where ${EXPIRED}`, [now, now - KEEP_MS]);
}

/** Deletes up to `limit` keys with the answers that hold data of a user, or of one of their connections; returns how many. */
export async function eraseAnswers(
  sql: Sql,
  { user, connection }: { user: string; connection: string | null },
  limit: number,
): Promise<number> {
  const [whose, params] =
    connection === null ? ["user_id = ? or scope = ?", [user, `user:${user}`]] : ["connection = ?", [connection]];
  const some = `select scope, key from idempotency where ${whose} limit ?`;
  return sql.run(`delete from idempotency where (scope, key) in (${some})`, [...params, limit]);
}
