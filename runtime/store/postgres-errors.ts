import { HooklineError } from "../core/errors.ts";

/** SQLSTATEs that are the world's fault (postgresql.org/docs/current/errcodes-appendix.html): what a person can do. */
const REMEDIES: Record<string, string> = {
  "28000": "the server refuses this user; check the user and the server's pg_hba.conf",
  "28P01": "the password is wrong; correct it",
  "3D000": "there is no such database; create it",
  "42501": "the user may not do this; grant it the database's schema",
  "25006": "the server is read-only; name the primary",
  "53100": "the server's disk is full; free some space and Hookline continues by itself",
  "53300": "the server has no connections left; raise max_connections, or lower poolSize",
  "57014": "a statement took too long and was cancelled; check the server's load",
};
/** These pass by themselves, as does everything about a connection. */
const PASSING = new Set(["25006", "53100", "53300", "57014"]);
const SERIALIZATION_FAILURE = "40001";
const DEADLOCK = "40P01";
const UNIQUE_VIOLATION = "23505";
/** Of a character, in text and in JSON. */
const UNTRANSLATABLE = new Set(["22021", "22P05"]);
/** Connection exceptions, insufficient resources, operator intervention. */
const CLASSES = /^(08|53|57)/;
/** What Node and the driver say when a server is not there, or not any more. */
const UNREACHABLE =
  /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)|ENOTFOUND)|terminated|timeout|not queryable|Connection ended/i;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code ?? "");

/** Whether doing the transaction again is the remedy: it met another one, and lost. However often that was wrapped since. */
export function isCollision(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause);
    if (code === SERIALIZATION_FAILURE || code === DEADLOCK) return true;
  }
  return false;
}

/**
 * What the driver threw, as the caller is to see it: `store_unusable` for the world's faults, with `retry` when it can pass
 * by itself, and `conflict` when a row with this key exists already. Anything else is a programmer's mistake and stays as it is.
 */
export function fromPostgres(error: unknown, server: string): unknown {
  if (error instanceof HooklineError || !(error instanceof Error)) return error;
  const code = codeOf(error);
  const reason = error.message;
  if (code === UNIQUE_VIOLATION) {
    return new HooklineError("conflict", `${server}: this exists already (${reason})`, { cause: error });
  }
  if (UNTRANSLATABLE.has(code)) {
    const message = "A text has a character that PostgreSQL cannot store, such as U+0000; remove it";
    return new HooklineError("invalid_input", message, { cause: error });
  }
  const unusable = (what: string, passes: boolean): HooklineError =>
    new HooklineError("store_unusable", `${server}: ${what} (${reason})`, { cause: error, retry: passes ? {} : false });
  if (isCollision(error)) return unusable("other transactions changed the same rows again and again; try again", true);
  if (/startup parameter/.test(reason)) return unusable(POOLER, false);
  const remedy = REMEDIES[code];
  if (remedy !== undefined) return unusable(remedy, PASSING.has(code));
  if (CLASSES.test(code) || UNREACHABLE.test(code) || (code === "" && UNREACHABLE.test(reason))) {
    return unusable("the server cannot be reached; check that it runs, and Hookline continues by itself", true);
  }
  return error;
}

/** Why a connection that loses its session's settings is no use. */
export const POOLER =
  "a pooler in between does not keep the settings of a session; connect to the server itself, or set the pooler to session mode";
