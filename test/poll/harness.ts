import { composeOptions } from "../fixtures/compose.ts";
import { compose, type Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { streamsByIds, type StreamRecord } from "../../runtime/model/streams.ts";
import { subscriptions, type NewSubscription } from "../../runtime/model/subscriptions.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import { Vendor, vendorManifest } from "./vendor.ts";

/** A composed runtime beside {@link Vendor}, on a clock that only moves when told. */
export interface Bench extends AsyncDisposable {
  vendor: Vendor;
  runtime: Composed;
  clock: ManualClock;
  connection: string;
  /** Events since the last look, as `type key`. */
  seen(): Promise<string[]>;
  /** The same, whole. */
  events(): Promise<WebhookEvent[]>;
  subscribe(trigger: string, more?: Partial<NewSubscription>): Promise<string>;
  /** What is stored of the stream that a subscription reads. */
  streamOf(subscription: string): Promise<StreamRecord>;
  /** Lets a subscription's next poll come, and everything it leads to. */
  poll(subscription: string): Promise<void>;
  settle(): Promise<void>;
  /** The same store with another manifest; `stopped` is called while nobody uses it. */
  restart(manifest?: object, stopped?: () => void): Promise<void>;
}

export async function createBench(
  options: { manifest?: object; store?: string; random?: number; before?: (vendor: Vendor) => void } = {},
): Promise<Bench> {
  const vendor = await new Vendor().start();
  options.before?.(vendor);
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  const store = options.store ?? (await storeOfTest());
  let received: WebhookEvent[] = [];
  const open = async (manifest: object): Promise<Composed> => {
    const runtime = await compose(
      composeOptions({
        store,
        connectors: [manifest],
        clients: {},
        servers: { acme: { url: vendor.url } },
        network: { allowPrivate: false, allow: [] },
        concurrency: { polls: 8, deliveries: 8, perEndpoint: 8 },
        clock,
        random: () => options.random ?? 0.5,
      }),
    );
    keepInStep(runtime.db, runtime.engine as JobEngine, clock);
    runtime.consumers.on("*", (event) => void received.push(event), { name: "bench" });
    await runtime.consumers.start();
    await runtime.engine.start();
    return runtime;
  };
  let runtime = await open(options.manifest ?? vendorManifest());
  const { id: connection } = await runtime.accounts.create({ connector: "acme", user: "u_1" });
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      const before = received.length;
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 15));
      const busy = await runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [clock.now()],
      );
      quiet = busy!.n === 0 && received.length === before ? quiet + 1 : 0;
    }
  };
  const events = async (): Promise<WebhookEvent[]> => {
    await settle();
    const taken = received;
    received = [];
    return taken;
  };
  await events(); // That the connection is active.
  const bench: Bench = {
    vendor,
    get runtime() {
      return runtime;
    },
    clock,
    connection,
    settle,
    events,
    seen: async () =>
      (await events()).map(({ type, data }) => {
        const { resource } = data as { resource?: { id: string } };
        return resource ? `${type} ${resource.id}` : type;
      }),
    subscribe: async (trigger, more = {}) => {
      const { id } = await runtime.subscriptions.create({ connection, trigger, everySeconds: 60, ...more });
      await settle();
      return id;
    },
    streamOf: async (subscription) => {
      const { stream } = (await subscriptions.find(runtime.db, subscription))!;
      return (await streamsByIds(runtime.db, [stream]))[0]!;
    },
    poll: async (subscription) => {
      clock.advance(1000);
      await runtime.subscriptions.poll(subscription);
      await settle();
    },
    restart: async (manifest = options.manifest ?? vendorManifest(), stopped = () => {}) => {
      await runtime.engine.stop();
      await runtime.close();
      stopped();
      runtime = await open(manifest);
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
      await vendor.stop();
    },
  };
  return bench;
}
