import { describe, expect, it, onTestFinished } from "vitest";
import { derivedId, newId } from "../../runtime/core/ids.ts";
import { events, storeNewEvents, type EventRecord } from "../../runtime/model/events.ts";
import { forgetTellings, saveTellings, tellingsByKeys, type TellingPlace } from "../../runtime/model/tellings.ts";
import { remember } from "../../runtime/model/known.ts";
import type { Database } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { createTestDatabase } from "../postgres.ts";

/** The migrations of a store whose events were in the order of their ids. */
const BEFORE = migrations.slice(0, 13);

const stores = {
  SQLite: async () => "sqlite::memory:",
  PostgreSQL: async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    return url;
  },
};

const event = (what: string, more: Partial<EventRecord> = {}): EventRecord => ({
  id: derivedId("evt", [what]),
  position: newId("pos"),
  type: "item.created",
  connection: "con_1",
  user: "u_1",
  subscription: null,
  stream: 1,
  recordKey: what,
  sequence: null,
  createdAt: 1,
  data: "{}",
  ...more,
});

describe("an id that follows from facts", () => {
  it("is as long as any other, the same for the same facts, and another when they are divided otherwise", () => {
    const id = derivedId("evt", ["a", 1, null]);
    expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(id).toHaveLength(newId("evt").length);
    expect(derivedId("evt", ["a", 1, null])).toBe(id);
    const others = [
      ["a", "1", null],
      ["a", 1],
      ["a,1", null],
      ["a", 1, "null"],
      ["b", 1, null],
    ].map((facts) => derivedId("evt", facts));
    expect(new Set([id, ...others]).size).toBe(6);
  });
});

describe.each(Object.entries(stores))("events on %s", (name, create) => {
  async function open(list = migrations): Promise<Database> {
    const db = await openDatabase(await create());
    onTestFinished(() => db.close());
    await migrate(db, undefined, list);
    return db;
  }

  it("are stored once each, in the order they came, and what is stored already is told from what is new", async () => {
    const db = await open();
    const [a, b, again, c] = [event("a"), event("b"), event("a"), event("c")];
    expect(await db.transaction((tx) => storeNewEvents(tx, [a, b]))).toEqual([a, b]);
    expect(await db.transaction((tx) => storeNewEvents(tx, [again, c, event("c")]))).toEqual([c]);
    expect(await db.transaction((tx) => storeNewEvents(tx, [event("b")]))).toEqual([]);
    expect(await events.all(db, "order by position")).toEqual([a, b, c]);
  });

  it("of a store without positions keep their ids and their order", async () => {
    const db = await open(BEFORE);
    const ids = Array.from({ length: 5 }, () => newId("evt"));
    const insert = `insert into events (id, type, stream, record_key, created_at, data) values (?, 'item.created', 1, 'a', 1, '{}')`;
    for (const id of ids.toReversed()) await db.run(insert, [id]);
    await db.run("insert into parked_events (id, target) values (?, 'flow_1')", [ids[1]!]);
    await migrate(db);
    await db.transaction((tx) => storeNewEvents(tx, [event("new")]));
    const listed = await events.page(db, {}, { limit: 10 });
    expect(listed.map(({ id }) => id)).toEqual([...ids, derivedId("evt", ["new"])]);
    expect(listed.slice(0, 5).map(({ position }) => position)).toEqual(ids.map((id) => id.replace("evt_", "pos_")));
    expect(await db.all("select position from parked_events")).toEqual([{ position: listed[1]!.position }]);
    if (name === "SQLite") return;
    // A process of the version before, which is still at work, knows of no positions.
    for (let i = 0; i < 2; i++) await db.run(insert, [newId("evt")]);
    const places = (await events.page(db, {}, { limit: 10 })).map(({ position }) => position);
    expect(places).toHaveLength(8);
    for (const place of places) expect(place).toMatch(/^pos_[0-9a-f]{32}$/);
  });

  it("are counted by record, and a count is forgotten when it is old, its record unknown and its events gone", async () => {
    const db = await open();
    const counts = (keys: string[]) => tellingsByKeys(db, 1, keys);
    await db.transaction(async (tx) => {
      const old = ["old", "known", "stored"].map((key) => ({ key, count: 2, toldAt: 999 }));
      await saveTellings(tx, 1, [...old, { key: "young", count: 1, toldAt: 1000 }]);
      await saveTellings(tx, 2, [{ key: "old", count: 7, toldAt: 1000 }]);
      await saveTellings(tx, 1, [{ key: "stored", count: 3, toldAt: 999 }]);
      await remember(tx, 1, [{ key: "known", version: "v", seen: 1, watched: null, item: null }]);
      await storeNewEvents(tx, [event("stored")]);
    });
    const keys = ["old", "known", "stored", "young", "never"];
    expect(Object.fromEntries(await counts(keys))).toEqual({ old: 2, known: 2, stored: 3, young: 1 });
    expect(await db.transaction((tx) => forgetTellings(tx, 1000, [0, ""], 10))).toBeNull();
    expect(Object.fromEntries(await counts(keys))).toEqual({ known: 2, stored: 3, young: 1 });
    expect(await tellingsByKeys(db, 2, ["old"])).toEqual(new Map([["old", 7]]));
  });

  it("have counts that are looked through in slices, each once", async () => {
    const db = await open();
    const told = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ key: `k${i}`, count: 1, toldAt: i % 2 === 0 ? 0 : 5 }));
    await db.transaction(async (tx) => {
      for (const stream of [1, 2, 17]) await saveTellings(tx, stream, told(4));
    });
    const places: TellingPlace[] = [];
    for (let place: TellingPlace | null = [0, ""]; place !== null;) {
      const after: TellingPlace = place;
      place = await db.transaction((tx) => forgetTellings(tx, 5, after, 3));
      if (place) places.push(place);
    }
    expect(places).toEqual([
      [1, "k2"],
      [2, "k1"],
      [17, "k0"],
      [17, "k3"],
    ]);
    expect(await db.all("select stream, key from tellings order by stream, key")).toEqual(
      [1, 2, 17].flatMap((stream) => ["k1", "k3"].map((key) => ({ stream, key }))),
    );
  });
});
