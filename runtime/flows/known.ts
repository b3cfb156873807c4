import appointment from "../../schemas/appointment.schema.json" with { type: "json" };
import contact from "../../schemas/contact.schema.json" with { type: "json" };
import event from "../../schemas/event.schema.json" with { type: "json" };
import message from "../../schemas/message.schema.json" with { type: "json" };
import note from "../../schemas/note.schema.json" with { type: "json" };
import opportunity from "../../schemas/opportunity.schema.json" with { type: "json" };
import task from "../../schemas/task.schema.json" with { type: "json" };
import type { Connector } from "../manifest/connector.ts";
import { schemaAt, type Found } from "./schema-path.ts";

const RESOURCES: Readonly<Record<string, object>> = { appointment, contact, message, note, opportunity, task };
const DATA = event.$defs.recordEventData.properties;

/** What is known of a value before anything has run: what lies at a path inside it. */
export type Known = (path: readonly string[]) => Found;

export const anything: Known = () => ({ kind: "anything" });

/** A value that a schema describes; any value without one. */
export function described(schema: object | undefined): Known {
  return schema === undefined ? anything : (path) => schemaAt(schema, path);
}

/** An object of exactly these properties. */
export function objectOf(properties: Readonly<Record<string, Known>>): Known {
  return ([name, ...rest]) => {
    if (name === undefined) return { kind: "known", schemas: [{ schema: { type: "object" }, root: {} }] };
    return properties[name]?.(rest) ?? { kind: "absent", known: Object.keys(properties) };
  };
}

export function listOf(items: Known): Known {
  return ([position, ...rest]) => {
    if (position === undefined) return { kind: "known", schemas: [{ schema: { type: "array" }, root: {} }] };
    return /^\d+$/.test(position) ? items(rest) : { kind: "absent", known: [] };
  };
}

/** The data of a trigger's events. */
export function eventDataOf(connector: Connector, triggerName: string): Known {
  const stream = connector.streams.get(connector.triggers.get(triggerName)!.stream)!;
  const plain = Object.entries(DATA).map(
    ([name, schema]) => [name, described({ ...schema, $defs: event.$defs })] as const,
  );
  return objectOf({
    ...Object.fromEntries(plain),
    resource: described(stream.resource && RESOURCES[stream.resource.type]),
    record: described(stream.definition.schema),
  });
}

/** One of several: what is in any of them is there. */
export function oneOf(alternatives: readonly Known[]): Known {
  return (path) => {
    const found = alternatives.map((known) => known(path));
    if (found.some(({ kind }) => kind === "anything")) return { kind: "anything" };
    const schemas = found.flatMap((one) => (one.kind === "known" ? one.schemas : []));
    if (schemas.length > 0) return { kind: "known", schemas };
    return { kind: "absent", known: found.flatMap((one) => (one.kind === "absent" ? one.known : [])) };
  };
}
