import type { Sql, Tx } from "../store/database.ts";

/** Where an unfinished read stands, so that it goes on there after a crash. */
export interface Checkpoint {
  /** Whether every record is being read, or only what changed since the cursor. */
  complete: boolean;
  /** When the read began, milliseconds since the epoch: what it sees carries this mark. */
  startedAt: number;
  /** Whether changes are told, or everything is taken as it is. */
  mode: "baseline" | "diff";
  /** Which page comes next: the paginator's own state. */
  page: unknown;
  /** The cursor strategy's own notes on the pages read so far. */
  notes: unknown;
  /** Once all pages are read: looking for records that none of them held, after this key. */
  sweepAfter?: string;
  /** Subscriptions whose first read this is. */
  joining: string[];
  /** When another list tells what an expired cursor has missed: that cursor, and the time from which to look (epoch seconds). */
  recovering: { value: unknown; sinceSeconds: number } | null;
  /** Nothing is listed at all: only the cursor is taken. */
  listless?: boolean;
  /** Which of several lists is being read. */
  each?: ItemPlace;
}

/** Lists that are read one after the other, as they were found when the read began, and the one whose turn it is. */
export interface ItemPlace {
  items: unknown[];
  at: number;
}

export interface StreamError {
  code: string;
  message: string;
  at: number;
}

/** One stream of one connection with one input: what is read, how far, and how it goes. */
export interface StreamRecord {
  id: number;
  connection: string;
  stream: string;
  input: Record<string, unknown>;
  /** Hash of the request the cursor belongs to; null before the first read. */
  requestHash: string | null;
  cursorVersion: number;
  /** The cursor strategy's own state; null when the next read must be complete. */
  cursor: unknown;
  /** When `cursor` was taken, milliseconds since the epoch. */
  cursorAt: number | null;
  checkpoint: Checkpoint | null;
  /** When the first complete read ended. */
  baselinedAt: number | null;
  /** Of the newest event. */
  sequence: number;
  lastPollAt: number | null;
  lastSuccessAt: number | null;
  nextPollAt: number | null;
  consecutiveErrors: number;
  lastError: StreamError | null;
}

interface Row {
  id: number;
  connection: string;
  stream: string;
  input: string;
  request_hash: string | null;
  cursor_version: number;
  cursor: string | null;
  cursor_at: number | null;
  checkpoint: string | null;
  baselined_at: number | null;
  sequence: number;
  last_poll_at: number | null;
  last_success_at: number | null;
  next_poll_at: number | null;
  consecutive_errors: number;
  last_error: string | null;
}

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
const text = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

const toRecord = (row: Row): StreamRecord => ({
  id: row.id,
  connection: row.connection,
  stream: row.stream,
  input: JSON.parse(row.input) as Record<string, unknown>,
  requestHash: row.request_hash,
  cursorVersion: row.cursor_version,
  cursor: parsed(row.cursor),
  cursorAt: row.cursor_at,
  checkpoint: parsed(row.checkpoint) as Checkpoint | null,
  baselinedAt: row.baselined_at,
  sequence: row.sequence,
  lastPollAt: row.last_poll_at,
  lastSuccessAt: row.last_success_at,
  nextPollAt: row.next_poll_at,
  consecutiveErrors: row.consecutive_errors,
  lastError: parsed(row.last_error) as StreamError | null,
});

const columns = `id, connection, stream, input, request_hash, cursor_version, cursor, cursor_at, checkpoint, baselined_at,
  sequence, last_poll_at, last_success_at, next_poll_at, consecutive_errors, last_error`;

/** The stream of this connection with this input, made when it is new. */
export async function ensureStream(
  tx: Tx,
  key: { connection: string; stream: string; input: Record<string, unknown>; inputHash: string; cursorVersion: number },
): Promise<StreamRecord> {
  await tx.run(
    `insert into streams (connection, stream, input_hash, input, cursor_version, sequence, consecutive_errors)
     values (?, ?, ?, ?, ?, 0, 0) on conflict (connection, stream, input_hash) do nothing`,
    [key.connection, key.stream, key.inputHash, JSON.stringify(key.input), key.cursorVersion],
  );
  const row = await tx.get<Row>(
    `select ${columns} from streams where connection = ? and stream = ? and input_hash = ?`,
    [key.connection, key.stream, key.inputHash],
  );
  return toRecord(row!);
}

export async function streamsByIds(sql: Sql, ids: readonly number[]): Promise<StreamRecord[]> {
  const rows = await sql.all<Row>(`select ${columns} from streams where ${sql.oneOf("id")}`, [JSON.stringify(ids)]);
  return rows.map(toRecord);
}

export async function streamsOfConnection(sql: Sql, connection: string): Promise<StreamRecord[]> {
  const rows = await sql.all<Row>(`select ${columns} from streams where connection = ? order by id`, [connection]);
  return rows.map(toRecord);
}

/** Has a stream count on from the last event of a subscription that comes from another one. */
export async function continueSequence(tx: Tx, stream: number, subscription: string): Promise<void> {
  const last = await tx.get<{ sequence: number | null }>(
    `select max(sequence) as sequence from events where subscription = ?`,
    [subscription],
  );
  const sequence = last?.sequence ?? 0;
  await tx.run(`update streams set sequence = ? where id = ? and sequence < ?`, [sequence, stream, sequence]);
}

/** Writes back everything a poll changes. A sequence only grows, whatever a poll that began before has in hand. */
export async function saveStream(tx: Tx, s: StreamRecord): Promise<void> {
  await tx.run(
    `update streams set request_hash = ?, cursor_version = ?, cursor = ?, cursor_at = ?, checkpoint = ?, baselined_at = ?,
       sequence = case when sequence > ? then sequence else ? end, last_poll_at = ?, last_success_at = ?, next_poll_at = ?, consecutive_errors = ?, last_error = ?
     where id = ?`,
    [
      s.requestHash,
      s.cursorVersion,
      text(s.cursor),
      s.cursorAt,
      text(s.checkpoint),
      s.baselinedAt,
      s.sequence,
      s.sequence,
      s.lastPollAt,
      s.lastSuccessAt,
      s.nextPollAt,
      s.consecutiveErrors,
      text(s.lastError),
      s.id,
    ],
  );
}

/** Forgets a stream and everything known of its records. */
export async function deleteStream(tx: Tx, id: number): Promise<void> {
  await tx.run(`delete from known where stream = ?`, [id]);
  await tx.run(`delete from streams where id = ?`, [id]);
}
