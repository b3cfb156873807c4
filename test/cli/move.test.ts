import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { actModule } from "../../runtime/act/module.ts";
import { compose } from "../../runtime/compose.ts";
import { ManualClock, systemClock } from "../../runtime/core/clock.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { moveStore } from "../../runtime/cli/move.ts";
import { flowsModule } from "../../runtime/flows/module.ts";
import { syncModule } from "../../runtime/sync/module.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { Receiver } from "../fixtures/receiver.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { createTestDatabase } from "../postgres.ts";
import { CommandLine, run, temporaryFolder } from "./command-line.ts";

const log = createLog({ level: "silent" });

async function emptyDatabase(): Promise<string> {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  return url;
}

async function tablesOf(url: string): Promise<string[]> {
  const db = await openDatabase(url, { log });
  const rows = await db.all<{ name: string }>("select tablename as name from pg_tables");
  await db.close();
  return rows.map(({ name }) => name);
}

async function sqliteFile(): Promise<string> {
  return join(await temporaryFolder(), "hookline.db");
}

/** A file with the tables of this version. */
async function freshFile(): Promise<string> {
  const file = await sqliteFile();
  const db = await openDatabase(`sqlite:${file}`, { log });
  await migrate(db);
  await db.close();
  return file;
}

describe("hookline migrate", () => {
  it("makes the tables and says from which version to which, and the next time that there was nothing to do", async () => {
    const all = migrations.length;
    const modules = [actModule, syncModule, flowsModule].map(({ name, tables }) => [name, tables.length] as const);
    const made = [`schema 0 → ${all}`, ...modules.map(([name, to]) => `module ${name}: schema 0 → ${to}`), ""].join(
      "\n",
    );
    const same = Object.fromEntries(modules.map(([name, to]) => [name, { from: to, to }]));
    for (const store of [`sqlite:${await sqliteFile()}`, await emptyDatabase()]) {
      expect(await run("migrate", "--store", store)).toEqual({ code: 0, stdout: made, stderr: "" });
      const again = await run("migrate", "--store", store, "--json");
      expect([again.code, JSON.parse(again.stdout)]).toEqual([0, { from: all, to: all, modules: same }]);
    }
    const env = { DATABASE_URL: await emptyDatabase(), HOOKLINE_API_KEY: "k", HOOKLINE_ENCRYPTION_KEY: "7".repeat(64) };
    const configured = await new CommandLine(["migrate"], { env, cwd: await temporaryFolder() }).finished;
    expect(configured).toMatchObject({ code: 0, stdout: made });
    // A user that may not make tables starts the service afterwards: none is missing.
    const names = await tablesOf(env.DATABASE_URL);
    expect(names).toEqual(expect.arrayContaining(["flows", "runs", "syncs", "batches", "idempotency"]));
  });

  it("may be run by several processes at once: each version is made once", async () => {
    const store = await emptyDatabase();
    const ends = await Promise.all([1, 2].map(() => run("migrate", "--store", store, "--json")));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    for (const { stdout } of ends) expect(JSON.parse(stdout)).toMatchObject({ to: migrations.length });
  });

  it("ends with 2 and a remedy for a store that cannot be opened", async () => {
    const { code, stderr } = await run("migrate", "--store", "mysql://host/db");
    expect(code).toBe(2);
    expect(stderr).toContain("The store is not a known location;");
  });
});

