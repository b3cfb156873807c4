import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject, type JsonSchema } from "../core/json.ts";
import type { Getter } from "../manifest/expressions.ts";
import { ROOTS } from "../manifest/roots.ts";
import { compileTemplate } from "../manifest/templates.ts";
import { anyObject, listOf, object } from "../model/schema.ts";
import { SIDES, type Fields, type Side } from "./sides.ts";
import { selectFields } from "./values.ts";

type Templates = Partial<Record<Side, Record<string, unknown>>>;

/** Which fields of a resource are synced, and how they are read and written where the common fields do not do. */
export interface SyncFields {
  /** Only these common fields. */
  include?: string[];
  /** All common fields but these. */
  exclude?: string[];
  /** By side: a template over {resource, record} whose properties are laid over the common fields of what is read there. */
  map?: Templates;
  /** By side: a template over {resource, id, record} whose properties are laid over the input of the action that writes there. */
  input?: Templates;
}

const MOST_NAMES = 100;
const names = (description: string): JsonSchema => ({
  ...listOf({ type: "string", minLength: 1 }, description),
  maxItems: MOST_NAMES,
});
const templates = (description: string, example: unknown): JsonSchema =>
  object(
    description,
    { left: anyObject("For the left.", example), right: anyObject("For the right.", example) },
    SIDES,
  );

export const syncFieldsSchema = object(
  "Which common fields of the resource are synced; default all that are not the vendor's own.",
  {
    include: names("Only these fields."),
    exclude: names("All fields but these."),
    map: templates("Templates over {resource, record}; their properties are laid over the fields read on that side.", {
      notes: { $expr: "record.comment" },
    }),
    input: templates(
      "Templates over {resource, id, record}; their properties are laid over the input of the action that writes to that side.",
      { source: "synced" },
    ),
  },
  ["include", "exclude", "map", "input"],
);

/** The {@link SyncFields} of a sync, compiled for one side. */
export interface Mapping {
  /** The common fields of a record, with the properties of the sync's own template. */
  read(resource: Fields, record: unknown): Fields;
  select(resource: Fields): Fields;
  /** What is laid over the input of an action that writes. */
  input(scope: { resource: Fields; id?: string; record?: unknown }): Fields;
}

const ALLOWED_ROOTS = { map: ["resource", "record"], input: ROOTS.resource };
type Kind = keyof typeof ALLOWED_ROOTS;

function compile(fields: SyncFields, kind: Kind, side: Side): Getter {
  const template = fields[kind]?.[side];
  return template === undefined ? () => ({}) : compileTemplate(template, { roots: ALLOWED_ROOTS[kind] });
}

/**
 * Compiles what was checked by {@link mappingFaults}.
 * @throws HooklineError `invalid_expression`
 */
export function compileMapping(fields: SyncFields, side: Side): Mapping {
  const map = compile(fields, "map", side);
  const input = compile(fields, "input", side);
  const asFields = (value: unknown): Fields => (isObject(value) ? value : {});
  return {
    read: (resource, record) => ({ ...resource, ...asFields(map({ resource, record })) }),
    select: (resource) => selectFields(resource, fields),
    input: (scope) => asFields(input(scope)),
  };
}

/** Every fault of the templates, with its place in `fields`. */
export function* mappingFaults(fields: SyncFields): Generator<Fault> {
  for (const kind of ["map", "input"] as const) {
    for (const side of SIDES) {
      try {
        compile(fields, kind, side);
      } catch (error) {
        if (!(error instanceof HooklineError)) throw error;
        const places = error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }];
        for (const { pointer, message } of places) yield { pointer: `/${kind}/${side}${pointer}`, message };
      }
    }
  }
  if (fields.include && fields.exclude) yield { pointer: "/exclude", message: "choose include or exclude, not both" };
}
