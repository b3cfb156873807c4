import appointment from "../../schemas/appointment.schema.json" with { type: "json" };
import contact from "../../schemas/contact.schema.json" with { type: "json" };
import event from "../../schemas/event.schema.json" with { type: "json" };
import message from "../../schemas/message.schema.json" with { type: "json" };
import note from "../../schemas/note.schema.json" with { type: "json" };
import opportunity from "../../schemas/opportunity.schema.json" with { type: "json" };
import task from "../../schemas/task.schema.json" with { type: "json" };
import type { Stream, Trigger } from "../../schemas/manifest.ts";
import { ROOTS } from "./roots.ts";
import { expressionType, scopeOf } from "./soundness.ts";
import { described, objectOf, type ValueType } from "./value-type.ts";

const RESOURCES: Readonly<Record<string, object>> = { appointment, contact, message, note, opportunity, task };
const DATA = event.$defs.recordEventData.properties;

/** The data of events about the running of the integration itself. */
export const operationalData: ValueType = described({ ...event.$defs.operationalEventData, $defs: event.$defs });

/** The data of the events of a stream's triggers. */
export function eventDataOf(stream: Stream): ValueType {
  const own = Object.entries(DATA).map(
    ([name, schema]) => [name, described({ ...schema, $defs: event.$defs })] as const,
  );
  return objectOf({ ...Object.fromEntries(own), ...recordTypes(stream) });
}

/** What a condition on the changes of a trigger is evaluated on. */
export function changeOf(stream: Stream, trigger: Trigger): { type: ValueType; roots: readonly string[] } {
  const { record, resource } = recordTypes(stream);
  const watched = Object.entries(stream.watch ?? {}).map(
    ([name, watch]) => [name, expressionType(watch, record)] as const,
  );
  const previous = objectOf(Object.fromEntries(watched));
  return { type: scopeOf({ record, resource, previous, input: described(trigger.input) }), roots: ROOTS.where };
}

function recordTypes({ resource, schema }: Stream): Record<"record" | "resource", ValueType> {
  return { record: described(schema), resource: described(resource && RESOURCES[resource.type]) };
}
