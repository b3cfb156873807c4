import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { composeOptions, ENCRYPTION_KEY } from "../fixtures/compose.ts";
import { contention } from "../fixtures/contention.ts";
import { listen } from "../fixtures/listen.ts";
import { Receiver } from "../fixtures/receiver.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { TcpProxy } from "../fixtures/tcp-proxy.ts";
import type { FastTime } from "../fixtures/fast-clock.ts";
import { FastClock } from "../fixtures/fast-clock.ts";
import { IS_LARGE, SIZES } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { createTestStore, letTimeRun } from "../postgres.ts";
import { startPostgres } from "../postgres-server.ts";
import { receiptViolations, StoreState } from "./invariants.ts";

const connectors = [vendorManifest()];
/** How long a process that is gone holds its jobs, at most. */
const TAKEOVER_MS = 30_000;

async function makeBoth() {
  const [vendor, receiver] = await Promise.all([new BookVendor().start(), new Receiver().start()]);
  onTestFinished(async () => void (await Promise.all([vendor.stop(), receiver.stop()])));
  return { vendor, receiver, options: { connectors, servers: { acme: { url: vendor.url } } } };
}

/** Ids of the events that the receiver has accepted. */
const accepted = ({ posts }: Receiver) => new Set(posts.filter(({ status }) => status === 204).map(({ id }) => id));

async function launch(options: Parameters<RuntimeProcess["start"]>[0]): Promise<RuntimeProcess> {
  const child = new RuntimeProcess();
  onTestFinished(() => child.kill());
  await child.start(options);
  return child;
}

async function throughProxy(store: string): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(store);
  const proxy = new TcpProxy(url.hostname, Number(url.port));
  url.port = String(await proxy.start());
  onTestFinished(() => proxy.stop());
  return { proxy, url: url.href };
}

describe.runIf(IS_LARGE)("a PostgreSQL that is stopped under load and comes back", () => {
  it("leaves the host alive and not ready meanwhile, and nothing is lost", async () => {
    const { vendor, receiver, options } = await makeBoth();
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const runtime = createRuntime({
      ...options,
      store: postgres.url,
      encryptionKeys: [ENCRYPTION_KEY],
      network: { allowPrivate: true },
      logger: pino({ level: "silent" }),
    });
    const host = await listen(createServer(express().use(runtime.router)));
    onTestFinished(async () => {
      await host.stop();
      await runtime.stop(1000);
    });
    const ready = async () => (await fetch(`${host.url}/readyz`)).status;
    const { secret } = await runtime.endpoints.create({
      url: `${receiver.url}/ordered`,
      events: ["item.*"],
      ordered: true,
    });
    receiver.secrets.set("/ordered", secret);
    receiver.decide = () => ({ status: 204, afterMs: 20 });
    await runtime.start();
    const { id: connection } = await runtime.connections.create({ connector: "acme", user: "u_1" });
    const { id } = await runtime.subscriptions.create({
      connection,
      trigger: "sync_any",
      everySeconds: 30,
      firstPoll: "emitAll",
    });
    expect(await ready()).toBe(200);

    let edits = 0;
    const load = setInterval(() => vendor.put(`r${edits % 50}`, `edit ${++edits}`), 5);
    onTestFinished(() => clearInterval(load));
    const failures = new Set<unknown>();
    const poll = () => runtime.subscriptions.poll(id).catch((error: HooklineError) => void failures.add(error.code));
    await until(async () => (await poll(), receiver.posts.length >= 100));
    await postgres.pause();
    const stopped = performance.now();
    expect(await ready()).toBe(503);
    await expect(runtime.subscriptions.poll(id)).rejects.toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining(
        "the server cannot be reached; check that it runs, and Hookline continues by itself",
      ) as string,
    });
    while (performance.now() - stopped < SIZES.outageMs) {
      await poll();
      await sleep(200);
    }
    expect(await ready()).toBe(503);
    await postgres.resume();
    await expect.poll(ready).toBe(200);
    clearInterval(load);
    expect([...failures]).toEqual(["store_unusable"]);

    const last = new Map(
      Array.from({ length: 50 }, (_, i) => [`r${i}`, vendor.recordsAt(vendor.book.bound).get(`r${i}`)!.name]),
    );
    const told = () => {
      const newest = new Map<string, string>();
      for (const { event, status } of receiver.posts) {
        const { record } = event.data as { record: { id: string; name: string } };
        if (status === 204) newest.set(record.id, record.name);
      }
      return newest;
    };
    await poll();
    await expect.poll(told).toEqual(last);
    expect(receiptViolations(receiver.posts, "/ordered")).toEqual([]);
  });
});

