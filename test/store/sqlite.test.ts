import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createLog } from "../../runtime/core/log.ts";
import type { Tx } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { SqliteConnection } from "../../runtime/store/sqlite-connection.ts";
import { SqliteDatabase } from "../../runtime/store/sqlite.ts";
import { describeStore } from "../contract/store.ts";

const log = createLog({ level: "silent" });

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hookline-store-"));
  file = join(folder, "hookline.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (path: string = file) => openDatabase(`sqlite:${path}`, { log });

describeStore("SQLite in a file", () => open());
describeStore("SQLite in memory", () => open(":memory:"));

describe("a SQLite store", () => {
  it("keeps what was committed for the next one who opens it", async () => {
    const first = await open();
    await first.run("create table things (name text)");
    await first.run("insert into things values ('a')");
    await first.close();
    const second = await open();
    expect(await second.all("select * from things")).toEqual([{ name: "a" }]);
    await second.close();
  });

  it("writes ahead, flushes at each commit and minds foreign keys", async () => {
    const db = await open();
    expect(await db.get("pragma journal_mode")).toEqual({ journal_mode: "wal" });
    expect(await db.get("pragma synchronous")).toEqual({ synchronous: 2 });
    expect(await db.get("pragma foreign_keys")).toEqual({ foreign_keys: 1 });
    await db.close();
  });

  it("does not flush a relaxed transaction, and flushes again after it, also when it threw", async () => {
    const db = await open();
    const flush = { synchronous: 2 };
    expect(await db.relaxed((tx) => tx.get("pragma synchronous"))).toEqual({ synchronous: 1 });
    expect(await db.get("pragma synchronous")).toEqual(flush);
    await expect(db.relaxed(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await db.transaction((tx) => tx.get("pragma synchronous"))).toEqual(flush);
    await db.close();
  });

  it("refuses a durable transaction while flushing cannot be switched on again, and flushes the next", async () => {
    const connection = new SqliteConnection(":memory:");
    const switching = connection.setDurable.bind(connection);
    let fails = true;
    connection.setDurable = (durable) => {
      if (durable && fails) throw new HooklineError("store_unusable", "no");
      switching(durable);
    };
    const db = new SqliteDatabase(connection, log, () => {});
    const level = (tx: Tx): Promise<unknown> => tx.get("pragma synchronous");
    expect(await db.relaxed(level)).toEqual({ synchronous: 1 });
    await expect(db.transaction(level)).rejects.toThrow("no");
    await expect(db.run("create table things (n integer)")).rejects.toThrow("no");
    expect(await db.relaxed(level)).toEqual({ synchronous: 1 });
    fails = false;
    expect(await db.transaction(level)).toEqual({ synchronous: 2 });
    await db.close();
  });

  it("flushes each statement outside a transaction that may write, whatever was relaxed before it", async () => {
    const switched: boolean[] = [];
    const connection = new SqliteConnection(":memory:");
    const switching = connection.setDurable.bind(connection);
    connection.setDurable = (durable) => {
      switched.push(durable);
      switching(durable);
    };
    const db = new SqliteDatabase(connection, log, () => {});
    await db.run("create table things (n integer)");
    for (const insert of [
      () => db.run("insert into things values (1)"),
      () => db.get("insert into things values (1) returning n"),
      () => db.all("with one as (select 1) insert into things select * from one returning n"),
    ]) {
      await db.relaxed((tx) => tx.run("delete from things"));
      switched.length = 0;
      await db.all("select n from things");
      expect(switched).toEqual([]);
      await insert();
      expect(switched).toEqual([true]);
    }
    await db.close();
  });

  it("has no statement parsed at each run for the number of its limit", async () => {
    const prepared = vi.spyOn(DatabaseSync.prototype, "prepare");
    onTestFinished(() => prepared.mockRestore());
    const db = await open();
    await db.run("create table things (n integer)");
    await db.many("insert into things values (?)", [[1], [2], [3]]);
    const first = "select n from things order by n limit ?";
    expect(await db.all(first, [2])).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await db.all(first, [1])).toEqual([{ n: 1 }]);
    const texts = prepared.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes("things order"));
    expect(texts).toEqual(["select n from things order by n limit ? + 0"]);
    await db.close();
  });

  it("gives bytes back as they were", async () => {
    const db = await open();
    await db.run("create table things (bytes blob)");
    await db.run("insert into things values (?)", [new Uint8Array([0, 255, 7])]);
    expect(await db.get("select bytes from things")).toEqual({ bytes: new Uint8Array([0, 255, 7]) });
    await db.close();
  });

  it("refuses to be used inside its own transaction instead of waiting for ever", async () => {
    const db = await open();
    for (const work of [() => db.run("select 1"), () => db.transaction(async () => {})]) {
      const nested = db.transaction(async () => void (await work()));
      await expect(nested).rejects.toThrow(TypeError);
      await expect(db.transaction(async () => void (await work()))).rejects.toThrow("inside its own transaction");
    }
    await db.close();
  });

  it("lets code that a transaction left behind use it afterwards", async () => {
    const db = await open();
    let later: Promise<unknown> | undefined;
    await db.transaction(async () => {
      later = new Promise(setImmediate).then(() => db.get("select 1 as one"));
    });
    expect(await later).toEqual({ one: 1 });
    await db.close();
  });

  it("undoes everything when the database is full, and goes on", async () => {
    const db = await open();
    await db.run("create table things (bytes blob)");
    const { page_count: pages } = (await db.get<{ page_count: number }>("pragma page_count"))!;
    await db.get(`pragma max_page_count = ${pages + 10}`);
    const big = new Uint8Array(10_000);
    const filling = db.transaction(async (tx) => {
      for (let i = 0; i < 100; i++) await tx.run("insert into things values (?)", [big]);
    });
    await expect(filling).rejects.toMatchObject({
      code: "store_unusable",
      retry: {},
      message: expect.stringContaining("the disk is full"),
    });
    const swallowing = db.transaction(async (tx) => {
      for (let i = 0; i < 100; i++) await tx.run("insert into things values (?)", [big]).catch(() => {});
    });
    await expect(swallowing).rejects.toMatchObject({ code: "store_unusable" });
    expect(await db.get("select count(*) as n from things")).toEqual({ n: 0 });
    await db.get("pragma max_page_count = 100000");
    expect(await db.run("insert into things values (?)", [big])).toBe(1);
    await db.close();
  });
});

