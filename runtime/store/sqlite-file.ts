import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { HooklineError } from "../core/errors.ts";

/** "Hkln": marks a SQLite file as Hookline's (sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x486b6c6e;

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const APPLICATION_ID_OFFSET = 68;

/**
 * One name for one file, whatever path led to it, so that its lock has one name too.
 * @throws HooklineError `store_unusable` when the folder is missing
 */
export function canonicalPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    // Not there yet.
  }
  try {
    return join(realpathSync(dirname(absolute)), basename(absolute));
  } catch (cause) {
    throw unusable(absolute, "its folder does not exist or may not be entered; create it first", cause);
  }
}

/**
 * Looks at a file without opening it as a database, for SQLite would fold a leftover log into a file that is not ours.
 * To be called with the lock held: closing any handle on a file gives up all of this process's POSIX locks on it.
 * Returns whether the file exists.
 * @throws HooklineError `store_unusable` for a file that is not Hookline's
 */
export function inspectFile(file: string): "new" | "existing" {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return "new";
  if (!stat.isFile()) throw unusable(file, "it is not a file; name a file");
  // The system lets root write to a read-only file; whoever marked it did not mean that.
  if ((stat.mode & 0o222) === 0) throw unusable(file, "it is read-only; make it writable");
  if (stat.size === 0) return "new";
  const header = readHeader(file);
  if (header.length < HEADER_BYTES || header.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw unusable(file, "it is not a SQLite database; name another file, or move this one away");
  }
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) {
    throw unusable(file, "it is another program's SQLite database; name another file");
  }
  return "existing";
}

/** Makes an empty file that only its owner may read: SQLite gives its log the same mode. One that is there keeps its own. */
export function makeFile(file: string): void {
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    throw unusable(file, "it cannot be made; give the process access to its folder", cause);
  }
}

function readHeader(file: string): Buffer {
  try {
    const handle = openSync(file, "r");
    try {
      const header = Buffer.alloc(HEADER_BYTES);
      return header.subarray(0, readSync(handle, header, 0, HEADER_BYTES, 0));
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw unusable(file, "it cannot be read; give the process access to it", cause);
  }
}

function unusable(file: string, what: string, cause?: unknown): HooklineError {
  return new HooklineError("store_unusable", `${file}: ${what}`, { cause });
}