describe("a connection to PostgreSQL", () => {
  it.runIf(IS_LARGE)(
    "that is half open costs its process the jobs: another has done them within half a minute",
    async () => {
      const { vendor, receiver, options } = await makeBoth();
      const { url: store, drop } = await createTestStore("real");
      onTestFinished(drop);
      const { proxy, url } = await throughProxy(store);
      for (let i = 0; i < 20; i++) vendor.put(`r${i}`, "as it was");
      const own = await compose(composeOptions({ ...options, store }));
      onTestFinished(() => own.close());
      const { secret } = await own.endpoints.create({
        url: `${receiver.url}/ordered`,
        events: ["item.*"],
        ordered: true,
      });
      receiver.secrets.set("/ordered", secret);
      const { id: connection } = await own.accounts.create({ connector: "acme", user: "u_1" });
      await own.subscriptions.create({ connection, trigger: "sync_any", everySeconds: 30, firstPoll: "emitAll" });
      // Whoever has been sent something, its process cannot tell: the network goes first.
      receiver.decide = () => ({ status: 204, afterMs: 300 });
      receiver.onArrival = () => proxy.swallow();
      await launch({ ...options, store: url });
      await expect.poll(() => receiver.posts.length).toBeGreaterThan(0);
      const swallowed = performance.now();
      await launch({ ...options, store });
      const done = async () => {
        const { deliveries } = await StoreState.read(store);
        return deliveries.filter(({ status }) => status === "delivered").length;
      };
      await expect.poll(done, { interval: 200 }).toBe(20);
      expect(performance.now() - swallowed).toBeLessThan(TAKEOVER_MS * contention());
      const state = await StoreState.read(store);
      expect(state.events).toHaveLength(20);
      expect(state.violations(vendor, 1)).toEqual([]);
      expect(accepted(receiver).size).toBe(20);
    },
  );

  it("that is cut with all the others, as when a server fails over, is replaced from an empty pool", async () => {
    const { vendor, receiver, options } = await makeBoth();
    const { url: store, drop } = await createTestStore("real");
    onTestFinished(drop);
    const { proxy, url } = await throughProxy(store);
    const runtime = await compose(composeOptions({ ...options, store: url }));
    onTestFinished(async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
    });
    const { secret } = await runtime.endpoints.create({ url: `${receiver.url}/`, events: ["item.*"] });
    receiver.secrets.set("/", secret);
    const { id: connection } = await runtime.accounts.create({ connector: "acme", user: "u_1" });
    await runtime.engine.start();
    const { id } = await runtime.subscriptions.create({ connection, trigger: "sync_any", everySeconds: 30 });
    await expect.poll(async () => (await runtime.subscriptions.health(id)).lastPollAt).not.toBeNull();
    vendor.put("a", "before");
    proxy.cut({ refuses: true });
    await expect(runtime.subscriptions.poll(id)).rejects.toMatchObject({ code: "store_unusable", retry: {} });
    proxy.cut({ refuses: false });
    const polls = () =>
      runtime.subscriptions.poll(id).then(
        () => true,
        () => false,
      );
    await expect.poll(polls).toBe(true);
    await expect.poll(() => accepted(receiver).size).toBe(1);
  });
});

describe("a process that stands still in the middle of a poll until another has taken it over", () => {
  it("writes nothing of what it read when it goes on", async () => {
    const { vendor, receiver, options } = await makeBoth();
    const { url: store, drop } = await createTestStore();
    onTestFinished(drop);
    // The lease lasts a quarter of a second.
    const time: FastTime = { epoch: Date.now(), speed: 60, ahead: 0 };
    await letTimeRun(store, time);
    receiver.now = () => new FastClock(time).now();
    const own = await compose(composeOptions({ ...options, store, clock: new FastClock(time) }));
    onTestFinished(() => own.close());
    const { secret } = await own.endpoints.create({ url: `${receiver.url}/`, events: ["item.*"] });
    receiver.secrets.set("/", secret);
    const { id: connection } = await own.accounts.create({ connector: "acme", user: "u_1" });
    for (let i = 0; i < 40; i++) vendor.put(`r${i}`, "as it was");
    let pages = 0;
    const first = await launch({ ...options, store, time });
    vendor.onRequest = () => void (++pages === 3 && first.freeze());
    await own.subscriptions.create({ connection, trigger: "sync_any", everySeconds: 30, firstPoll: "emitAll" });
    await expect.poll(() => pages, { interval: 5 }).toBe(3);
    await launch({ ...options, store, time });
    // It may have stood still in a transaction whose locks others wait for.
    await expect.poll(() => accepted(receiver).size).toBe(40);
    for (let i = 0; i < 40; i += 2) vendor.remove(`r${i}`);
    await expect.poll(() => accepted(receiver).size).toBe(60);
    first.thaw();
    vendor.put("last", "after all");
    await expect.poll(() => accepted(receiver).size).toBe(61);
    // What it went on with lies behind it once it has stopped.
    await first.stop();
    const state = await StoreState.read(store);
    expect(state.events).toHaveLength(61);
    expect(state.violations(vendor, 1).filter((text) => !text.startsWith("delivery "))).toEqual([]);
  });
});
