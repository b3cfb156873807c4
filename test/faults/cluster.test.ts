import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { Random } from "../../runtime/sandbox/random.ts";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { Receiver } from "../fixtures/receiver.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { IS_LARGE, SEED, SIZES } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { vendorManifest } from "../poll/vendor.ts";
import { createTestStore } from "../postgres.ts";
import { CONTACTS, signIn } from "../sandbox/sandbox-client.ts";
import { receiptViolations, StoreState } from "./invariants.ts";

const CHANGES = SIZES.clusterChanges;
const PROCESSES = 3;
/** Between two changes at the vendor; a process dies every three seconds. */
const PACE_MS = 25;
const KILL_MS = 3_000;
/** Until the second retry of a delivery, at most. */
const SECOND_RETRY_MS = 6 * 60_000;

const connectors = [vendorManifest()];

/** Several processes on one PostgreSQL, with a vendor and a receiver, and the test's own hold on the same store. */
async function makeCluster() {
  const { url: store, drop } = await createTestStore("real");
  onTestFinished(drop);
  const [vendor, receiver] = await Promise.all([new BookVendor().start(), new Receiver().start()]);
  onTestFinished(async () => void (await Promise.all([vendor.stop(), receiver.stop()])));
  const options = { store, connectors, servers: { acme: { url: vendor.url } } };
  const own = await compose(composeOptions(options));
  onTestFinished(() => own.close());
  const { id: connection } = await own.accounts.create({ connector: "acme", user: "u_1" });
  return {
    vendor,
    receiver,
    own,
    store,
    async endpoint(path: string, ordered: boolean): Promise<void> {
      const { secret } = await own.endpoints.create({ url: receiver.url + path, events: ["item.*"], ordered });
      receiver.secrets.set(path, secret);
    },
    async subscribe(trigger: string): Promise<string> {
      const { id } = await own.subscriptions.create({ connection, trigger, everySeconds: 30, firstPoll: "emitAll" });
      return id;
    },
    async launch(): Promise<RuntimeProcess> {
      const child = new RuntimeProcess();
      onTestFinished(() => child.kill());
      await child.start(options);
      return child;
    },
  };
}

/** Reads of one list that the vendor sees at the same time. */
function watchOverlaps(vendor: BookVendor): { most: number } {
  const seen = { most: 0 };
  const open = new Map<string, number>();
  vendor.onRequest = ({ url }, response) => {
    const list = new URL(url!, vendor.url).pathname;
    open.set(list, (open.get(list) ?? 0) + 1);
    seen.most = Math.max(seen.most, open.get(list)!);
    response.once("close", () => open.set(list, open.get(list)! - 1));
  };
  return seen;
}

