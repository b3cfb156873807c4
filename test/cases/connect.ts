import { compose, type Composed } from "../../runtime/compose.ts";
import type { Clock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";
import type { ScriptedVendor } from "./vendor.ts";

/** A runtime with an empty store whose engine rests, and a connection of a connector that has its credentials already. */
export async function connect(
  connector: string,
  vendor: ScriptedVendor,
  clock: Clock,
): Promise<{ runtime: Composed; connection: string }> {
  const runtime = await compose(
    composeOptions({
      store: await storeOfTest(),
      connectors: [connector],
      servers: { [connector]: { url: vendor.url } },
      network: { allowPrivate: false, allow: [] },
      clock,
      random: () => 0, // Requests are repeated without a pause.
    }),
  );
  keepInStep(runtime.db, runtime.engine as JobEngine, clock);
  const credentials = { accessToken: "token-of-a-case" };
  const { id: connection } = await runtime.accounts.create({ connector, user: "u_1", credentials });
  return { runtime, connection };
}
