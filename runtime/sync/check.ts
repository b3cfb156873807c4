import { WORKSPACE_USER } from "../accounts/resolve.ts";
import { missingScopes } from "../accounts/scopes.ts";
import { HooklineError, notFound, refuseFaults, unknownName, type Fault } from "../core/errors.ts";
import type { CompiledTrigger, Connector } from "../manifest/connector.ts";
import { connectionsByIds, type ConnectionRow } from "../model/connections.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import type { Sql } from "../store/database.ts";
import type { SyncRecord } from "./model/syncs.ts";
import { bySide, SIDES, writesTo, type Side } from "./sides.ts";

/** What of a sync has to fit its connections. */
type Given = Pick<SyncRecord, "resource" | "left" | "right" | "direction" | "deletes">;

/** Both sides of a sync that may be made. */
export interface CheckedSync {
  user: string;
  rows: Record<Side, ConnectionRow>;
  connectors: Record<Side, Connector>;
}

/**
 * Whether two connections can be kept alike so. `known` faults of the input are reported with those found here.
 * @throws HooklineError `invalid_input` with every fault
 * @throws HooklineError `not_found` for a connection that is not the caller's
 * @throws HooklineError `scope_missing`
 */
export async function checkSync(
  sql: Sql,
  given: Given,
  connectors: ReadonlyMap<string, Connector>,
  scope: Scope = {},
  known: readonly Fault[] = [],
): Promise<CheckedSync> {
  const found = new Map((await connectionsByIds(sql, [given.left, given.right])).map((row) => [row.id, row]));
  for (const side of SIDES) {
    const owner = found.get(given[side])?.user;
    if (scope.user !== undefined && (owner === undefined || !isVisible(owner, scope))) {
      throw notFound("connection", given[side]);
    }
  }
  const faults = [...known];
  if (given.left === given.right) {
    faults.push({ pointer: "/right", message: "is the left connection too; choose another" });
  }
  for (const side of SIDES) faults.push(...sideFaults(given, side, found.get(given[side]), connectors));
  const users = new Set([...found.values()].map(({ user }) => user).filter((user) => user !== WORKSPACE_USER));
  if (users.size > 1) {
    faults.push({ pointer: "/right", message: "belongs to another user than the left; choose two of one user" });
  }
  refuseFaults("sync", faults);
  const rows = bySide((side) => found.get(given[side])!);
  const [user = WORKSPACE_USER] = users;
  const checked = { user, rows, connectors: bySide((side) => connectors.get(rows[side].connector)!) };
  for (const side of SIDES) assertScopes(given, side, checked);
  return checked;
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

function assertScopes(given: Given, side: Side, { rows, connectors }: CheckedSync): void {
  if (!writesTo(given, side)) return;
  const { definition } = connectors[side].resources.get(given.resource)!;
  const names = [definition.create, definition.update, given.deletes === "propagate" ? definition.delete : undefined];
  for (const name of names) {
    const action = connectors[side].actions.get(name ?? "");
    const missing = missingScopes(action?.scopes ?? [], rows[side].scopes);
    if (missing.length === 0) continue;
    throw new HooklineError(
      "scope_missing",
      `The sync writes to the ${side} by ${name}, which needs ${missing.join(", ")}; connection ${rows[side].id} was not granted it: reconnect and grant it`,
      { data: { missing } },
    );
  }
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
