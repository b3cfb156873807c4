import { HooklineError, unknownName } from "../core/errors.ts";
import type { Connector } from "./connector.ts";

/**
 * The loaded connector of this name.
 * @throws HooklineError `not_found` with the nearest name
 */
export function findConnector(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const found = connectors.get(name);
  if (found) return found;
  throw new HooklineError("not_found", unknownName("connector", name, connectors.keys()));
}
