import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Database } from "../runtime/store/database.ts";
import { openDatabase } from "../runtime/store/open.ts";
import type { ModuleName } from "../runtime/modules.ts";
import { createRuntime, type Runtime } from "../runtime/runtime.ts";
import { syncModule } from "../runtime/sync/module.ts";
import { receiver } from "./deliver/harness.ts";
import { ENCRYPTION_KEY } from "./fixtures/compose.ts";
import { soon } from "./fixtures/wait.ts";
import { makeApi } from "./http/compose.ts";
import type { OpenApi } from "./http/contract.ts";

interface Loaded {
  loaded: string[];
}

async function filesLoadedWith(...modules: ModuleName[]): Promise<string[]> {
  const worker = join(import.meta.dirname, "fixtures/loaded-worker.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [worker, ...modules]);
  return (JSON.parse(stdout) as Loaded).loaded;
}

async function tablesOf(db: Database): Promise<string[]> {
  const rows = await db.all<{ name: string }>("select name from sqlite_schema where type = 'table'");
  return rows.map(({ name }) => name);
}

async function storeFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hookline-modules-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return `sqlite:${join(folder, "hookline.db")}`;
}

const OWN_TABLES = ["batches", "idempotency", "flows", "runs", "flow_templates", "syncs", "sync_links"];

describe("a runtime without modules", () => {
  it("connects, polls and delivers", async () => {
    const consumer = await receiver();
    const { runtime, connect } = await makeApi({ modules: [] });
    const connection = await connect("u_1");
    await runtime.endpoints.create({ url: consumer.url, events: ["note.*"] });
    await runtime.subscriptions.create({ connection, trigger: "note_created", firstPoll: "emitAll" });
    await soon(() => expect(consumer.requests).toHaveLength(4));
  });

  it("has none of their routes and schemas, and says which module a call needs", async () => {
    const { must, ask, runtime } = await makeApi({ modules: [] });
    const { paths, components } = (await must("GET", "/openapi.json")) as OpenApi;
    expect(Object.keys(paths).filter((path) => /flow|run|sync|batch|actions|functions|mcp|hooks/.test(path))).toEqual(
      [],
    );
    expect(Object.keys(components.schemas).filter((name) => /Flow|Run|Sync|Batch/.test(name))).toEqual([]);
    expect((await ask("GET", "/v1/flows")).status).toBe(404);
    await expect(runtime.flows.list()).rejects.toMatchObject({
      code: "invalid_config",
      message: 'The module "flows" is left out of this runtime; add it to `modules`',
    });
  });

  it("makes none of their tables, and finds what they stored when they are back", async () => {
    const store = await storeFile();
    const options = { store, connectors: [], encryptionKeys: [ENCRYPTION_KEY] };
    const open = (modules?: ModuleName[]) => createRuntime({ ...options, ...(modules && { modules }) });
    const tables = async () => {
      const db = await openDatabase(store);
      const found = await tablesOf(db);
      await db.close();
      return found.filter((name) => OWN_TABLES.includes(name)).sort();
    };
    const without = open([]);
    await without.start();
    await without.stop();
    expect(await tables()).toEqual([]);
    const all = open();
    await all.start();
    const steps = [{ id: "rest", delay: "PT1S" }];
    const { id } = await all.flows.create({ name: "Mine", triggers: [{ call: {} }], steps });
    await all.stop();
    expect(await tables()).toEqual(OWN_TABLES.toSorted());
    const again = open([]);
    await again.start();
    await again.stop();
    const back = open();
    await back.start();
    expect((await back.flows.get(id)).name).toBe("Mine");
    await back.stop();
  });

  it("keep the events of its flows for the time when the module is back", async () => {
    const store = await storeFile();
    const all = await makeApi({ store });
    const connection = await all.connect("u_1");
    const flow = await all.runtime.flows.create({
      name: "Mine",
      triggers: [{ trigger: "note_created", connection }],
      steps: [{ id: "rest", delay: "PT1S" }],
    });
    const runs = async (runtime: Runtime) => (await runtime.runs.listOf(flow.id)).data.map(({ cause }) => cause);
    const [subscription] = (await all.runtime.subscriptions.list()).data;
    const isRead = async (runtime: Runtime) => (await runtime.subscriptions.health(subscription!.id)).lastPollAt;
    await soon(async () => expect(await isRead(all.runtime)).not.toBeNull());
    await all.runtime.stop();
    const servers = { notes: { url: all.vendor.url } };
    const core = await makeApi({ store, servers, modules: [] });
    const told = async () => (await core.runtime.events.list({ type: "note.created" })).data;
    expect(await told()).toEqual([]);
    all.vendor.further.push({ id: "n_9", title: "while flows were left out" });
    await core.runtime.subscriptions.poll(subscription!.id);
    await soon(async () => expect(await told()).toHaveLength(1));
    await core.runtime.stop();
    const { runtime } = await makeApi({ store, servers });
    await soon(async () => expect(await runs(runtime)).toEqual(["event"]));
    await runtime.stop();
    const again = await makeApi({ store, servers });
    expect(await runs(again.runtime)).toEqual(["event"]);
  });

  it("imports none of their files", async () => {
    const [none, all] = await Promise.all([filesLoadedWith(), filesLoadedWith("act", "sync", "flows")]);
    const ofModules = (files: readonly string[]) => files.filter((file) => /^(act|sync|flows)\//.test(file));
    expect(ofModules(none)).toEqual([]);
    expect(ofModules(all).length).toBeGreaterThan(60);
    expect(none.length).toBeLessThan(all.length - 60);
  });

  it("leave the store to the next when one throws while it opens", async () => {
    const options = { store: await storeFile(), connectors: [], encryptionKeys: [ENCRYPTION_KEY] };
    const opening = vi.spyOn(syncModule, "open").mockImplementationOnce(() => {
      throw new Error("it does not open");
    });
    onTestFinished(() => opening.mockRestore());
    await using failing = createRuntime(options);
    await expect(failing.start()).rejects.toThrow("it does not open");
    await using next = createRuntime(options);
    await next.start();
  });
});
