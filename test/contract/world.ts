import { composeOptions } from "../fixtures/compose.ts";
import { compose, type Composed } from "../../runtime/compose.ts";
import type { ServerOverride } from "../../runtime/vendor/hosts.ts";
import type { OAuthClient } from "../../runtime/accounts/oauth.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { streams } from "../../runtime/model/streams.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import type { Connector } from "../../runtime/manifest/connector.ts";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../runtime/sandbox/index.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";

/** A runtime with one connection to the simulated vendors, on one clock that only moves when told. */
export interface World extends AsyncDisposable {
  readonly connector: Connector;
  readonly connection: string;
  readonly runtime: Composed;
  readonly sandbox: Sandbox;
  readonly clock: ManualClock;
  /** Runs an action of the connection; gives its output. Throws when the output is not what the manifest describes. */
  // oxlint-disable-next-line typescript/no-explicit-any -- outputs differ, and tests read what they expect
  run(action: string, input?: unknown): Promise<any>;
  /** Makes a subscription; its first poll is over and has told nothing. */
  subscribe(trigger: string, input?: Record<string, unknown>): Promise<string>;
  /** Lets the subscription's next poll come; gives the events of records that followed. */
  poll(subscription: string): Promise<WebhookEvent[]>;
}

export interface WorldOptions {
  connector: string;
  /** Credentials of a connection, as the API takes them; made at the sandbox. */
  credentials(sandbox: Sandbox): Record<string, unknown> | Promise<Record<string, unknown>>;
  inputs?(sandbox: Sandbox): Record<string, unknown>;
  sandbox?: SandboxOptions;
  /** Default: what the sandbox says of itself. */
  servers?: Record<string, ServerOverride>;
  client?: OAuthClient;
}

export async function openWorld(options: WorldOptions): Promise<World> {
  const clock = new ManualClock(Date.now());
  const sandbox = await createSandbox({ contacts: 10, ...options.sandbox, clock });
  const runtime = await compose(
    composeOptions({
      store: await storeOfTest(),
      connectors: [options.connector],
      clients: { [options.connector]: options.client ?? sandbox.client },
      servers: options.servers ?? sandbox.servers,
      network: { allowPrivate: false, allow: [] },
      concurrency: { polls: 8, deliveries: 8, perEndpoint: 8 },
      clock,
      random: () => 0.5,
    }),
  );
  keepInStep(runtime.db, runtime.engine as JobEngine, clock);
  let received: WebhookEvent[] = [];
  runtime.consumers.on("*", (event) => void received.push(event), { name: "world" });
  await runtime.consumers.start();
  await runtime.engine.start();
  const { id: connection } = await runtime.accounts.create({
    connector: options.connector,
    user: "u_1",
    credentials: await options.credentials(sandbox),
    ...(options.inputs && { inputs: options.inputs(sandbox) }),
  });

  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 2;) {
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 4));
      const busy = await runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [clock.now()],
      );
      quiet = busy!.n === 0 ? quiet + 1 : 0;
    }
  };
  const taken = async (subscription: string): Promise<WebhookEvent[]> => {
    await settle();
    const events = received;
    received = [];
    // A clock that leaps leaves streams behind their schedule, which is reported and is not what is looked at here.
    return events.filter(({ type, data }) => {
      return (data as { subscription?: string }).subscription === subscription && !type.startsWith("subscription.");
    });
  };
  const healthy = async (subscription: string): Promise<void> => {
    const { lastError } = await runtime.subscriptions.health(subscription);
    if (lastError) throw new Error(`the poll failed: ${lastError.message}`);
  };
  return {
    connector: runtime.connectors.get(options.connector)!,
    connection,
    runtime,
    sandbox,
    clock,
    run: async (action, input = {}) => {
      const { output, warnings } = await runtime.actions.run(connection, action, input);
      if (warnings) throw new Error(`${action} gave ${JSON.stringify(output)}: ${JSON.stringify(warnings)}`);
      return output;
    },
    subscribe: async (trigger, input = {}) => {
      const { id } = await runtime.subscriptions.create({ connection, trigger, input });
      const events = await taken(id);
      await healthy(id);
      if (events.length > 0) throw new Error(`the first poll of ${trigger} told ${JSON.stringify(events)}`);
      return id;
    },
    poll: async (subscription) => {
      clock.advance(2000);
      await runtime.subscriptions.poll(subscription);
      const events = await taken(subscription);
      await healthy(subscription);
      // Where everything has vanished, that is read a second time before it is believed.
      const doubted = await streams.all(runtime.db, "where doubt is not null");
      if (doubted.length === 0) return events;
      clock.advance(60_000);
      return [...events, ...(await taken(subscription))];
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
      await sandbox.stop();
    },
  };
}
