import { ownScopeRefusal } from "../accounts/scopes.ts";
import { notFound, unknownName, type Fault } from "../core/errors.ts";
import type { CompiledAction, CompiledTrigger, Connector } from "../manifest/connector.ts";
import { connectionsByIds, type ConnectionRow } from "../model/connections.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import { WORKSPACE_USER } from "../model/user.ts";
import type { Sql } from "../store/database.ts";
import type { SyncRecord } from "./model/syncs.ts";
import { bySide, SIDES, writesTo, type Side } from "./sides.ts";

/** What of a sync has to fit its connections. */
type Given = Pick<SyncRecord, "resource" | "left" | "right" | "direction">;

/** Both sides of a sync that may be made. */
export interface CheckedSync {
  user: string;
  rows: Record<Side, ConnectionRow>;
  connectors: Record<Side, Connector>;
}

/**
 * Whether two connections can be kept alike so: what is wrong, and both sides when nothing is. Nothing is said of a sync of
 * which a part is missing.
 * @throws HooklineError `not_found` for a connection that is not the caller's
 */
export async function checkConnections(
  sql: Sql,
  { resource, left, right, direction }: Partial<Given>,
  connectors: ReadonlyMap<string, Connector>,
  scope: Scope = {},
): Promise<{ faults: Fault[]; beside: CheckedSync | undefined }> {
  if (!resource || !left || !right || !direction) return { faults: [], beside: undefined };
  const given = { resource, left, right, direction };
  const found = new Map((await connectionsByIds(sql, [left, right])).map((row) => [row.id, row]));
  for (const side of SIDES) {
    const owner = found.get(given[side])?.user;
    if (scope.user !== undefined && (owner === undefined || !isVisible(owner, scope))) {
      throw notFound("connection", given[side]);
    }
  }
  const faults: Fault[] = [];
  if (left === right) faults.push({ pointer: "/right", message: "is the left connection too; choose another" });
  for (const side of SIDES) faults.push(...sideFaults(given, side, found.get(given[side]), connectors));
  const users = new Set([...found.values()].map(({ user }) => user).filter((user) => user !== WORKSPACE_USER));
  if (users.size > 1) {
    faults.push({ pointer: "/right", message: "belongs to another user than the left; choose two of one user" });
  }
  if (faults.length > 0) return { faults, beside: undefined };
  const rows = bySide((side) => found.get(given[side])!);
  const [user = WORKSPACE_USER] = users;
  return { faults, beside: { user, rows, connectors: bySide((side) => connectors.get(rows[side].connector)!) } };
}

function* sideFaults(
  given: Given,
  side: Side,
  row: ConnectionRow | undefined,
  connectors: ReadonlyMap<string, Connector>,
): Generator<Fault> {
  const pointer = `/${side}`;
  const connector = row && connectors.get(row.connector);
  if (!row) {
    yield { pointer, message: notFound("connection", given[side]).message };
  } else if (row.status !== "active") {
    yield { pointer, message: `connection ${row.id} is ${row.status}; authorize it first` };
  } else if (!connector) {
    yield { pointer, message: `connector ${row.connector} is not loaded; load it, or choose another connection` };
  } else {
    yield* resourceFaults(given, side, connector);
  }
}

function* resourceFaults(given: Given, side: Side, connector: Connector): Generator<Fault> {
  const resource = connector.resources.get(given.resource)?.definition;
  if (!resource) {
    const message = `${connector.name}: ${unknownName("resource", given.resource, connector.resources.keys())}`;
    yield { pointer: "/resource", message };
  } else if (triggersOf(connector, given.resource).length === 0) {
    const message = `${connector.name} has no trigger for changes of ${given.resource}; choose another connection`;
    yield { pointer: `/${side}`, message };
  } else if (writesTo(given, side) && !resource.create && !resource.update) {
    const message = `${connector.name} cannot write ${given.resource}; choose a direction that only reads it`;
    yield { pointer: "/direction", message };
  }
}

/** @throws HooklineError `scope_missing` when a connection was not granted what the sync's writes need */
export function assertScopes(given: Given & Pick<SyncRecord, "deletes">, { rows, connectors }: CheckedSync): void {
  for (const side of SIDES) {
    for (const action of writesOf(given, side, connectors[side])) {
      const what = `Action ${action.name}, by which the sync writes to the ${side},`;
      const refusal = ownScopeRefusal(what, action, rows[side]);
      if (refusal) throw refusal;
    }
  }
}

/** The actions by which a sync writes to one side. */
export function writesOf(
  given: Pick<SyncRecord, "resource" | "direction" | "deletes">,
  side: Side,
  { resources, actions }: Connector,
): CompiledAction[] {
  const definition = resources.get(given.resource)?.definition;
  if (!definition || !writesTo(given, side)) return [];
  const removal = given.deletes === "propagate" ? definition.delete : undefined;
  return [definition.create, definition.update, removal].flatMap((name) => actions.get(name ?? "") ?? []);
}

/**
 * The triggers that together report every change of a resource: one for all changes of its stream, or the several that
 * share them; and one of another stream of the same resource where its own does not report deletions.
 */
export function triggersOf(connector: Connector, resource: string): CompiledTrigger[] {
  const { stream } = connector.resources.get(resource)!.definition;
  const type = connector.streams.get(stream)?.resource?.type;
  const inputless = [...connector.triggers.values()].filter(
    ({ definition, on }) =>
      typeof on === "string" && ((definition.input?.["required"] ?? []) as unknown[]).length === 0,
  );
  const own = inputless.filter((trigger) => trigger.stream === stream);
  const all = own.find(({ on, where }) => on === "any" && where === undefined);
  const deletions = inputless.find(
    ({ on, stream: other }) =>
      on === "deleted" && other !== stream && connector.streams.get(other)?.resource?.type === type,
  );
  const reportsDeletions = own.some(({ on }) => on === "deleted");
  return [...(all ? [all] : own), ...(deletions && !reportsDeletions ? [deletions] : [])];
}