describe("hookline move", () => {
  it("carries a service over, which goes on where it was: nothing told twice, nothing lost", async () => {
    const [vendor, receiver] = await Promise.all([new BookVendor().start(), new Receiver().start()]);
    onTestFinished(async () => void (await Promise.all([vendor.stop(), receiver.stop()])));
    const file = await sqliteFile();
    const options = { connectors: [vendorManifest()], servers: { acme: { url: vendor.url } } };
    for (let i = 0; i < 20; i++) vendor.put(`r${i}`, "as it was");
    const before = await compose(composeOptions({ store: `sqlite:${file}`, ...options }));
    const { secret } = await before.endpoints.create({ url: receiver.url, events: ["item.*"], ordered: true });
    receiver.secrets.set("/", secret);
    receiver.secrets.set("", secret);
    const { id: connection } = await before.accounts.create({ connector: "acme", user: "u_1" });
    const { id } = await before.subscriptions.create({
      connection,
      trigger: "sync_any",
      everySeconds: 30,
      firstPoll: "emitAll",
    });
    const flow = await before.flows.create({
      name: "Waits",
      triggers: [{ call: {} }],
      steps: [{ id: "rest", delay: "PT1H" }],
    });
    const started = (await before.flows.call(flow.id))!;
    // Half of what there is to tell has still to be told.
    receiver.decide = () => ({ status: receiver.posts.length <= 10 ? 204 : 503 });
    await before.engine.start();
    await expect.poll(() => receiver.posts.length).toBeGreaterThanOrEqual(20);
    await before.engine.stop();
    await before.close();

    const source = readFileSync(file);
    const to = await emptyDatabase();
    expect((await run("migrate", "--store", to)).code).toBe(0);
    const { code, stdout, stderr } = await run("move", "--from", `sqlite:${file}`, "--to", to);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^events +21 {2}[0-9a-f]{16}$/m);
    expect(stdout).toMatch(/^flows +1 {2}[0-9a-f]{16}$/m);
    expect(stdout).toMatch(/^jobs +[1-9]\d* {2}[0-9a-f]{16}$/m);
    expect(readFileSync(file).equals(source)).toBe(true);

    receiver.decide = () => ({ status: 204 });
    vendor.put("new", "after the move");
    const after = await compose(composeOptions({ store: to, ...options }));
    onTestFinished(async () => {
      await after.engine.stop(1000);
      await after.close();
    });
    await after.engine.start();
    await after.subscriptions.poll(id);
    const told = () => new Set(receiver.posts.filter(({ status }) => status === 204).map(({ id }) => id)).size;
    await expect.poll(told).toBe(21);
    expect(receiver.events(receiver.posts[0]!.path)).toHaveLength(21);
    const second = await after.subscriptions.create({ connection, trigger: "snapshot_any", everySeconds: 30 });
    expect(second.id).not.toBe(id);
    expect(await after.flows.get(flow.id)).toMatchObject({ name: "Waits", status: "active" });
    expect(await after.runs.get(started.id)).toMatchObject({ flow: flow.id, status: "waiting" });
  });

  it("keeps the order of a key, the time of each job, and how often it was tried", async () => {
    const clock = new ManualClock(Date.now());
    const file = await freshFile();
    const db = await openDatabase(`sqlite:${file}`, { log });
    const embedded = await openEngine({ db, clock, log });
    const inAnHour = clock.now() + 3_600_000;
    const names = Array.from({ length: 600 }, (_, i) => String(i));
    await db.transaction((tx) =>
      embedded.enqueue(tx, [
        ...names.map((name) => ({ queue: "flow" as const, key: "one", data: { name } })),
        { queue: "sync", data: { name: "later" }, runAt: inAnHour, unique: "later" },
        { queue: "sync", data: { name: "tried" }, attempt: 3 },
      ]),
    );
    await db.close();
    const to = await emptyDatabase();
    const progress: [number, number][] = [];
    const moved = await moveStore({
      from: `sqlite:${file}`,
      to,
      onProgress: (done, total) => void progress.push([done, total]),
    });
    expect(moved.jobs!.rows).toBe(602);
    expect(progress.at(-1)).toEqual([1204, 1204]);

    const target = await openDatabase(to, { log });
    const engine = await openEngine({ db: target, clock: systemClock, log });
    onTestFinished(async () => {
      await engine.stop(1000);
      await target.close();
    });
    const ran: string[] = [];
    const tried: unknown[] = [];
    engine.work(
      "flow",
      { concurrency: 64, perGroup: 64, deadlineMs: 60_000 },
      async ({ data }) => (ran.push(String(data.name)), { done: true }),
    );
    engine.work("sync", { concurrency: 4, perGroup: 4, deadlineMs: 60_000 }, async ({ data, attempt }) => {
      tried.push([data.name, attempt]);
      return { done: true };
    });
    await target.transaction((tx) =>
      engine.enqueue(tx, [{ queue: "sync", data: {}, runAt: inAnHour, unique: "later" }]),
    );
    await engine.start();
    await expect.poll(() => ran.length).toBeGreaterThan(20);
    expect(ran).toEqual(names.slice(0, ran.length));
    expect(tried).toEqual([["tried", 3]]);
  });

  it("refuses a target that has something in it, and leaves it so", async () => {
    const to = await emptyDatabase();
    const target = await openDatabase(to, { log });
    onTestFinished(() => target.close());
    await migrate(target);
    await target.run("insert into meta values ('a', 'b')");
    const { code, stderr } = await run("move", "--from", `sqlite:${await freshFile()}`, "--to", to);
    expect(code).toBe(2);
    expect(stderr).toContain(
      "the target is not empty, its table meta has 1 rows; give it a database of its own [conflict]",
    );
    expect(await target.all("select * from meta")).toEqual([{ name: "a", value: "b" }]);
  });

  it("refuses a source that is in use, is not there, or is another version's", async () => {
    const to = await emptyDatabase();
    const file = await freshFile();
    const holder = await openDatabase(`sqlite:${file}`, { log });
    await expect(moveStore({ from: `sqlite:${file}`, to })).rejects.toMatchObject({ code: "store_locked" });
    await holder.run("pragma user_version = 1");
    await holder.close();
    await expect(moveStore({ from: `sqlite:${file}`, to })).rejects.toMatchObject({
      code: "store_unusable",
      message: `move: the source has schema version 1, this Hookline has ${migrations.length}; run hookline migrate --store sqlite:${file} first`,
    });
    const absent = await run("move", "--from", "sqlite:./nowhere.db", "--to", to);
    expect(absent).toMatchObject({ code: 2 });
    expect(absent.stderr).toContain("./nowhere.db does not exist; name the file of the service [invalid_config]");
    const wrong = await run("move", "--from", `sqlite:${file}`, "--to", "sqlite:other.db");
    expect(wrong.stderr).toContain("move: --to names no PostgreSQL database; write postgres://user@host/name");
  });
});
