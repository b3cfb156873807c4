import { compose, type Composed } from "../../runtime/compose.ts";
import type { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { OPERATIONAL_TYPES } from "../../runtime/model/operational.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { until } from "../fixtures/wait.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import type { ScriptedVendor } from "./vendor.ts";

/** A runtime with an empty store, whose engine has not been started. */
export async function openRuntime(
  connectors: readonly string[],
  vendor: ScriptedVendor,
  clock: ManualClock,
): Promise<Composed> {
  const { url } = vendor;
  const server = { url, authorizationUrl: `${url}/authorize`, tokenUrl: `${url}/token`, revokeUrl: `${url}/revoke` };
  const client = { clientId: "client-of-a-case", clientSecret: "secret-of-a-case" };
  const runtime = await compose(
    composeOptions({
      store: await storeOfTest(),
      connectors,
      servers: Object.fromEntries(connectors.map((name) => [name, server])),
      clients: Object.fromEntries(connectors.map((name) => [name, client])),
      network: { allowPrivate: false, allow: [] },
      consent: "all",
      clock,
      random: () => 0, // Requests are repeated without a pause.
    }),
  );
  keepInStep(runtime.db, runtime.engine as JobEngine, clock);
  return runtime;
}

/** Connects with credentials that a host has already; gives the id. */
export async function connect(runtime: Composed, connector: string): Promise<string> {
  const credentials = { accessToken: "token-of-a-case" };
  return (await runtime.accounts.create({ connector, user: "u_1", credentials })).id;
}

/** Runs all that is due, and what that leads to. */
export async function settle({ db, engine }: Composed, clock: ManualClock): Promise<void> {
  await until(async () => {
    await (engine as JobEngine).tick();
    const busy = await db.get<{ n: number }>(
      "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
      [clock.now()],
    );
    return busy!.n === 0;
  });
}

/** Gives the events of records since the last call, as `type id`. */
export function eventReader(runtime: Composed): () => Promise<string[]> {
  const seen = new Set<string>();
  return async () => {
    const { data: newest } = await runtime.events.list({ limit: 200 });
    const fresh = newest.filter(({ id, type }) => !seen.has(id) && !isOperational(type)).toReversed();
    for (const { id } of fresh) seen.add(id);
    return fresh.map(({ type, data }) => `${type} ${(data as { resource: { id: string } }).resource.id}`);
  };
}

const isOperational = (type: string): boolean => (OPERATIONAL_TYPES as readonly string[]).includes(type);
