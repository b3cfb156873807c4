import { resolveConnection } from "../accounts/resolve.ts";
import type { Context } from "../engine/context.ts";
import type { Connector } from "../manifest/connector.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import { openSample } from "./hooks.ts";
import { triggersOf, type FlowRecord } from "./model/flows.ts";

/** A sample of what starts a flow: what its hook was first called with, or the manifest's sample of a trigger; else nothing. */
export async function sampleOf(
  flow: FlowRecord,
  { db, connectors, vault }: Pick<Context, "db" | "connectors" | "vault">,
): Promise<unknown> {
  const { definition, user } = flow;
  if (flow.sample !== null) return openSample(vault, flow);
  for (const { trigger } of triggersOf(definition, "connection")) {
    const row =
      typeof trigger.connection === "string"
        ? await findConnection(db, trigger.connection)
        : await resolveConnection(db, trigger.connection, { owner: user, user, workspace: true });
    const connector = row && connectors.get(row.connector);
    const data = connector && sampleData(connector, row, trigger.trigger);
    if (data) return data;
  }
  return {};
}

/** The data of an event as the manifest's sample of a trigger would make it. */
function sampleData(connector: Connector, { id, user }: ConnectionRow, name: string): object | undefined {
  const trigger = connector.triggers.get(name);
  const record = trigger?.definition.sample;
  if (!trigger || record === undefined) return undefined;
  const isChange = typeof trigger.on === "string" && trigger.on !== "any";
  return {
    connector: connector.name,
    connection: id,
    user,
    trigger: name,
    change: isChange ? trigger.on : "updated",
    resource: connector.streams.get(trigger.stream)!.resource?.map(record),
    record,
  };
}
