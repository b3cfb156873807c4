import type { ClientOf } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { RunAction } from "../act/actions.ts";
import type { Context } from "../engine/context.ts";
import type { Wiring } from "../poll/wiring.ts";

/** What syncs need of the core, and of the module `act`. */
export interface SyncCore extends Pick<Context, "db" | "engine" | "connectors" | "clock" | "log" | "emit"> {
  readonly accounts: {
    client: ClientOf;
  };
  readonly actions: { readonly perform: RunAction };
  readonly variables: { readonly valuesOf: VariablesOf };
  /** Of the subscriptions by which a sync learns of changes; it is their `flow`. */
  readonly wiring: Pick<Wiring, "create" | "remove" | "poll">;
}
