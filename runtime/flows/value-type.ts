import appointment from "../../schemas/appointment.schema.json" with { type: "json" };
import contact from "../../schemas/contact.schema.json" with { type: "json" };
import event from "../../schemas/event.schema.json" with { type: "json" };
import message from "../../schemas/message.schema.json" with { type: "json" };
import note from "../../schemas/note.schema.json" with { type: "json" };
import opportunity from "../../schemas/opportunity.schema.json" with { type: "json" };
import task from "../../schemas/task.schema.json" with { type: "json" };
import type { Connector } from "../manifest/connector.ts";
import { ANYTHING, merge, schemaAt, type Lookup } from "./schema-path.ts";

const RESOURCES: Readonly<Record<string, object>> = { appointment, contact, message, note, opportunity, task };
const DATA = event.$defs.recordEventData.properties;

/** The static type of a value: what lies at a path inside it, as far as that is certain before anything has run. */
export type ValueType = (path: readonly string[]) => Lookup;

/** The type of a value that can be anything. */
export const anything: ValueType = () => ANYTHING;

/** Text of any kind. */
export const text = described({ type: "string" });

/** The type that a schema describes; without one, any value. */
export function described(schema: object | undefined): ValueType {
  return schema === undefined ? anything : (path) => schemaAt(schema, path);
}

/** An object of exactly these properties. */
export function objectOf(properties: Readonly<Record<string, ValueType>>): ValueType {
  return ([name, ...rest]) => {
    if (name === undefined) return schemaAt({ type: "object" }, []);
    if (Object.hasOwn(properties, name)) return properties[name]!(rest);
    return { kind: "absent", names: Object.keys(properties) };
  };
}

/** A list of items of one type. */
export function listOf(items: ValueType): ValueType {
  return ([position, ...rest]) => {
    if (position === undefined) return schemaAt({ type: "array" }, []);
    return /^\d+$/.test(position) ? items(rest) : { kind: "absent", names: [] };
  };
}

/** One of several types: what one of them has may be there. */
export function oneOf(types: readonly ValueType[]): ValueType {
  return (path) => merge(types.map((type) => type(path)));
}

/** The data of a trigger's events. */
export function eventDataOf(connector: Connector, triggerName: string): ValueType {
  const stream = connector.streams.get(connector.triggers.get(triggerName)!.stream)!;
  const own = Object.entries(DATA).map(
    ([name, schema]) => [name, described({ ...schema, $defs: event.$defs })] as const,
  );
  return objectOf({
    ...Object.fromEntries(own),
    resource: described(stream.resource && RESOURCES[stream.resource.type]),
    record: described(stream.definition.schema),
  });
}
