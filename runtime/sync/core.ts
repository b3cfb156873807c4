import type { VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { RunAction } from "../act/actions.ts";
import type { Context } from "../engine/context.ts";

/** What syncs need of the core, and of the module `act`. */
export interface SyncCore extends Pick<Context, "db" | "engine" | "connectors" | "clock" | "log" | "emit"> {
  readonly accounts: {
    /** Throws what a request with unusable credentials throws. */
    client(connection: string): Promise<VendorClient>;
  };
  readonly actions: { readonly perform: RunAction };
  readonly variables: { readonly valuesOf: VariablesOf };
  readonly subscriptions: {
    /** `flow` is the id of the sync, as the target of the events. */
    create(given: { connection: string; trigger: string; everySeconds?: number; flow: string }): Promise<unknown>;
    remove(id: string): Promise<unknown>;
    /** Reads the stream as soon as there is a slot. */
    poll(id: string): Promise<unknown>;
  };
}
