import { HooklineError } from "../core/errors.ts";

/** Where a store is, read from its text. */
export type StoreLocation = { kind: "memory" } | { kind: "file"; path: string } | PostgresLocation;

export interface PostgresLocation {
  kind: "postgres";
  /** For the driver. */
  connectionString: string;
  /** How many connections this process holds at most. */
  max: number;
  /** What the server is called in messages; without user and password. */
  server: string;
}

const POSTGRES = /^postgres(ql)?:/;
const DEFAULT_POOL_SIZE = 10;

/**
 * Reads `sqlite:<path>`, `sqlite::memory:` or `postgres://…`; see {@link openDatabase} and {@link openPostgres}.
 * @throws HooklineError `invalid_config` for what can be no store, whatever is on the disk or the network
 */
export function parseLocation(location: string): StoreLocation {
  if (POSTGRES.test(location)) return parsePostgres(location);
  const path = /^sqlite:([^\0]+)$/s.exec(location)?.[1];
  if (path === ":memory:") return { kind: "memory" };
  if (path === undefined || path.startsWith(":")) {
    throw invalid(
      "is not a known location; use sqlite:./hookline.db for a file, sqlite::memory: for memory alone, or postgres://user@host/database",
    );
  }
  // "//file" is at the root of the disk, which is not what somebody means who takes this for a URL.
  if (/^\/\/[^/]/.test(path)) {
    throw invalid("begins with sqlite://; write sqlite:./hookline.db, or sqlite:/var/lib/hookline.db");
  }
  return { kind: "file", path };
}

function parsePostgres(location: string): PostgresLocation {
  const url = /^\w+:\/\//.test(location) ? URL.parse(location) : null;
  if (url === null) throw invalid("is not a URL; write postgres://user:password@host:5432/database");
  const size = url.searchParams.get("poolSize") ?? String(DEFAULT_POOL_SIZE);
  const max = Number(size);
  if (!Number.isInteger(max) || max < 1 || max > 1000) {
    throw invalid(`has a poolSize of "${size}"; give a whole number from 1 to 1000`);
  }
  url.searchParams.delete("poolSize");
  const server = `PostgreSQL at ${url.host || "the local socket"}${url.pathname}`;
  return { kind: "postgres", connectionString: url.href, max, server };
}

function invalid(message: string): HooklineError {
  return new HooklineError("invalid_config", `The store ${message}`, { faults: [{ pointer: "/store", message }] });
}
