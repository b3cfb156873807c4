import { createLog, type Log } from "../core/log.ts";
import type { Database } from "./database.ts";
import { parseLocation } from "./location.ts";
import { openPostgres } from "./postgres-open.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { APPLICATION_ID, canonicalPath, inspectFile, makeFile } from "./sqlite-file.ts";
import { lockFile } from "./sqlite-lock.ts";
import { SqliteDatabase } from "./sqlite.ts";

export interface OpenOptions {
  /** Where a failing callback after a commit is reported; default standard output. */
  log?: Log;
}

const MEMORY = ":memory:";
/** Enough for the upper levels of every index of some million rows; the rest is in the cache of the system. */
const CACHE_KIBIBYTES = 8_192;
const BUSY_MILLISECONDS = 5_000;
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/**
 * Opens the store at `sqlite:<path>` (made when it is not there; its folder is not), `sqlite::memory:`, or
 * `postgres://…` (see {@link openPostgres}), which any number of processes share.
 * A file has one holder at a time, beside it stand `<file>.lock` and, while it is open, SQLite's own `-wal` and `-shm`. A new file, and
 * with it those, may be read by its owner only.
 * A commit is on the disk when its promise resolves.
 *
 * @throws HooklineError `invalid_config` for another kind of location, `store_locked` when the file is in use, and `store_unusable`
 * when it is not Hookline's or cannot be read and written; such a file is not changed
 */
export async function openDatabase(location: string, options: OpenOptions = {}): Promise<Database> {
  const log = options.log ?? createLog();
  const parsed = parseLocation(location);
  if (parsed.kind === "postgres") return openPostgres(parsed, log);
  if (parsed.kind === "memory") return new SqliteDatabase(tune(new SqliteConnection(MEMORY)), log, () => {});
  const file = canonicalPath(parsed.path);
  const unlock = lockFile(file);
  try {
    return new SqliteDatabase(openFile(file), log, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function openFile(file: string): SqliteConnection {
  const isNew = inspectFile(file) === "new";
  if (isNew) makeFile(file);
  const connection = new SqliteConnection(file);
  try {
    // Marked before the write-ahead log exists: the mark has to be in the file itself even after a crash.
    if (isNew) connection.run(`pragma application_id = ${APPLICATION_ID}`);
    connection.get("pragma journal_mode = wal");
    return tune(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function tune(connection: SqliteConnection): SqliteConnection {
  for (const pragma of [
    "synchronous = full",
    "foreign_keys = on",
    `busy_timeout = ${BUSY_MILLISECONDS}`,
    `cache_size = -${CACHE_KIBIBYTES}`,
    "temp_store = memory",
    "secure_delete = on",
    `journal_size_limit = ${MAX_LOG_BYTES}`,
  ]) {
    connection.get(`pragma ${pragma}`);
  }
  return connection;
}
