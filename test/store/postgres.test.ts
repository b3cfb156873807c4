import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect } from "node:net";
import { Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import type { Database } from "../../runtime/store/database.ts";
import { knownByKeys, remember } from "../../runtime/model/known.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { describeStore } from "../contract/store.ts";
import { createTestDatabase, type TestDatabase } from "../postgres.ts";

const log = createLog({ level: "silent" });

let database: TestDatabase;
beforeAll(async () => void (database = await createTestDatabase()));
afterAll(() => database.drop());

const open = (url = database.url): Promise<Database> => openDatabase(url, { log });

describeStore("PostgreSQL", async () => {
  const db = await open();
  await db.run("drop table if exists things");
  return db;
});

describe("a PostgreSQL store", () => {
  let db: Database;
  beforeEach(async () => {
    db = await open();
    await db.run("drop table if exists things");
    await db.run("create table things (name text primary key, size bigint, bytes bytea)");
  });
  afterEach(() => db.close());

  it("gives bytes, counts and sums back as SQLite does", async () => {
    await db.run("insert into things values ('a', 2, ?)", [new Uint8Array([0, 255, 7])]);
    expect(await db.all("select bytes, count(*) as n, sum(size) as total from things group by bytes")).toEqual([
      { bytes: new Uint8Array([0, 255, 7]), n: 1, total: 2 },
    ]);
  });

  it("finds one of many numbers given as one parameter, and leaves a question mark in quotes alone", async () => {
    await db.many("insert into things (name, size) values (?, ?)", [
      ["a?", 1],
      ["b", 2],
    ]);
    const found = await db.all(`select name from things where name = 'a?' and ${db.oneOf("size")}`, ["[1,2]"]);
    expect(found).toEqual([{ name: "a?" }]);
  });

  it("inserts a thousand rows in one statement, and rows of one key in the order given", async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]);
    const insert = `insert into things (name, size) values (?, ?)
      on conflict (name) do update set size = excluded.size`;
    const statements = await db.transaction(async (tx) => {
      await tx.many(insert, [...rows, ["n7", -7], ["n7", 77]]);
      return tx.get("select count(distinct cmin::text) as n from things");
    });
    // One for the thousand, and one for each row that met an earlier one.
    expect(statements).toEqual({ n: 2 });
    expect(await db.get("select size from things where name = 'n7'")).toEqual({ size: 77 });
  });

  it("refuses to be used inside its own transaction instead of reading past it", async () => {
    const nested = db.transaction(async () => void (await db.run("select 1")));
    await expect(nested).rejects.toThrow(
      new TypeError("The database was used inside its own transaction; use the transaction instead."),
    );
  });

  it("commits nothing when a failed statement was passed over", async () => {
    await db.run("insert into things (name) values ('a')");
    const swallowing = db.transaction(async (tx) => {
      await tx.run("insert into things (name) values ('b')");
      await tx.run("insert into things (name) values ('a')").catch(() => {});
    });
    await expect(swallowing).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("exists already"),
    });
    expect(await db.get("select count(*) as n from things")).toEqual({ n: 1 });
  });

  it("lets only one of two transactions decide on what both have read", async () => {
    const seats = (tx: Pick<Database, "get">) => tx.get<{ n: number }>("select count(*) as n from things");
    const book = (name: string) =>
      db.transaction(async (tx) => {
        const { n } = (await seats(tx))!;
        if (n === 0) await tx.run("insert into things (name) values (?)", [name]);
      });
    await Promise.all(Array.from({ length: 8 }, (_, i) => book(`guest ${i}`)));
    expect(await seats(db)).toEqual({ n: 1 });
  });

  it("does a transaction again whose work hid a collision behind an error of its own", async () => {
    await db.run("insert into things (name, size) values ('a', 0)");
    const other = await open();
    let tries = 0;
    await db.transaction(async (tx) => {
      const { size } = (await tx.get<{ size: number }>("select size from things"))!;
      if (++tries === 1) await other.run("update things set size = 10");
      await tx.run("update things set size = ?", [size + 1]).catch(() => {
        throw new Error("nothing of the cause is left");
      });
    });
    await other.close();
    expect([tries, await db.get("select size from things")]).toEqual([2, { size: 11 }]);
  });

  it("says what first went wrong to whoever goes on after it", async () => {
    const going = db.transaction(async (tx) => {
      for (let i = 0; i < 2; i++) await tx.run("insert into things (name) values ('a')").catch(() => {});
      await tx.get("select 1");
    });
    await expect(going).rejects.toMatchObject({ code: "conflict" });
  });

  it("refuses in words a character that it cannot store", async () => {
    await expect(db.run("insert into things (name) values (?)", ["a\0b"])).rejects.toMatchObject({
      code: "invalid_input",
      message: "A text has a character that PostgreSQL cannot store, such as U+0000; remove it",
    });
  });

  it("survives the loss of every connection, in use or not", async () => {
    const lost = db.transaction(async (tx) => {
      await tx.run("insert into things (name) values ('lost')");
      const other = await open();
      await other.all(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
      );
      await other.close();
      await tx.run("insert into things (name) values ('too late')");
    });
    await expect(lost).rejects.toMatchObject({
      code: "store_unusable",
      retry: {},
      message: expect.stringContaining(
        "the server cannot be reached; check that it runs, and Hookline continues by itself",
      ),
    });
    expect(await db.get("select count(*) as n from things")).toEqual({ n: 0 });
  });

  it("makes those wait who find all connections taken", async () => {
    const narrow = await open(`${database.url}?poolSize=1`);
    const first = narrow.transaction(async (tx) => {
      await tx.run("insert into things (name) values ('first')");
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    expect(await narrow.get("select name from things")).toEqual({ name: "first" });
    await first;
    await narrow.close();
  });
});

