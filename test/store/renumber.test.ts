import { describe, expect, it, onTestFinished } from "vitest";
import type { Database } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { capturedLog } from "../fixtures/captured-log.ts";
import { createTestDatabase } from "../postgres.ts";

/** The migrations of a store in which events may share a number. */
const BEFORE = migrations.slice(0, 5);
/** Those that give events numbers of their own as well. */
const NUMBERED = migrations.slice(0, 6);

const stores = {
  SQLite: async () => "sqlite::memory:",
  PostgreSQL: async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    return url;
  },
};

describe.each(Object.entries(stores))("events of the first version on %s", (_name, create) => {
  const { log, logged } = capturedLog();

  async function store(): Promise<Database> {
    logged.length = 0;
    const db = await openDatabase(await create(), { log });
    onTestFinished(() => db.close());
    await migrate(db, log, BEFORE);
    return db;
  }

  /** An event and its subscription's stream, as the first version wrote them. */
  async function write(db: Database, id: string, subscription: string | null, stream: number, sequence: number | null) {
    await db.run(
      `insert into events (id, type, subscription, stream, record_key, sequence, created_at, data)
       values (?, 'item.created', ?, ?, ?, ?, 1, ?)`,
      [id, subscription, stream, id, sequence, JSON.stringify({ sequence, record: { id } })],
    );
  }
  async function stream(db: Database, id: number, sequence: number, subscription: string) {
    await db.run(
      `insert into streams (id, connection, stream, input_hash, input, cursor_version, sequence, consecutive_errors)
       values (?, 'con_1', 'items', ?, '{}', 1, ?, 0)`,
      [id, String(id), sequence],
    );
    await db.run(
      `insert into subscriptions (id, connection, user_id, trigger_name, stream, input, first_poll, status, degraded, created_at, updated_at)
       values (?, 'con_1', 'u_1', 'any', ?, '{}', 'baseline', 'active', 0, 1, 1)`,
      [subscription, id],
    );
  }
  const sequences = async (db: Database) => {
    const rows = await db.all<{ id: string; sequence: number | null; data: string }>(
      "select id, sequence, data from events order by subscription, sequence, id",
    );
    for (const row of rows) expect((JSON.parse(row.data) as { sequence: number }).sequence).toBe(row.sequence);
    return rows.map((row) => `${row.id} ${row.sequence}`);
  };
  const counted = async (db: Database, id: number) =>
    (await db.get<{ sequence: number }>("select sequence from streams where id = ?", [id]))!.sequence;

  it("get numbers of their own in their order where two have the same, and the stream counts on from there", async () => {
    const db = await store();
    await stream(db, 1, 3, "sub_a");
    await stream(db, 2, 3, "sub_b");
    for (const [id, sequence] of [
      ["evt_1", 1],
      ["evt_2", 2],
      ["evt_4", 2],
      ["evt_3", 3],
      ["evt_5", 3],
    ] as const) {
      await write(db, id, "sub_a", 1, sequence);
    }
    for (const sequence of [1, 3]) await write(db, `evt_b${sequence}`, "sub_b", 2, sequence);
    expect(await migrate(db, log)).toBe(migrations.length - BEFORE.length);
    expect(await sequences(db)).toEqual([
      "evt_1 1",
      "evt_2 2",
      "evt_4 3",
      "evt_3 4",
      "evt_5 5",
      "evt_b1 1",
      "evt_b3 3",
    ]);
    expect([await counted(db, 1), await counted(db, 2)]).toEqual([5, 3]);
    expect(logged.filter((line) => line.includes("were renumbered"))).toEqual([
      expect.stringContaining('"renumbered":3,"subscriptions":1'),
    ]);
  });

  it("come after those of the stream that the subscription read before", async () => {
    const db = await store();
    await stream(db, 7, 2, "sub_a");
    for (const sequence of [1, 2]) await write(db, `evt_1${sequence}`, "sub_a", 3, sequence);
    for (const sequence of [1, 2]) await write(db, `evt_2${sequence}`, "sub_a", 7, sequence);
    await migrate(db, log);
    expect(await sequences(db)).toEqual(["evt_11 1", "evt_12 2", "evt_21 3", "evt_22 4"]);
    expect(await counted(db, 7)).toBe(4);
  });

  it("stay as they are where no two share a number, and so do those without one", async () => {
    const db = await store();
    for (const sequence of [4, 9]) await write(db, `evt_${sequence}`, "sub_a", 1, sequence);
    for (const id of ["evt_x", "evt_y"]) await write(db, id, "sub_a", 1, null);
    await write(db, "evt_z", null, 1, null);
    await migrate(db, log);
    expect((await sequences(db)).toSorted()).toEqual(["evt_4 4", "evt_9 9", "evt_x null", "evt_y null", "evt_z null"]);
    expect(logged).toEqual([]);
  });

  it("can no longer share a number, except those without one", async () => {
    const db = await store();
    await migrate(db, log, NUMBERED);
    await write(db, "evt_1", "sub_a", 1, 1);
    await write(db, "evt_2", "sub_b", 1, 1);
    await expect(write(db, "evt_3", "sub_a", 2, 1)).rejects.toThrow(/unique/i);
    await write(db, "evt_4", "sub_a", 1, null);
    await write(db, "evt_5", "sub_a", 1, null);
    expect(await db.get("select count(*) as n from events")).toEqual({ n: 4 });
  });
});
