import type { VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { RunAction } from "../act/actions.ts";
import type { Context } from "../engine/context.ts";
import type { Wiring } from "../poll/wiring.ts";

/** What syncs need of the core, and of the module `act`. */
export interface SyncCore extends Pick<Context, "db" | "engine" | "connectors" | "clock" | "log" | "emit"> {
  readonly accounts: {
    /** Throws what a request with unusable credentials throws. */
    client(connection: string): Promise<VendorClient>;
  };
  readonly actions: { readonly perform: RunAction };
  readonly variables: { readonly valuesOf: VariablesOf };
  /** Makes the subscriptions whose events a sync gets, as their flow. */
  readonly wiring: Pick<Wiring, "create">;
  readonly subscriptions: {
    remove(id: string): Promise<unknown>;
    /** Reads the stream as soon as there is a slot. */
    poll(id: string): Promise<unknown>;
  };
}