describe("a PostgreSQL server that cannot be used", () => {
  const at = (change: (url: URL) => void): string => {
    const url = new URL(database.url);
    change(url);
    return url.href;
  };

  it("is told from one that is not there, without its password", async () => {
    const cases: [string, string, object][] = [
      [at((url) => (url.port = "1")), "the server cannot be reached; check that it runs", { retry: {} }],
      [at((url) => (url.pathname = "/nothing")), "there is no such database; create it", { retry: false }],
      [at((url) => (url.password = "s3cret")), "the password is wrong; correct it", { retry: false }],
    ];
    for (const [url, message, facts] of cases) {
      const opening = open(url);
      await expect(opening).rejects.toMatchObject({
        code: "store_unusable",
        message: expect.stringContaining(message),
        ...facts,
      });
      await expect(opening).rejects.not.toThrow("s3cret");
    }
  });

  it("is refused when a pooler does not keep the settings of a session", async () => {
    const server = new URL(database.url);
    const proxy = createServer((client) => forgetSettings(client, server)).listen(0, "127.0.0.1");
    await new Promise((resolve) => proxy.once("listening", resolve));
    onTestFinished(() => void proxy.close());
    await expect(open(at((url) => (url.port = String((proxy.address() as AddressInfo).port))))).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining("connect to the server itself, or set the pooler to session mode"),
    });
  });

  it("is refused by a URL that makes no sense", async () => {
    for (const url of ["postgres://:::", "postgres:", "postgres:host/db"]) {
      await expect(open(url)).rejects.toMatchObject({
        code: "invalid_config",
        message: "The store is not a URL; write postgres://user:password@host:5432/database",
        faults: [{ pointer: "/store" }],
      });
    }
    await expect(open("postgres://host/db?poolSize=0")).rejects.toMatchObject({
      code: "invalid_config",
      message: 'The store has a poolSize of "0"; give a whole number from 1 to 1000',
    });
  });
});

