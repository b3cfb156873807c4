import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import type { Database } from "../../runtime/store/database.ts";
import { getMeta, setMeta } from "../../runtime/model/meta.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";

describe("migrating a store", () => {
  let folder: string;
  let file: string;
  let db: Database;
  const open = () => openDatabase(`sqlite:${file}`, { log: createLog({ level: "silent" }) });
  const tables = async () =>
    (await db.all<{ name: string }>("select name from sqlite_schema where type = 'table' order by name")).map(
      (t) => t.name,
    );

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "hookline-migrate-"));
    file = join(folder, "hookline.db");
    db = await open();
  });
  afterEach(async () => {
    await db.close();
    rmSync(folder, { recursive: true });
  });

  it("makes every table once, and does nothing the second time", async () => {
    expect(await migrate(db)).toBe(migrations.length);
    expect(await tables()).toEqual(expect.arrayContaining(["connections", "jobs", "known", "meta"]));
    expect(await migrate(db)).toBe(0);
  });

  it("runs only what is new to a store, and keeps what is in it", async () => {
    await migrate(db);
    await setMeta(db, "kept", "yes");
    expect(await migrate(db, undefined, [...migrations, () => ["create table later (a text)"]])).toBe(1);
    expect(await tables()).toContain("later");
    expect(await getMeta(db, "kept")).toBe("yes");
  });

  it("leaves the old version whole when a migration fails half-way", async () => {
    await migrate(db);
    const failing = () => ["create table later (a text)", "drop table meta", "create table nonsense"];
    await expect(migrate(db, undefined, [...migrations, failing])).rejects.toThrow("incomplete input");
    expect(await tables()).toContain("meta");
    expect(await tables()).not.toContain("later");
    expect(await migrate(db)).toBe(0);
  });

  it("refuses a store that a newer version has written, and leaves it as it is", async () => {
    await migrate(db, undefined, [...migrations, () => ["create table later (a text)"]]);
    await db.close();
    const hash = () => createHash("sha256").update(readFileSync(file)).digest("hex");
    const before = hash();
    db = await open();
    const version = migrations.length;
    await expect(migrate(db)).rejects.toMatchObject({
      code: "store_unusable",
      data: { found: version + 1, known: version },
      message: expect.stringContaining(
        `schema version ${version + 1}, this Hookline knows up to ${version}; run a newer`,
      ),
    });
    await db.close();
    expect(hash()).toBe(before);
  });
});

describe("small named values", () => {
  it("are set, replaced and read; one never set is undefined", async () => {
    const db = await openDatabase("sqlite::memory:", { log: createLog({ level: "silent" }) });
    await migrate(db);
    expect(await getMeta(db, "key")).toBeUndefined();
    await setMeta(db, "key", "one");
    await db.transaction((tx) => setMeta(tx, "key", "two"));
    expect(await getMeta(db, "key")).toBe("two");
    await db.close();
  });
});
