import type { Flow } from "../../schemas/flow.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";
import { below, HooklineError, refuseFaults, unknownName, type Fault } from "../core/errors.ts";
import { isObject, joinPointer, ownValue } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import { checkSchema, compileSchema } from "../manifest/validate.ts";
import { checkFlow } from "./check.ts";
import type { Resolved } from "./check-connection.ts";
import { flowForm } from "./model/definition.ts";
import { newTemplate, type AnyTemplate, type Envelope, type SyncTemplate, type Template } from "./model/templates.ts";

/** All faults of a template: of form first, and only when there are none, of meaning. `others`: connections besides the slots. */
export async function checkTemplate(
  given: unknown,
  connectors: ReadonlyMap<string, Connector>,
  others: (ref: string) => Promise<Resolved | undefined> = async () => undefined,
): Promise<Fault[]> {
  const ofForm = newTemplate.faults(given);
  if (ofForm.length > 0) return ofForm;
  const template = given as AnyTemplate;
  const { setup = {}, connections } = template;
  const faults = [...unknownConnectors(connections, connectors), ...below("/setup", checkSchema(setup))];
  if (faults.length > 0) return faults;
  if ("sync" in template) return syncFaults(template, connectors);
  const flow = flowOf(template);
  const ofFlow = flowForm.faults(flow);
  if (ofFlow.length > 0) return ofFlow;
  const resolve = async (ref: ConnectionRef): Promise<Resolved> => {
    const name = typeof ref === "object" ? ref.connector : ownValue(connections, ref);
    const connector = name === undefined ? undefined : connectors.get(name);
    if (connector) return { connector };
    const other = typeof ref === "string" ? await others(ref) : undefined;
    if (other) return other;
    const message =
      typeof ref === "object"
        ? unknownName("connector", ref.connector, connectors.keys())
        : unknownSlot(ref, connections);
    throw new HooklineError("not_found", message);
  };
  return checkFlow(flow, { resolve, connectors, setup: {}, form: setup });
}

function unknownConnectors(
  connections: AnyTemplate["connections"],
  connectors: ReadonlyMap<string, Connector>,
): Fault[] {
  return Object.entries(connections).flatMap(([slot, name]) =>
    connectors.has(name)
      ? []
      : [
          {
            pointer: joinPointer("/connections", slot),
            message: unknownName("connector", name, connectors.keys()),
          },
        ],
  );
}

function syncFaults({ sync, connections }: SyncTemplate, connectors: ReadonlyMap<string, Connector>): Fault[] {
  return (["left", "right"] as const).flatMap((side) => {
    const name = ownValue(connections, sync[side]);
    if (name === undefined) return [{ pointer: `/sync/${side}`, message: unknownSlot(sync[side], connections) }];
    if (connectors.get(name)!.resources.has(sync.resource)) return [];
    const message = `${name} does not offer ${sync.resource} for syncs; choose another resource`;
    return [{ pointer: "/sync/resource", message }];
  });
}

/** What to say of a slot that a template does not have. */
export function unknownSlot(slot: string, connections: AnyTemplate["connections"]): string {
  return unknownName("slot", slot, Object.keys(connections));
}

/** The flow of a template, with slots for connections. */
export function flowOf({ name, triggers, when, steps, timeLimit }: Template): Flow {
  return { name, triggers, ...(when !== undefined && { when }), steps, ...(timeLimit !== undefined && { timeLimit }) };
}

/** The same flow with the connections chosen for the slots. */
export function fillSlots(flow: Flow, connections: Readonly<Record<string, string>>): Flow {
  const fill = <Part extends object>(part: Part): Part => {
    const slot = (part as { connection?: ConnectionRef }).connection;
    return typeof slot === "string" && Object.hasOwn(connections, slot)
      ? { ...part, connection: connections[slot] }
      : part;
  };
  return { ...flow, triggers: flow.triggers.map(fill), steps: flow.steps.map(fill) };
}

/** The questions of a template's form, by property. */
export function questionsOf({ setup }: Pick<Envelope, "setup">): Record<string, unknown> {
  return isObject(setup?.["properties"]) ? setup["properties"] : {};
}

/**
 * Answers with the form's defaults for what was left out.
 * @throws HooklineError `invalid_input` with every fault
 */
export function readSetup(template: Envelope, answers: Record<string, unknown>): Record<string, unknown> {
  const defaults = Object.entries(questionsOf(template)).flatMap(([name, question]) =>
    isObject(question) && "default" in question ? [[name, question["default"]]] : [],
  );
  const complete = { ...(Object.fromEntries(defaults) as object), ...answers };
  const check = compileSchema({ additionalProperties: false, ...template.setup, type: "object" });
  refuseFaults(`template ${template.id}`, below("/setup", check(complete)));
  return complete;
}
