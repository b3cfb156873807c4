import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose, type ComposeOptions } from "../../runtime/compose.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { until } from "../fixtures/wait.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { temporaryFolder, withRuntime } from "./scenes.ts";

const connectors = [vendorManifest()];
const open = (file: string, more: Partial<ComposeOptions> = {}) =>
  compose(composeOptions({ store: `sqlite:${file}`, connectors, ...more }));

describe("a store that is in use", () => {
  it("refuses a second process, naming the first, until that one is gone", async () => {
    const file = join(temporaryFolder(), "hookline.db");
    const holder = new RuntimeProcess();
    onTestFinished(() => holder.kill());
    await holder.start({ store: `sqlite:${file}`, connectors });
    await expect(open(file)).rejects.toMatchObject({
      code: "store_locked",
      message: expect.stringContaining(`in use by the process with pid ${holder.pid}; stop that one first`) as string,
      data: { pid: holder.pid },
    });
    holder.kill();
    await holder.ended();
    await withRuntime({ store: `sqlite:${file}`, connectors }, async () => {});
  });
});

describe("a store that is not ours to use", () => {
  const refused: [string, string, (file: string) => void][] = [
    [
      "garbage",
      "it is not a SQLite database",
      (file) => writeFileSync(file, "not a database, but somebody's letters\n".repeat(50)),
    ],
    [
      "another program's database",
      "it is another program's SQLite database",
      (file) => new DatabaseSync(file).exec("create table letters (text)"),
    ],
  ];

  it.each(refused)("refuses %s and leaves it as it is", async (_what, problem, make) => {
    const file = join(temporaryFolder(), "hookline.db");
    make(file);
    const before = readFileSync(file);
    await expect(open(file)).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining(problem) as string,
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("refuses what a newer version has written, and leaves it as it is", async () => {
    const file = await used();
    inFile(file, "pragma user_version = 999");
    const before = contents(file);
    await expect(open(file)).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringMatching(
        /schema version 999, this Hookline knows up to \d+; run a newer Hookline/,
      ) as string,
    });
    expect(contents(file)).toEqual(before);
  });

  it("refuses a read-only file", async () => {
    const file = await used();
    chmodSync(file, 0o400);
    await expect(open(file)).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining("it is read-only; make it writable") as string,
    });
  });
});

describe("a store without its encryption key", () => {
  it.each([
    ["missing", []],
    ["another one", [Buffer.alloc(32, 8).toString("base64")]],
    ["malformed", ["short"]],
  ])("refuses to start when the key is %s, and harms no row", async (_what, encryptionKeys) => {
    const file = await used();
    const before = contents(file);
    await expect(open(file, { encryptionKeys })).rejects.toMatchObject({
      code: "encryption_key",
      message: expect.stringMatching(/HOOKLINE_ENCRYPTION_KEY|encryptionKeys/) as string,
    });
    expect(contents(file)).toEqual(before);
    await withRuntime({ store: `sqlite:${file}`, connectors }, async ({ endpoints }) => {
      expect((await endpoints.list({ limit: 10 })).data).toHaveLength(1);
    });
  });
});

describe("a disk that is full", () => {
  it("stops polls without moving a cursor or losing a change, and goes on by itself when there is room", async () => {
    const vendor = await new BookVendor().start();
    onTestFinished(() => vendor.stop());
    const file = join(temporaryFolder(), "hookline.db");
    const runtime = await open(file, { servers: { acme: { url: vendor.url } } });
    const engine = runtime.engine as JobEngine;
    onTestFinished(async () => {
      await engine.stop(1000);
      await runtime.close();
    });
    const told = new Map<string, string>();
    runtime.consumers.on("item.any", ({ data }) => {
      const { change, resource } = data as { change: string; resource: { id: string } };
      told.set(resource.id, change);
    });
    await runtime.consumers.start();
    await engine.start();
    vendor.pageSize = 100;
    vendor.put("first", "there from the start");
    const { id: connection } = await runtime.accounts.create({ connector: "acme", user: "u_1" });
    const subscribed = { connection, trigger: "sync_any", everySeconds: 1, firstPoll: "emitAll" } as const;
    await runtime.subscriptions.create(subscribed);
    const state = () => {
      const db = new DatabaseSync(file, { readOnly: true });
      const found = db
        .prepare(
          "select cursor, (select count(*) from known) as known, (select count(*) from events) as events from streams",
        )
        .get();
      db.close();
      return found as { cursor: string; known: number; events: number };
    };
    await until(() => told.has("first"));

    const { page_count: pages } = (await runtime.db.get<{ page_count: number }>("pragma page_count"))!;
    await runtime.db.get(`pragma max_page_count = ${pages}`);
    const before = state();
    for (let i = 0; i < 50; i++) vendor.put(`r${i}`, "x".repeat(10_000));
    let polls = 0;
    vendor.onRequest = () => void polls++;
    await until(() => polls > 0);
    await expect(runtime.db.run("insert into meta values ('filler', ?)", ["x".repeat(100_000)])).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining("the disk is full; free some space and Hookline continues by itself") as string,
    });
    expect(state()).toEqual(before);
    expect([...told.keys()]).toEqual(["first"]);

    await runtime.db.get("pragma max_page_count = 1000000");
    await until(() => told.size === 51);
    expect(new Set(told.values())).toEqual(new Set(["created"]));
    await until(() => state().cursor !== before.cursor);
    expect(state().known).toBe(51);
  });
});

/** A file that a runtime has used and left. */
async function used(): Promise<string> {
  const file = join(temporaryFolder(), "hookline.db");
  await withRuntime({ store: `sqlite:${file}`, connectors }, async ({ endpoints }) => {
    await endpoints.create({ url: "http://127.0.0.1:9/", headers: { authorization: "Bearer of a secret" } });
  });
  return file;
}

function inFile(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

/** Every row that could be harmed, and the version. */
function contents(file: string): unknown {
  const db = new DatabaseSync(file, { readOnly: true });
  const all = ["endpoints", "meta", "connections", "pragma_user_version"].map((table) =>
    db.prepare(`select * from ${table}`).all(),
  );
  db.close();
  return all;
}