/** A pooler that passes on who wants in where, and nothing else of the first message. */
function forgetSettings(client: Socket, server: URL): void {
  const upstream = connect(Number(server.port), server.hostname);
  client.once("data", (hello: Buffer) => {
    const kept = Buffer.from(`user\0${server.username}\0database\0${server.pathname.slice(1)}\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + kept.length, 0);
    hello.copy(head, 4, 4, 8);
    upstream.write(Buffer.concat([head, kept]));
    client.pipe(upstream).pipe(client);
  });
  for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
}

describe("migrating a PostgreSQL store", () => {
  let fresh: TestDatabase;
  beforeEach(async () => void (fresh = await createTestDatabase()));
  afterEach(() => fresh.drop());

  it("makes every table once, whoever else does so at the same time", async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => open(fresh.url)));
    const ran = await Promise.all(all.map((db) => migrate(db)));
    expect(ran.reduce((sum, n) => sum + n)).toBe(migrations.length);
    const tables = await all[0]!.all<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["connections", "known_15", "job_keyed", "meta"]),
    );
    expect(await migrate(all[0]!)).toBe(0);
    await Promise.all(all.map((db) => db.close()));
  });

  it("leaves the old version whole when a migration fails half-way, and refuses what a newer one has written", async () => {
    const db = await open(fresh.url);
    await migrate(db);
    const failing = () => ["create table later (a text)", "drop table meta", "create table nonsense"];
    await expect(migrate(db, undefined, [...migrations, failing])).rejects.toThrow("syntax error");
    expect(await migrate(db)).toBe(0);
    expect(await db.all("select * from meta")).toEqual([]);
    await migrate(db, undefined, [...migrations, () => ["create table later (a text)"]]);
    await expect(migrate(db)).rejects.toMatchObject({
      code: "store_unusable",
      data: { found: migrations.length + 1, known: migrations.length },
      message: expect.stringContaining("run a newer Hookline, or restore an older store"),
    });
    await db.close();
  });

  it("gives a migration the time it needs, however soon other statements are given up", async () => {
    const db = await open(fresh.url);
    await migrate(db);
    await db.close();
    const url = new URL(fresh.url);
    url.searchParams.set("query_timeout", "2000");
    const hasty = await open(url.href);
    await expect(hasty.get("select pg_sleep(3)")).rejects.toMatchObject({ code: "store_unusable" });
    expect(await migrate(hasty, undefined, [...migrations, () => ["select pg_sleep(3)"]])).toBe(1);
    await hasty.close();
  });

  it("divides what is known of records by their stream, and asks one part for one stream", async () => {
    const db = await open(fresh.url);
    await migrate(db);
    await db.transaction(async (tx) => {
      for (let stream = 1; stream <= 40; stream++) {
        await remember(tx, stream, [{ key: "k", version: `v${stream}`, seen: 1, watched: { a: 1 }, item: null }]);
      }
    });
    expect((await knownByKeys(db, 7, ["k", "nobody"])).get("k")).toMatchObject({ version: "v7", watched: { a: 1 } });
    const parts = await db.get<{ n: number }>("select count(distinct tableoid) as n from known");
    expect(parts!.n).toBeGreaterThan(8);
    const plan = await db.all<{ "QUERY PLAN": string }>("explain select * from known where stream = 7 and key = 'k'");
    expect(plan.map((row) => row["QUERY PLAN"]).filter((line) => line.includes(" on known_"))).toHaveLength(1);
    await db.close();
  });
});

describe("what PostgreSQL logs", () => {
  it("is said once a connection is lost that nobody uses", async () => {
    const lines: string[] = [];
    const destination = new Writable({
      write: (line: Buffer, _encoding, next) => (lines.push(line.toString()), next()),
    });
    const db = await openDatabase(database.url, { log: createLog({ destination }) });
    await db.get("select 1 as one");
    const other = await open();
    await other.all(
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
    );
    await expect
      .poll(() => lines.join())
      .toContain("an idle connection to PostgreSQL was lost; another takes its place");
    expect(await db.get("select 1 as one")).toEqual({ one: 1 });
    await Promise.all([db.close(), other.close()]);
  });
});
