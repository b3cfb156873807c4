import type { Flow } from "../../schemas/flow.ts";
import type { FlowTemplate } from "../../schemas/flow-template.ts";
import templateSchema from "../../schemas/flow-template.schema.json" with { type: "json" };
import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import { checkSchema, compileSchema } from "../manifest/validate.ts";
import { checkFlow, noConnector, type Behind } from "./check.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";

type Envelope = Pick<FlowTemplate, "id" | "name" | "description" | "version" | "setup" | "connections">;

/** A template whose triggers and steps are those of a flow, with names of slots for connections. */
export type Template = Envelope & Flow;

/** A template of a two-way sync. */
export type SyncTemplate = Envelope & { sync: NonNullable<FlowTemplate["sync"]> };

export type AnyTemplate = Template | SyncTemplate;

const checkForm = compileSchema(templateSchema);

/** All faults of a template: of form first, and only when there are none, of meaning. `others`: connections besides the slots. */
export async function checkTemplate(
  given: unknown,
  connectors: ReadonlyMap<string, Connector>,
  others: (ref: string) => Promise<Behind | undefined> = async () => undefined,
): Promise<Fault[]> {
  const ofForm = checkForm(given);
  if (ofForm.length > 0) return ofForm;
  const template = given as AnyTemplate;
  const setup = template.setup ?? {};
  const ofSetup = checkSchema(setup).map((fault) => ({ ...fault, pointer: `/setup${fault.pointer}` }));
  const ofSlots = Object.entries(template.connections)
    .filter(([, connector]) => !connectors.has(connector))
    .map(([slot, connector]) => ({ pointer: `/connections/${slot}`, message: noConnector(connector, connectors) }));
  if (ofSetup.length + ofSlots.length > 0) return [...ofSlots, ...ofSetup];
  if ("sync" in template) return syncFaults(template, connectors);
  const connectionOf = async (ref: ConnectionRef): Promise<Behind> => {
    const name = typeof ref === "object" ? ref.connector : template.connections[ref];
    const connector = name === undefined ? undefined : connectors.get(name);
    if (connector) return { connector };
    const other = typeof ref === "string" ? await others(ref) : undefined;
    if (other) return other;
    const message =
      typeof ref === "object" ? noConnector(ref.connector, connectors) : noSlot(ref, template.connections);
    throw new HooklineError("not_found", message);
  };
  return checkFlow(flowOf(template), { connectionOf, connectors, setup: {}, form: setup });
}

function syncFaults({ sync, connections }: SyncTemplate, connectors: ReadonlyMap<string, Connector>): Fault[] {
  return (["left", "right"] as const).flatMap((side) => {
    const name = connections[sync[side]];
    if (name === undefined) return [{ pointer: `/sync/${side}`, message: noSlot(sync[side], connections) }];
    if (connectors.get(name)!.resources.has(sync.resource)) return [];
    return [
      {
        pointer: "/sync/resource",
        message: `${name} does not offer ${sync.resource} for syncs; choose another resource`,
      },
    ];
  });
}

function noSlot(slot: string, connections: AnyTemplate["connections"]): string {
  return `there is no slot "${slot}"; there are: ${Object.keys(connections).join(", ")}`;
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

/** Answers with the form's defaults for what was left out. Throws `invalid_input` with every fault. */
export function readSetup({ id, setup = {} }: Envelope, answers: Record<string, unknown>): Record<string, unknown> {
  const properties = isObject(setup["properties"]) ? setup["properties"] : {};
  const defaults = Object.entries(properties).flatMap(([name, property]) =>
    isObject(property) && "default" in property ? [[name, property["default"]]] : [],
  );
  const complete = { ...(Object.fromEntries(defaults) as object), ...answers };
  const faults = compileSchema({ additionalProperties: false, ...setup, type: "object" })(complete);
  if (faults.length === 0) return complete;
  const located = faults.map((fault) => ({ ...fault, pointer: `/setup${fault.pointer}` }));
  throw new HooklineError("invalid_input", `Template ${id} ${located[0]!.pointer}: ${located[0]!.message}`, {
    faults: located,
  });
}
