import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";

/** The connector of a connection. @throws HooklineError `conflict` when this runtime has not loaded it */
export function connectorOf({ id, connector }: ConnectionRow, connectors: Context["connectors"]): Connector {
  const found = connectors.get(connector);
  if (found) return found;
  throw new HooklineError("conflict", `Connection ${id} is of ${connector}, which this runtime has not loaded`);
}
