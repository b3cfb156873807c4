import type { ConnectorTrigger, Trigger } from "../../schemas/flow.ts";
import { below, unknownName, type Fault } from "../core/errors.ts";
import { changeOf, eventDataOf } from "../manifest/event-types.ts";
import { assertCron } from "../poll/schedule.ts";
import { faultsOf } from "./attempt.ts";
import { connectionFaults, scopeFaults, type CheckOptions } from "./check-connection.ts";
import { mappingFaults } from "./check-mapping.ts";
import { whereFaults } from "../manifest/where.ts";
import { anything, objectOf, text, type ValueType } from "../manifest/value-type.ts";

/** Shortest time between two runs of a schedule, in seconds. */
const MIN_SCHEDULE_S = 60;

interface CheckedTrigger {
  faults: Fault[];
  /** Type of `trigger` in mappings. */
  type: ValueType;
}

/** Everything wrong with a trigger, and what it gives. */
export async function checkTrigger(trigger: Trigger, options: CheckOptions): Promise<CheckedTrigger> {
  if ("connection" in trigger) return checkConnectorTrigger(trigger, options);
  if ("schedule" in trigger) {
    const faults = faultsOf("", () => assertCron(trigger.schedule, trigger.timeZone, MIN_SCHEDULE_S));
    return { faults, type: objectOf({ time: text }) };
  }
  if ("hook" in trigger) return { faults: [], type: objectOf({ body: anything, headers: anything, query: anything }) };
  if ("call" in trigger) return { faults: [], type: anything };
  const { connector } = trigger.connectionActive;
  const message = unknownName("connector", connector, options.connectors.keys());
  const faults = options.connectors.has(connector) ? [] : [{ pointer: "/connectionActive/connector", message }];
  return { faults, type: objectOf({ connection: text, connector: text, user: text }) };
}

async function checkConnectorTrigger(trigger: ConnectorTrigger, options: CheckOptions): Promise<CheckedTrigger> {
  const { found, faults } = await connectionFaults(trigger.connection, options);
  if (!found) return { faults, type: anything };
  const { connector, connection } = found;
  const compiled = connector.triggers.get(trigger.trigger);
  if (!compiled) {
    const message = unknownName("trigger", trigger.trigger, connector.triggers.keys());
    return { faults: [{ pointer: "/trigger", message }], type: anything };
  }
  const environment = { roots: options.setup ? ["setup"] : [], types: {}, earlier: [], steps: [] };
  const expected = { schema: compiled.definition.input ?? {}, validate: compiled.validateInput };
  const stream = connector.streams.get(compiled.stream)!;
  const { where } = trigger;
  return {
    faults: [
      ...below("/input", mappingFaults(trigger.input ?? {}, environment, expected)),
      ...below("/where", whereFaults(where, changeOf(stream.definition, compiled.definition))),
      ...scopeFaults(`Trigger ${trigger.trigger}`, stream, connection),
    ],
    type: eventDataOf(stream.definition),
  };
}
