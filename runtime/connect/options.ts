import { HooklineError, nearest } from "../core/errors.ts";
import { atPointer, isObject, joinPointer, pointerTokens } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import type { RunAction } from "./actions.ts";
import type { VendorClient } from "./client.ts";

/** One choice in a form. */
export interface Option {
  value: unknown;
  label: string;
}

export type ListOptions = (
  connection: string,
  target: string,
  property: string,
  input?: Record<string, unknown>,
) => Promise<Option[]>;

/** A manifest's `dynamicValues`: the action that lists, and where in each item value and label stand. */
interface DynamicValues {
  action: string;
  value: string;
  label: string;
  /** Pointers to the input properties the list depends on; they become the action's input. */
  dependsOn?: string[];
}

/**
 * The values a property of an action's or trigger's input can have, as the vendor lists them now. `input` is what has been
 * filled in so far. Throws `not_found` when there is no such target or property, `invalid_input` when a value it depends on
 * is missing, or what running the listing action throws.
 */
export function createListOptions(
  openClient: (connection: string) => Promise<VendorClient>,
  runAction: RunAction,
): ListOptions {
  return async (connection, target, property, input = {}) => {
    const { connector } = await openClient(connection);
    const source = findDynamicValues(connector, target, property);
    const { output } = await runAction(connection, source.action, dependencies(source, input));
    return itemsOf(output).map((item) => {
      const value = atPointer(item, source.value);
      return { value, label: String(atPointer(item, source.label) ?? value) };
    });
  };
}

function findDynamicValues(connector: Connector, target: string, property: string): DynamicValues {
  const { actions, triggers } = connector;
  const definition = actions.get(target)?.definition ?? triggers.get(target)?.definition;
  if (!definition) {
    const near = nearest(target, [...actions.keys(), ...triggers.keys()]);
    throw new HooklineError(
      "not_found",
      `${connector.name} has no action or trigger "${target}"${near ? `; did you mean "${near}"?` : ""}`,
    );
  }
  const schema = atPointer(definition.input, joinPointer("/properties", property));
  const values = atPointer(schema, "/dynamicValues") ?? atPointer(schema, "/items/dynamicValues");
  if (isObject(values)) return values as unknown as DynamicValues;
  throw new HooklineError(
    "not_found",
    `${connector.name}.${target}: "${property}" has no dynamic values; only properties with dynamicValues in the manifest do`,
  );
}

function dependencies({ dependsOn = [] }: DynamicValues, input: Record<string, unknown>): Record<string, unknown> {
  const missing = dependsOn.filter((pointer) => atPointer(input, pointer) === undefined);
  if (missing.length > 0) {
    const faults = missing.map((pointer) => ({ pointer, message: "is needed to list the values of this property" }));
    throw new HooklineError("invalid_input", `These values come first: ${missing.join(", ")}`, { faults });
  }
  return Object.fromEntries(dependsOn.map((pointer) => [pointerTokens(pointer).at(-1)!, atPointer(input, pointer)]));
}

/** The output itself when it is a list, else the one list in it. */
function itemsOf(output: unknown): unknown[] {
  if (Array.isArray(output)) return output;
  return (isObject(output) ? Object.values(output).find(Array.isArray) : undefined) ?? [];
}
