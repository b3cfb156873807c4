import { onTestFinished } from "vitest";
import { compose, type Composed, type ComposeOptions } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import type { Scope } from "../../runtime/model/principal.ts";
import type { NewFlow } from "../../runtime/flows/model/flows.ts";
import type { RunDetails } from "../../runtime/flows/model/runs.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import { DeskVendor, deskManifest } from "./vendor.ts";

/** A composed runtime beside {@link DeskVendor}, on a clock that only moves when told. */
export async function makeBench(options: Partial<ComposeOptions> & { manifest?: object } = {}) {
  const { manifest = deskManifest, ...more } = options;
  const vendor = await new DeskVendor().start();
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  const store = more.store ?? (await storeOfTest());
  const open = async (): Promise<Composed> => {
    const opened = await compose(
      composeOptions({
        store,
        connectors: [manifest],
        servers: { desk: { url: vendor.url } },
        clock,
        random: () => 0.5,
        ...more,
      }),
    );
    keepInStep(opened.db, opened.engine as JobEngine, clock);
    opened.consumers.on("*", (event) => void events.push(event), { name: "bench" });
    await opened.consumers.start();
    await opened.engine.start();
    return opened;
  };
  const events: WebhookEvent[] = [];
  let runtime = await open();
  onTestFinished(async () => {
    await runtime.engine.stop(0);
    await runtime.close();
    await vendor.stop();
  });
  const connect = async (user: string): Promise<string> =>
    (await runtime.accounts.create({ connector: "desk", user })).id;

  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 4));
      const busy = await runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [clock.now()],
      );
      quiet = busy!.n === 0 ? quiet + 1 : 0;
    }
  };
  const runsOf = async (flow: string): Promise<RunDetails[]> => {
    await settle();
    const { data } = await runtime.runs.list({ flow });
    return Promise.all(data.toReversed().map(({ id }) => runtime.runs.get(id)));
  };
  return {
    vendor,
    clock,
    events,
    connect,
    settle,
    runsOf,
    get runtime() {
      return runtime;
    },
    /** Stops the process's runtime and opens the same store anew. */
    restart: async () => {
      await runtime.engine.stop(0);
      await runtime.close();
      runtime = await open();
    },
    /** Makes a flow whose first poll, if any, is over. */
    make: async (flow: Omit<NewFlow, "name"> & { name?: string }, scope?: Scope) => {
      const made = await runtime.flows.create({ name: "Test", ...flow }, scope);
      await settle();
      return made;
    },
    /** Lets the next poll of every subscription come. */
    poll: async () => {
      clock.advance(1000);
      for (const { id, status } of (await runtime.subscriptions.list()).data)
        if (status === "active") await runtime.subscriptions.poll(id);
      await settle();
    },
    /** The only run of a flow that is called with this. */
    call: async (flow: string, trigger: Record<string, unknown> = {}): Promise<RunDetails> => {
      const run = await runtime.flows.call(flow, trigger);
      await settle();
      return runtime.runs.get(run!.id);
    },
  };
}

export type Bench = Awaited<ReturnType<typeof makeBench>>;

/** A step that runs an action of a connection. */
export const act = (id: string, connection: string, action: string, input: unknown, more: object = {}) => ({
  id,
  connection,
  action,
  input,
  ...more,
});
