import { HooklineError } from "../core/errors.ts";

/** SQLite's primary result codes that are the world's fault (sqlite.org/rescode.html), and what a person can do. */
const REMEDIES: Record<number, string> = {
  3: "the process may not open it; give its user access",
  8: "it is read-only; make the file and its folder writable",
  10: "reading or writing the disk failed; check the disk",
  11: "it is damaged; restore it from a backup",
  13: "the disk is full; free some space and Hookline continues by itself",
  14: "it cannot be opened; check that the folder exists and that the process may write there",
  23: "the process may not open it; give its user access",
  26: "it is not a SQLite database; name another file, or move this one away",
};
const BUSY = 5;
const LOCKED = 6;
/** These pass by themselves: a lock, a failing disk, a full one. */
const PASSING = new Set([BUSY, LOCKED, 10, 13]);
/** Extended codes of a primary key, a unique index and a rowid that exist already. */
const TAKEN = new Set([1555, 2067, 2579]);

/**
 * What SQLite threw, as the caller is to see it: `store_unusable` and `store_locked` for the world's faults, `conflict`
 * when a row with this key exists already. Anything else is a programmer's mistake and stays as it is.
 */
export function fromSqlite(error: unknown, file: string): unknown {
  const code = (error as { errcode?: unknown }).errcode;
  if (typeof code !== "number") return error;
  const reason = (error as Error).message;
  if (TAKEN.has(code))
    return new HooklineError("conflict", `${file}: this exists already (${reason})`, { cause: error });
  const primary = code & 0xff;
  const options = { cause: error, retry: PASSING.has(primary) ? ({} as const) : (false as const) };
  if (primary === BUSY || primary === LOCKED) {
    return new HooklineError(
      "store_locked",
      `${file}: another program is writing to it (${reason}); close it`,
      options,
    );
  }
  const remedy = REMEDIES[primary];
  if (remedy === undefined) return error;
  return new HooklineError("store_unusable", `${file}: ${remedy} (${reason})`, options);
}
