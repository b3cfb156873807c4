import type { Context } from "../engine/context.ts";
import type { OpenModule } from "../engine/module.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";
import { ownScopeRefusal, type NeededScope } from "../accounts/scopes.ts";
import { connections, connectionsByIds, type ConnectionRow, type StatusChange } from "../model/connections.ts";
import type { Tx } from "../store/database.ts";
import { flowsInReach, refsOf, saveFlow, triggersOf, type FlowProblem, type FlowRecord } from "./model/flows.ts";
import { flowBroken } from "../model/operational.ts";
import type { StartRun } from "./start.ts";
import type { FlowTriggers } from "./subscribe.ts";

/**
 * Disables flows that need a connection which does not work any more, and enables again those that only waited for it; starts
 * the flows that a connection becoming active triggers.
 */
export function createFollowConnection(
  { clock, connectors, emit }: Pick<Context, "clock" | "connectors" | "emit">,
  triggers: FlowTriggers,
  start: StartRun,
): NonNullable<OpenModule<unknown>["connectionChanged"]> {
  const turn = async (tx: Tx, flow: FlowRecord, problem: FlowProblem | null): Promise<FlowRecord> => {
    const turned: FlowRecord = { ...flow, status: problem ? "broken" : "active", problem, updatedAt: clock.now() };
    await saveFlow(tx, turned);
    await triggers.follow(tx, turned);
    if (problem) await emit(tx, [flowBroken(turned, problem, clock.now())]);
    return turned;
  };

  return async (tx, change) => {
    for (const flow of await flowsInReach(tx, change.user)) {
      if (change.status !== "active") {
        if (flow.status === "active" && needs(flow, change)) await turn(tx, flow, problemOf(change, clock.now()));
        continue;
      }
      const waited = flow.problem?.connection === change.id && PASSING.has(flow.problem.code);
      const problem =
        waited || (flow.status === "active" && needs(flow, change))
          ? await problemIn(tx, flow, connectors, clock.now())
          : null;
      const now = waited || problem ? await turn(tx, flow, problem) : flow;
      if (now.status !== "active") continue;
      const wanted = triggersOf(now.definition, "connectionActive");
      if (!wanted.some(({ trigger }) => trigger.connectionActive.connector === change.connector)) continue;
      const { id: connection, connector, user } = change;
      const trigger = { connection, connector, user };
      await start(tx, now, { cause: "connection", forUser: user, connection, trigger });
    }
  };
}

/** What a connection that is authorized anew may put right. */
const PASSING = new Set(["reauth_required", "scope_missing"]);

/** What is wrong with one of the connections that a flow needs. */
export async function problemIn(
  tx: Tx,
  flow: FlowRecord,
  connectors: Context["connectors"],
  at: number,
): Promise<FlowProblem | null> {
  const ids = refsOf(flow).filter((ref) => typeof ref === "string");
  const named = await connectionsByIds(tx, ids);
  const removed = ids.find((id) => !named.some((row) => row.id === id));
  if (removed !== undefined) return problemOf({ id: removed, connector: "", status: "removed" }, at);
  const ofUser = flow.user === null ? [] : await connections.all(tx, "where user_id = ?", [flow.user]);
  const lost = [...named, ...ofUser].find((row) => row.status === "reauth_required" && needs(flow, row));
  if (lost) return problemOf({ ...lost, status: "reauth_required" }, at);
  const rows = new Map([...named, ...ofUser].map((row) => [row.id, row]));
  return lackOf(flow, [...rows.values()], connectors, at);
}

/** The first of a flow's triggers and steps whose connection was not granted what it needs, as far as that is known. */
function lackOf(
  flow: FlowRecord,
  rows: readonly ConnectionRow[],
  connectors: Context["connectors"],
  at: number,
): FlowProblem | null {
  const { steps } = flow.definition;
  const triggers = triggersOf(flow.definition, "connection").map(({ trigger }) => trigger);
  for (const part of [...triggers, ...steps]) {
    const { connection: ref } = part;
    if (ref === undefined) continue;
    // Of several of a connector, each run says that one has to be named.
    const isMeant = (row: ConnectionRow): boolean => row.status === "active" && leadsTo(ref, row);
    const meant = rows.filter((row) => isMeant(row) && (typeof ref === "string" || flow.user !== null));
    const connector = connectors.get(meant[0]?.connector ?? "");
    if (meant.length !== 1 || !connector) continue;
    const [what, operation] =
      "trigger" in part
        ? [`Trigger ${part.trigger}`, connector.streams.get(connector.triggers.get(part.trigger)?.stream ?? "")]
        : [`Action ${part.action}`, connector.actions.get(part.action ?? "")];
    const refusal = operation && ownScopeRefusal(what, operation, meant[0]!);
    if (refusal) return { code: refusal.code, message: refusal.message, connection: meant[0]!.id, at };
  }
  return null;
}

/** The OAuth scopes that the steps of flows need of a connection; their triggers are subscriptions. */
export async function scopesInUse(
  { db, connectors }: Pick<Context, "db" | "connectors">,
  row: ConnectionRow,
): Promise<NeededScope[]> {
  const { actions } = connectors.get(row.connector)!;
  const flows = await flowsInReach(db, row.user);
  const steps = flows.flatMap(({ definition }) =>
    definition.steps.filter(({ connection }) => connection !== undefined && leadsTo(connection, row)),
  );
  return steps.flatMap(({ action }) => actions.get(action ?? "")?.scopes ?? []);
}

/** A flow of the workspace looks for another user's connection of the connector each time. */
function needs(flow: FlowRecord, connection: Pick<StatusChange, "id" | "connector">): boolean {
  return refsOf(flow).some((ref) => (flow.user === null ? ref === connection.id : leadsTo(ref, connection)));
}

function leadsTo(ref: ConnectionRef, { id, connector }: Pick<StatusChange, "id" | "connector">): boolean {
  return typeof ref === "string" ? ref === id : ref.connector === connector;
}

function problemOf({ id, connector, status }: Omit<StatusChange, "user">, at: number): FlowProblem {
  const removed = status === "removed";
  return {
    code: removed ? "not_found" : "reauth_required",
    message: removed
      ? `Connection ${id} was removed; wire another one into the flow, and enable it`
      : `Connection ${id} of ${connector} has lost its grant; reconnect it, and the flow continues`,
    connection: id,
    at,
  };
}