describe("the lock of a SQLite store", () => {
  it("refuses a second holder in the same process, by any path, until the first closes", async () => {
    const first = await open();
    const link = join(folder, "link.db");
    symlinkSync(file, link);
    for (const path of [file, link]) {
      await expect(open(path)).rejects.toMatchObject({
        code: "store_locked",
        data: { pid: process.pid },
        message: expect.stringMatching(/in use by this very process \(pid \d+\); stop that one first/),
      });
    }
    expect(await first.get("select 1 as one")).toEqual({ one: 1 });
    await first.close();
    await (await open(link)).close();
  });

  it("names the process that holds the file, and dies with it", async () => {
    const holder = spawn(process.execPath, [join(import.meta.dirname, "sqlite-holder.ts"), `sqlite:${file}`]);
    try {
      await once(holder.stdout, "data");
      await expect(open()).rejects.toMatchObject({
        code: "store_locked",
        data: { pid: holder.pid },
        message: expect.stringContaining(`the process with pid ${holder.pid}`),
      });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    await (await open()).close();
  });

  it("leaves the database readable to other programs", async () => {
    const db = await open();
    await db.run("create table things (name text)");
    const other = new DatabaseSync(file, { readOnly: true });
    expect(other.prepare("select count(*) as n from things").get()).toEqual({ n: 0 });
    other.close();
    await db.close();
  });
});

describe("a file that is not a usable store", () => {
  const hash = () => createHash("sha256").update(readFileSync(file)).digest("hex");

  const foreign = () => {
    const other = new DatabaseSync(file);
    other.exec("pragma journal_mode = wal; create table theirs (a); insert into theirs values (1)");
    other.close();
  };
  const cases: [string, () => void, string][] = [
    ["of text", () => writeFileSync(file, "not a database\n".repeat(50)), "it is not a SQLite database"],
    ["of a few bytes", () => writeFileSync(file, "SQLite"), "it is not a SQLite database"],
    ["of another program", foreign, "it is another program's SQLite database"],
    ["marked read-only", () => (writeFileSync(file, "x"), chmodSync(file, 0o444)), "it is read-only"],
  ];
  it.each(cases)("is refused and left as it is: one %s", async (_, make, reason) => {
    make();
    const before = hash();
    const opening = open();
    await expect(opening).rejects.toMatchObject({ code: "store_unusable", message: expect.stringContaining(reason) });
    await expect(open()).rejects.toThrow(file);
    expect(hash()).toBe(before);
  });

  it("is refused when its pages are damaged", async () => {
    const db = await open();
    await migrate(db);
    await db.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 100);
    writeFileSync(file, bytes);
    const before = hash();
    const use = async () => {
      const damaged = await open();
      try {
        await damaged.all("select * from connections");
      } finally {
        await damaged.close();
      }
    };
    await expect(use()).rejects.toMatchObject({ code: "store_unusable", message: expect.stringContaining("damaged") });
    expect(hash()).toBe(before);
  });

  it("is refused when it is a folder, or its folder is missing", async () => {
    mkdirSync(file);
    await expect(open()).rejects.toMatchObject({
      code: "store_unusable",
      message: `${file}: it is not a file; name a file`,
    });
    await expect(open(join(folder, "missing", "hookline.db"))).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining("its folder does not exist"),
    });
  });

  it("is refused by its location when that is none known", async () => {
    for (const location of [
      "mysql://user:secret@host/db",
      "./hookline.db",
      "sqlite:",
      "sqlite::memory",
      "sqlite:a\0b",
    ]) {
      await expect(openDatabase(location, { log })).rejects.toMatchObject({
        code: "invalid_config",
        message:
          "The store is not a known location; use sqlite:./hookline.db for a file, sqlite::memory: for memory alone, or postgres://user@host/database",
        faults: [{ pointer: "/store" }],
      });
    }
    await expect(openDatabase("sqlite://hookline.db", { log })).rejects.toMatchObject({
      code: "invalid_config",
      message: "The store begins with sqlite://; write sqlite:./hookline.db, or sqlite:/var/lib/hookline.db",
    });
  });
});
