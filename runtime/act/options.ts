import { HooklineError, unknownName } from "../core/errors.ts";
import { atPointer, isObject, joinPointer, pointerTokens } from "../core/json.ts";
import type { CompiledStream, Connector } from "../manifest/connector.ts";
import type { RunAction } from "./actions.ts";
import type { VendorClient } from "../accounts/client.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { Source } from "../read/fetch.ts";
import { pages } from "../read/pages.ts";

/** One choice in a form. */
export interface Option {
  value: unknown;
  label: string;
}

type ListOptions = (
  connection: string,
  target: string,
  property: string,
  input: Record<string, unknown>,
) => Promise<Option[]>;

/** A manifest's `dynamicValues`: the action or stream that lists, and where in each item value and label stand. */
interface DynamicValues {
  action?: string;
  stream?: string;
  value: string;
  label: string;
  /** Pointers to the input properties the list depends on; they become the input of the action or stream. */
  dependsOn?: string[];
}

/** See `Actions.options`. */
export function createListOptions(
  openClient: (connection: string) => Promise<VendorClient>,
  variablesOf: VariablesOf,
  runAction: RunAction,
): ListOptions {
  return async (connection, target, property, input) => {
    const client = await openClient(connection);
    const source = findDynamicValues(client.connector, target, property);
    const given = dependencies(source, input);
    const items =
      source.action === undefined
        ? await firstPage(client, client.connector.streams.get(source.stream!)!, given, variablesOf)
        : itemsOf((await runAction(connection, source.action, given, { moves: client.moves })).output);
    return items.map((item) => {
      const value = atPointer(item, source.value);
      return { value, label: String(atPointer(item, source.label) ?? value) };
    });
  };
}

/** The beginning of a list: enough to choose from. */
async function firstPage(
  own: VendorClient,
  stream: CompiledStream,
  input: Record<string, unknown>,
  variablesOf: VariablesOf,
): Promise<readonly unknown[]> {
  const client = await own.as(stream.as, `${own.connector.name}.${stream.name}`);
  assertRequirement(`${client.connector.name}.${stream.name}`, stream.requires, client.values);
  client.requireScopes(stream, `A choice among ${stream.name}`);
  const { signal } = new AbortController();
  const { workspace, user } = await variablesOf(client.user, stream);
  const scope = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user } };
  const source: Source = { client, scope, operation: stream, signal, purpose: "action" };
  for await (const { records } of pages(source, stream)) return records;
  return [];
}

/** Where the values of a property of an action's or trigger's input come from. @throws HooklineError `not_found` */
export function findDynamicValues(connector: Connector, target: string, property: string): DynamicValues {
  const { actions, triggers } = connector;
  const definition = actions.get(target)?.definition ?? triggers.get(target)?.definition;
  if (!definition) {
    const known = [...actions.keys(), ...triggers.keys()];
    throw new HooklineError("not_found", `${connector.name}: ${unknownName("action or trigger", target, known)}`);
  }
  const schema = property
    .split(".")
    .reduce<unknown>(
      (outer, name) =>
        resolved(
          atPointer(outer, joinPointer("/properties", name)) ??
            atPointer(outer, joinPointer("/items/properties", name)),
          definition.input,
        ),
      definition.input,
    );
  const values = atPointer(schema, "/dynamicValues") ?? atPointer(schema, "/items/dynamicValues");
  if (isObject(values)) return values as unknown as DynamicValues;
  throw new HooklineError(
    "not_found",
    `${connector.name}.${target}: "${property}" has no dynamic values; only properties with dynamicValues in the manifest do`,
  );
}

/** The target of a reference within the schema, with the keywords beside the reference. */
function resolved(schema: unknown, root: unknown): unknown {
  const ref = atPointer(schema, "/$ref");
  if (typeof ref !== "string" || !ref.startsWith("#")) return schema;
  return { ...(atPointer(root, ref.slice(1)) as object | undefined), ...(schema as object) };
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