describe.runIf(IS_LARGE)(`${PROCESSES} processes on one PostgreSQL (seed ${SEED}; HOOKLINE_SEED repeats it)`, () => {
  it("lose nothing of what changes while one is killed every few seconds, keep the order of each record, and read a stream one at a time", async () => {
    const random = new Random(SEED, "cluster");
    const { vendor, receiver, own, store, endpoint, subscribe, launch } = await makeCluster();
    for (let i = 0; i < 40; i++) vendor.put(`r${i}`, "as it was");
    vendor.takesMs = 5;
    const overlaps = watchOverlaps(vendor);
    await endpoint("/", false);
    await endpoint("/ordered", true);
    const subscriptions = [await subscribe("sync_any"), await subscribe("snapshot_any")];
    const refusals = new Map<string, number>();
    receiver.decide = ({ path, id }) => {
      const before = refusals.get(path + id) ?? 0;
      const refuse = before < SIZES.clusterRefusals && random.chance(before === 0 ? 0.02 : 0.5);
      if (refuse) refusals.set(path + id, before + 1);
      return { status: refuse ? 503 : 204, afterMs: random.below(20) };
    };

    const running = await Promise.all(Array.from({ length: PROCESSES }, launch));
    let killed = performance.now();
    for (let i = 0; i < CHANGES; i++) {
      const id = random.below(3) === 0 ? `n${i}` : `r${random.below(40)}`;
      if (random.chance(0.1)) vendor.remove(id);
      else vendor.put(id, `edit ${i}`);
      if (i % 20 === 0) for (const subscription of subscriptions) await own.subscriptions.poll(subscription);
      if (performance.now() - killed > KILL_MS) {
        running.shift()!.kill();
        running.push(await launch());
        // From here on: on a loaded machine a launch alone takes longer.
        killed = performance.now();
      }
      await sleep(PACE_MS);
    }

    if (SIZES.clusterRefusals > 1) await sleep(SECOND_RETRY_MS);
    receiver.decide = () => ({ status: 204 });
    for (const subscription of subscriptions) await own.subscriptions.poll(subscription);
    const now = () => [...vendor.recordsAt(vendor.book.bound).keys()].sort();
    const read = ({ streams, known }: StoreState) =>
      streams.every(({ id }) => JSON.stringify([...known.get(id)!.keys()].sort()) === JSON.stringify(now()));
    // What is missing if it never happens is said below.
    await until(async () => {
      const state = await StoreState.read(store);
      return read(state) && state.deliveries.every(({ status }) => status === "delivered");
    }, 100).catch(() => {});
    await Promise.all(running.map((child) => child.stop()));

    const state = await StoreState.read(store);
    expect(read(state)).toBe(true);
    expect(state.violations(vendor, 2)).toEqual([]);
    expect(state.deliveries.filter(({ status }) => status !== "delivered")).toEqual([]);
    expect(receiptViolations(receiver.posts, "/ordered")).toEqual([]);
    for (const path of ["/", "/ordered"]) {
      const told = new Set(
        receiver.posts.filter((post) => post.path === path && post.status === 204).map(({ id }) => id),
      );
      expect(state.events.filter(({ id }) => !told.has(id))).toEqual([]);
    }
    expect(state.events.length).toBeGreaterThan(CHANGES / 2);
    expect(overlaps.most).toBe(1);
  });

  it("drain on SIGTERM: what is in flight ends, nothing is sent twice and no attempt is burnt", async () => {
    const { vendor, receiver, own, store, endpoint, subscribe, launch } = await makeCluster();
    for (let i = 0; i < 30; i++) vendor.put(`r${i}`, "as it was");
    await endpoint("/", false);
    receiver.decide = () => ({ status: 204, afterMs: 400 });
    const running = await Promise.all(Array.from({ length: PROCESSES }, launch));
    await subscribe("sync_any");
    await until(() => receiver.posts.length > 0);
    const [first, ...others] = running;
    first!.terminate();
    expect(await first!.ended()).toBeNull();
    await until(() => new Set(receiver.posts.map(({ id }) => id)).size === 30);
    for (const child of others) child.terminate();
    for (const child of others) expect(await child.ended()).toBeNull();
    expect(receiver.posts).toHaveLength(30);
    const { deliveries } = await StoreState.read(store);
    const attempts = await Promise.all(
      deliveries.map(async ({ id }) => (await own.deliveries.get(id)).attempts.length),
    );
    expect(attempts).toEqual(Array<number>(30).fill(1));
  });

  it("renew a token once between them", async () => {
    const clock = new ManualClock(Date.now());
    const sandbox = await createSandbox({ contacts: 3, accessTokenSeconds: 60, clock });
    const { url: store, drop } = await createTestStore();
    onTestFinished(async () => {
      await sandbox.stop();
      await drop();
    });
    const { servers, client } = sandbox;
    const open = () =>
      compose(
        composeOptions({
          store,
          connectors: ["google-contacts"],
          servers,
          clients: { "google-contacts": client },
          clock,
        }),
      );
    const runtimes = await Promise.all(Array.from({ length: PROCESSES }, open));
    onTestFinished(async () => void (await Promise.all(runtimes.map((runtime) => runtime.close()))));
    const tokens = await signIn(sandbox, { scope: CONTACTS, prompt: "consent" });
    const { id } = await runtimes[0]!.accounts.create({
      connector: "google-contacts",
      user: "u_1",
      credentials: {
        accessToken: tokens.access_token,
        refreshToken: tokens.refresh_token,
        expiresAt: new Date(clock.now() + 60_000).toISOString(),
      },
    });
    for (let round = 0; round < 3; round++) {
      clock.advance(61_000);
      sandbox.requests.reset();
      await Promise.all(
        Array.from({ length: 12 }, (_, i) => runtimes[i % PROCESSES]!.actions.run(id, "list_groups", {})),
      );
      expect(sandbox.requests.get("oauth.token")).toBe(1);
    }
  });
});
