import { HooklineError } from "../core/errors.ts";
import { SqliteConnection } from "./sqlite-connection.ts";

/**
 * Makes this runtime the only one on a database file, until the returned function is called or the process ends.
 *
 * The lock is a write transaction held open on a small SQLite file of its own, `<file>.lock`. It is the operating system
 * that holds it, so it dies with the process however that ends, needs no guess whether a process id was reused, and
 * SQLite refuses a second holder in the same process too. The database itself stays free for other programs to read.
 * The holder's process id is inside, where those who wait can still read it. The file is left behind on purpose:
 * removing it would let two processes lock two different files of that name.
 *
 * @throws HooklineError `store_locked` with the holder's process id, `store_unusable` when the lock file cannot be written
 */
export function lockFile(file: string): () => void {
  const lock = new SqliteConnection(`${file}.lock`);
  try {
    do {
      lock.run("begin immediate");
      lock.run("create table if not exists holder (pid integer not null)");
      lock.run("delete from holder");
      lock.run("insert into holder values (?)", [process.pid]);
      lock.run("commit");
      lock.run("begin immediate");
    } while (readHolder(lock) !== process.pid);
    return () => lock.close();
  } catch (error) {
    const refusal = isLocked(error) ? refuse(file, readHolder(lock), error) : error;
    lock.close();
    throw refusal;
  }
}

const isLocked = (error: unknown): boolean => error instanceof HooklineError && error.code === "store_locked";

function readHolder(lock: SqliteConnection): number | undefined {
  try {
    return (lock.get("select pid from holder") as { pid: number } | undefined)?.pid;
  } catch {
    return undefined;
  }
}

function refuse(file: string, pid: number | undefined, cause: unknown): HooklineError {
  const holder =
    pid === undefined
      ? "another process"
      : pid === process.pid
        ? `this very process (pid ${pid})`
        : `the process with pid ${pid}`;
  return new HooklineError(
    "store_locked",
    `${file} is in use by ${holder}; stop that one first, or give this one a database of its own. Several processes share a store on PostgreSQL only.`,
    { cause, data: pid === undefined ? {} : { pid }, retry: {} },
  );
}
