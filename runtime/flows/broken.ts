import type { Context } from "../engine/context.ts";
import type { OpenModule } from "../engine/module.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";
import type { NeededScope } from "../accounts/scopes.ts";
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
  { clock, emit }: Pick<Context, "clock" | "emit">,
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
      const waited = flow.problem?.connection === change.id && flow.problem.code === "reauth_required";
      const now = waited ? await turn(tx, flow, await problemIn(tx, flow, clock.now())) : flow;
      if (now.status !== "active") continue;
      const wanted = triggersOf(now.definition, "connectionActive");
      if (!wanted.some(({ trigger }) => trigger.connectionActive.connector === change.connector)) continue;
      const { id: connection, connector, user } = change;
      const trigger = { connection, connector, user };
      await start(tx, now, { cause: "connection", forUser: user, connection, trigger });
    }
  };
}

/** What is wrong with one of the connections that a flow needs. */
export async function problemIn(tx: Tx, flow: FlowRecord, at: number): Promise<FlowProblem | null> {
  const ids = refsOf(flow).filter((ref) => typeof ref === "string");
  const named = await connectionsByIds(tx, ids);
  const removed = ids.find((id) => !named.some((row) => row.id === id));
  if (removed !== undefined) return problemOf({ id: removed, connector: "", status: "removed" }, at);
  const ofUser = flow.user === null ? [] : await connections.all(tx, "where user_id = ?", [flow.user]);
  const lost = [...named, ...ofUser].find((row) => row.status === "reauth_required" && needs(flow, row));
  return lost ? problemOf({ ...lost, status: "reauth_required" }, at) : null;
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
