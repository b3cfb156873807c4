import { missingScopes } from "../accounts/scopes.ts";
import { HooklineError, nearest, type Fault } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import { connectionsByIds, type ConnectionRow } from "../model/connections.ts";
import type { Sql } from "../store/database.ts";
import { SIDES, type Side, type SyncFields, type SyncRecord } from "./model/syncs.ts";
import { WORKSPACE_USER } from "../accounts/resolve.ts";
import { writesTo } from "./context.ts";
import { mappingFaults } from "./mapping.ts";
import { triggersOf } from "./triggers.ts";

/** What a person chooses. */
export interface SyncInput {
  /** Type of the resource, as the manifests name it. */
  resource: string;
  /** Ids of two connections. */
  left: string;
  right: string;
  /** Default `both`. */
  direction?: SyncRecord["direction"];
  /** Default `newest`: what the vendors say changed last; the left where one does not say. */
  conflicts?: SyncRecord["conflicts"];
  /** Default `propagate`. */
  deletes?: SyncRecord["deletes"];
  fields?: SyncFields;
  /** Seconds between polls; default what each trigger's manifest says. */
  everySeconds?: number | null;
  /** Most writes in a minute, to both sides together; default no limit but the vendors'. */
  writesPerMinute?: number | null;
}

/** Both ends of a sync that may be made. */
export interface CheckedSync {
  user: string;
  rows: Record<Side, ConnectionRow>;
  connectors: Record<Side, Connector>;
}

/**
 * Whether two connections can be kept alike so.
 * @throws HooklineError `invalid_input` with all faults, `scope_missing`
 */
export async function checkSync(
  sql: Sql,
  given: SyncInput & Pick<SyncRecord, "direction" | "deletes">,
  connectors: ReadonlyMap<string, Connector>,
): Promise<CheckedSync> {
  const found = new Map((await connectionsByIds(sql, [given.left, given.right])).map((row) => [row.id, row]));
  const faults: Fault[] = mappingFaults(given.fields ?? {});
  if (given.left === given.right) {
    faults.push({ pointer: "/right", message: "is the left connection too; choose another" });
  }
  for (const side of SIDES) faults.push(...sideFaults(given, side, found.get(given[side]), connectors));
  const users = new Set([...found.values()].map(({ user }) => user));
  users.delete(WORKSPACE_USER);
  if (users.size > 1) {
    faults.push({ pointer: "/right", message: "belongs to another user than the left; choose two of one user" });
  }
  if (faults.length > 0) {
    throw new HooklineError("invalid_input", `The sync cannot be made: ${faults[0]!.message}`, { faults });
  }
  const rows = { left: found.get(given.left)!, right: found.get(given.right)! };
  const checked = {
    user: [...users][0] ?? WORKSPACE_USER,
    rows,
    connectors: { left: connectors.get(rows.left.connector)!, right: connectors.get(rows.right.connector)! },
  };
  for (const side of SIDES) assertScopes(given, side, checked);
  return checked;
}

function sideFaults(
  given: SyncInput & Pick<SyncRecord, "direction">,
  side: Side,
  row: ConnectionRow | undefined,
  connectors: ReadonlyMap<string, Connector>,
): Fault[] {
  const pointer = `/${side}`;
  if (!row) return [{ pointer, message: `there is no connection ${given[side]}` }];
  if (row.status !== "active") {
    return [{ pointer, message: `connection ${row.id} is ${row.status}; authorize it first` }];
  }
  const connector = connectors.get(row.connector);
  if (!connector) return [{ pointer, message: `connector ${row.connector} is not loaded` }];
  const resource = connector.resources.get(given.resource)?.definition;
  if (!resource) {
    const near = nearest(given.resource, connector.resources.keys());
    const all = [...connector.resources.keys()].join(", ") || "none";
    const hint = near ? `did you mean "${near}"?` : `it has: ${all}`;
    return [{ pointer: "/resource", message: `${connector.name} has no resource "${given.resource}"; ${hint}` }];
  }
  if (triggersOf(connector, given.resource).length === 0) {
    return [{ pointer, message: `${connector.name} has no trigger that tells of changes of ${given.resource}` }];
  }
  if (writesTo(given, side) && !resource.create && !resource.update) {
    const message = `${connector.name} cannot write ${given.resource}; choose a direction that only reads it`;
    return [{ pointer: "/direction", message }];
  }
  return [];
}

function assertScopes(
  given: Pick<SyncInput, "resource"> & Pick<SyncRecord, "direction" | "deletes">,
  side: Side,
  { rows, connectors }: CheckedSync,
): void {
  if (!writesTo(given, side)) return;
  const { definition } = connectors[side].resources.get(given.resource)!;
  const names = [definition.create, definition.update, given.deletes === "propagate" ? definition.delete : undefined];
  for (const name of names) {
    const action = name === undefined ? undefined : connectors[side].actions.get(name);
    const missing = missingScopes(action?.scopes ?? [], rows[side].scopes);
    if (missing.length === 0) continue;
    throw new HooklineError(
      "scope_missing",
      `The sync writes to the ${side} by ${name}, which needs ${missing.join(", ")}; connection ${rows[side].id} was not granted it: reconnect and grant it`,
      { data: { missing } },
    );
  }
}
