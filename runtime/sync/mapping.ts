import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Getter } from "../manifest/expressions.ts";
import { ROOTS } from "../manifest/roots.ts";
import { compileTemplate } from "../manifest/templates.ts";
import { checked, value } from "../model/field.ts";
import { input, type InputOf } from "../model/input.ts";
import { anyObject, listOf, object } from "../model/schema.ts";
import { bySide, SIDES, type Fields, type Side } from "./sides.ts";
import { selectFields } from "./values.ts";

const ALLOWED_ROOTS = { map: ["resource", "record"], input: ROOTS.resource };
type Kind = keyof typeof ALLOWED_ROOTS;

const MOST_NAMES = 100;
const names = (description: string) =>
  value<string[]>({ ...listOf({ type: "string", minLength: 1 }, description), maxItems: MOST_NAMES });

type Templates = Partial<Record<Side, Record<string, unknown>>>;
const templates = (kind: Kind, description: string, example: unknown) => {
  const sides = bySide((side) => anyObject(`For the ${side}.`, example));
  return checked(value<Templates>(object(description, sides, SIDES)), (given) => templateFaults(kind, given));
};

const syncFields = input(
  "fields",
  "Which common fields are synced, and how they are read and written where the connectors' own mapping does not do; default all that are not the vendor's own.",
  {},
  {
    include: names("Only these common fields."),
    exclude: names("All common fields but these."),
    map: templates(
      "map",
      "Templates over {resource, record}, laid over the common fields of what is read on that side.",
      {
        notes: { $expr: "record.comment" },
      },
    ),
    input: templates(
      "input",
      "Templates over {resource, id, record}, laid over the input of the action that writes to that side.",
      { source: "synced" },
    ),
  },
);
export type SyncFields = InputOf<typeof syncFields>;

export const fieldsOfSync = checked(value<SyncFields>(syncFields.schema), function* (fields) {
  yield* syncFields.faults(fields);
  if (fields.include && fields.exclude) yield { pointer: "/exclude", message: "choose include or exclude, not both" };
});

/** The {@link SyncFields} of a sync, compiled for one side. */
export interface Mapping {
  /** The common fields of a record, with the properties of the sync's own template. */
  read(resource: Fields, record: unknown): Fields;
  select(resource: Fields): Fields;
  /** What is laid over the input of an action that writes. */
  input(scope: { resource: Fields; id?: string; record?: unknown }): Fields;
}

function compile(fields: SyncFields, kind: Kind, side: Side): Getter {
  const template = fields[kind]?.[side];
  return template === undefined ? () => ({}) : compileTemplate(template, { roots: ALLOWED_ROOTS[kind] });
}

/**
 * Compiles what {@link fieldsOfSync} has checked.
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

function* templateFaults(kind: Kind, given: Templates): Generator<Fault> {
  for (const side of SIDES) {
    try {
      compile({ [kind]: given }, kind, side);
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      const places = error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }];
      for (const { pointer, message } of places) yield { pointer: `/${side}${pointer}`, message };
    }
  }
}
