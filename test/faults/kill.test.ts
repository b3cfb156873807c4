import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Random } from "../../runtime/sandbox/random.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { FastClock } from "../fixtures/fast-clock.ts";
import { Receiver } from "../fixtures/receiver.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import { SEED, SIZES } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { createTestStore, letTimeRun, onPostgres } from "../postgres.ts";
import { DEATHS, liveAndDie, randomDeath } from "./deaths.ts";
import { receiptViolations, StoreState } from "./invariants.ts";
import { temporaryFolder, withRuntime } from "./scenes.ts";

const DAY = 86_400_000;

interface Kind {
  name: string;
  rounds: number;
  /** Clock seconds per real second. */
  speed: number;
  store(): Promise<string>;
}

const file: Kind = {
  name: "SQLite",
  rounds: SIZES.kills.sqlite,
  // Polls come every 50 ms, and the second retry of a webhook after half a second.
  speed: 600,
  store: async () => `sqlite:${join(temporaryFolder(), "hookline.db")}`,
};
const server: Kind = {
  name: "PostgreSQL",
  rounds: SIZES.kills.postgres,
  // The lease that a process holds its jobs by is a quarter of a second.
  speed: 60,
  store: async () => {
    const { url, drop } = await createTestStore();
    onTestFinished(drop);
    return url;
  },
};

describe.each(onPostgres ? [server] : [file, server])("a process on $name killed again and again", (kind) => {
  it(`tells every change at least once, in order where asked, and never knows more than it has told (seed ${SEED}; HOOKLINE_SEED repeats it)`, async () => {
    const random = new Random(SEED, "kill");
    const store = await kind.store();
    const [vendor, receiver] = await Promise.all([new BookVendor().start(), new Receiver().start()]);
    onTestFinished(async () => void (await Promise.all([vendor.stop(), receiver.stop()])));
    const time = { epoch: Date.now(), speed: kind.speed, ahead: 0 };
    const options: WorkerOptions = {
      store,
      connectors: [vendorManifest()],
      servers: { acme: { url: vendor.url } },
      time,
    };
    for (let i = 0; i < 60; i++) vendor.put(`r${i}`, "as it was");
    if (kind === server) await letTimeRun(store, time);
    await subscribe(options, receiver);
    receiver.now = () => new FastClock(time).now();
    // A webhook that a killed process sent may be read after the day that is skipped at the end.
    receiver.toleranceSeconds = kind.speed * 60 + DAY / 1000;
    const change = changes(vendor, random);

    // Between changes at the vendor, both sides misbehave now and then.
    vendor.onRequest = (request, response) => {
      if (random.chance(0.3)) change();
      if (!random.chance(0.06)) return false;
      if (random.chance(0.5)) request.socket.resetAndDestroy();
      else response.writeHead(503).end();
      return true;
    };
    const refusals = new Map<string, number>();
    receiver.decide = ({ path, id }) => {
      const left = refusals.get(path + id) ?? (random.chance(0.15) ? 1 + random.below(2) : 0);
      refusals.set(path + id, left - 1);
      return { status: left > 0 ? 503 : 204, ...(random.chance(0.1) && { afterMs: random.below(80) }) };
    };

    let standby = new RuntimeProcess();
    onTestFinished(() => standby.kill());
    for (let round = 0; round < kind.rounds; round++) {
      const runtime = standby;
      standby = new RuntimeProcess();
      if (random.chance(0.15)) vendor.expireTokens();
      for (let i = random.below(5); i >= 0; i--) change();
      const death = randomDeath(DEATHS[round % DEATHS.length]!, random);
      await liveAndDie(runtime, death, options, { vendor, receiver });
      expect(
        (await StoreState.read(store)).violations(vendor, 2),
        `after death ${round}: ${JSON.stringify(death)}`,
      ).toEqual([]);
    }

    // The faults end, and a day later every retry is due.
    vendor.onRequest = () => false;
    receiver.decide = () => ({ status: 204 });
    time.ahead = DAY;
    if (kind === server) await letTimeRun(store, time);
    await standby.start({ ...options, time });
    // What is missing if it never happens is said below.
    await until(async () => settled(await StoreState.read(store), vendor), 50).catch(() => {});
    await standby.stop();

    const state = await StoreState.read(store);
    expect(state.violations(vendor, 2)).toEqual([]);
    const interrupted = state.interrupted();
    const undelivered = state.deliveries.filter(({ status }) => status !== "delivered");
    expect(undelivered.filter((delivery) => !interrupted.includes(delivery))).toEqual([]);
    expect(interrupted.length).toBeLessThan(Math.max(2, kind.rounds / 10));
    expect(receiptViolations(receiver.posts, "/ordered")).toEqual([]);
    const now = vendor.recordsAt(vendor.book.bound);
    for (const { id } of state.streams) {
      expect([...state.known.get(id)!.keys()].sort()).toEqual([...now.keys()].sort());
    }
    for (const path of ["/", "/ordered"]) {
      const accepted = receiver.posts.filter((post) => post.path === path && post.status === 204);
      const ids = new Set(accepted.map(({ id }) => id));
      for (const { event } of interrupted) ids.add(event);
      expect(state.events.filter(({ id }) => !ids.has(id))).toEqual([]);
    }
    expect(state.events.length).toBeGreaterThan(kind.rounds);
  });
});

/** Two streams of one connection, and two endpoints that get everything, one of them in order. */
async function subscribe(options: WorkerOptions, receiver: Receiver): Promise<void> {
  const clock = new FastClock(options.time!);
  await withRuntime({ ...options, clock }, async ({ accounts, endpoints, subscriptions }) => {
    for (const [path, ordered] of [
      ["/", false],
      ["/ordered", true],
    ] as const) {
      const { secret } = await endpoints.create({ url: receiver.url + path, events: ["item.*"], ordered });
      receiver.secrets.set(path, secret);
    }
    const { id: connection } = await accounts.create({ connector: "acme", user: "u_1" });
    await subscriptions.create({ connection, trigger: "sync_any", everySeconds: 30, firstPoll: "emitAll" });
    await subscriptions.create({ connection, trigger: "snapshot_any", everySeconds: 30 });
  });
}

/** What people do to their records: a few of them change all the time. */
function changes(vendor: BookVendor, random: Random): () => void {
  let count = 0;
  return () => {
    count++;
    const kind = random.below(10);
    const { id } = vendor.book.nearest(random.below(vendor.book.bound))!;
    if (kind < 4) vendor.put(`hot${random.below(4)}`, `edit ${count}`);
    else if (kind < 6) vendor.put(`n${count}`, "new");
    else if (kind < 8 && vendor.book.size > 30) vendor.remove(id);
    else vendor.put(id, `edit ${count}`);
  };
}

/** Whether the newest state of the vendor is known and no webhook is on its way. */
function settled(state: StoreState, vendor: BookVendor): boolean {
  const read = state.streams.every(
    ({ id, stream, cursor, checkpoint }) =>
      state.isUpToDate(id, vendor) &&
      (stream !== "sync" ||
        (checkpoint === null && cursor !== null && vendor.boundOf(JSON.parse(cursor) as string) === vendor.book.bound)),
  );
  return read && state.deliveries.every(({ status }) => status !== "pending");
}
