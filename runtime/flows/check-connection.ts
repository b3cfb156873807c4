import type { As } from "../../schemas/manifest.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";
import { ownScopeRefusal, type Operation } from "../accounts/scopes.ts";
import type { Fault } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { attemptAsync, faultsIn } from "./attempt.ts";

/** What a flow's reference to a connection leads to; a template's slot leads to the connector alone. */
export interface Resolved {
  connector: Connector;
  connection?: ConnectionRow;
}

/** What a check knows beside the flow itself. */
export interface CheckOptions {
  /** @throws HooklineError when there is no such connection */
  resolve: (ref: ConnectionRef) => Promise<Resolved>;
  connectors: ReadonlyMap<string, Connector>;
  /** Answers to the template's form; null for a flow without a template. */
  setup: object | null;
  /** The form itself. */
  form?: object;
}

/** What a reference to a connection leads to, or why it leads nowhere. */
export async function connectionFaults(
  ref: ConnectionRef | undefined,
  { resolve }: CheckOptions,
): Promise<{ found?: Resolved; faults: Fault[] }> {
  const pointer = "/connection";
  if (ref === undefined) {
    return { faults: [{ pointer, message: "an action needs a connection; give its id, or a connector" }] };
  }
  const made = await attemptAsync(() => resolve(ref));
  return "error" in made ? { faults: faultsIn(made.error, pointer) } : { found: made.value, faults: [] };
}

/** That a connection was not granted what something needs. */
export function scopeFaults(
  what: string,
  operation: Operation & { as: As | undefined },
  connection: ConnectionRow | undefined,
): Fault[] {
  const refusal = connection && ownScopeRefusal(what, operation, connection);
  return refusal ? [{ pointer: "/connection", message: refusal.message }] : [];
}
