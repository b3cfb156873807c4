import { compose, type Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import type { NewSync, SyncView } from "../../runtime/sync/model/syncs.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import { ContactsVendor, flat, nested, type Face } from "./vendors.ts";

/** Two vendors and a runtime between them, on a clock that only moves when told. */
export interface Bench extends AsyncDisposable {
  left: ContactsVendor;
  right: ContactsVendor;
  runtime: Composed;
  clock: ManualClock;
  connections: { left: string; right: string };
  /** Makes a sync, and lets its first comparison come to its end. */
  sync(more?: Partial<NewSync>): Promise<SyncView>;
  /** Reads both sides, and does all that follows. */
  run(sync: SyncView): Promise<void>;
  /** Does all that can be done now, and what follows while `waitMs` pass. */
  settle(waitMs?: number): Promise<void>;
  get(sync: SyncView): Promise<SyncView>;
  /** Operational events so far, by type. */
  events: WebhookEvent[];
  /** How many writes both vendors have taken. */
  writes(): number;
  /** `without`: the connector of that side is not loaded. */
  restart(without?: "left" | "right"): Promise<void>;
}

export async function openBench(
  options: {
    left?: Face;
    right?: Face;
    store?: string;
    before?: (left: ContactsVendor, right: ContactsVendor) => void;
  } = {},
): Promise<Bench> {
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  const left = await new ContactsVendor(options.left ?? nested, () => clock.now()).start();
  const right = await new ContactsVendor(options.right ?? flat, () => clock.now()).start();
  options.before?.(left, right);
  const store = options.store ?? (await storeOfTest());
  const events: WebhookEvent[] = [];
  const open = async (without?: "left" | "right"): Promise<Composed> => {
    const loaded = [...(without === "left" ? [] : [left]), ...(without === "right" ? [] : [right])];
    const runtime = await compose(
      composeOptions({
        store,
        connectors: loaded.map(({ face }) => face.manifest),
        servers: { [left.face.name]: { url: left.url }, [right.face.name]: { url: right.url } },
        clock,
      }),
    );
    keepInStep(runtime.db, runtime.engine as JobEngine, clock);
    runtime.consumers.on("sync.*", (event) => void events.push(event), { name: "bench" });
    await runtime.consumers.start();
    await runtime.engine.start();
    return runtime;
  };
  let runtime = await open();
  const connect = async (vendor: ContactsVendor): Promise<string> =>
    (await runtime.accounts.create({ connector: vendor.face.name, user: "u_1" })).id;
  const connections = { left: await connect(left), right: await connect(right) };

  const settleNow = async (): Promise<void> => {
    for (let quiet = 0, turns = 0; quiet < 2; turns++) {
      if (turns > 5000) throw new Error("there is no end to the work");
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 2));
      const busy = await runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [clock.now()],
      );
      quiet = busy!.n > 0 ? 0 : quiet + 1;
    }
  };
  const settle = async (waitMs = 0): Promise<void> => {
    await settleNow();
    for (let waited = 0; waited < waitMs; waited += 2000) {
      clock.advance(2000);
      await settleNow();
    }
  };
  await settle();
  return {
    left,
    right,
    get runtime() {
      return runtime;
    },
    clock,
    connections,
    events,
    settle,
    sync: async (more = {}) => {
      const made = await runtime.syncs.create({ resource: "contact", ...connections, ...more });
      await settle(4000);
      return runtime.syncs.get(made.id);
    },
    run: async ({ id }) => {
      clock.advance(1000);
      await runtime.syncs.run(id);
      await settle();
      // What was written is read back: it must not set off anything.
      clock.advance(1000);
      await runtime.syncs.run(id);
      await settle();
    },
    get: ({ id }) => runtime.syncs.get(id),
    writes: () => left.writes.length + right.writes.length,
    restart: async (without) => {
      await runtime.engine.stop();
      await runtime.close();
      runtime = await open(without);
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
      await Promise.all([left.stop(), right.stop()]);
    },
  };
}
