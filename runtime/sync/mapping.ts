import type { Fault } from "../core/errors.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Getter } from "../manifest/expressions.ts";
import { ROOTS } from "../manifest/roots.ts";
import { compileTemplate } from "../manifest/templates.ts";
import type { Fields } from "./model/links.ts";
import { SIDES, type Side, type SyncFields } from "./model/syncs.ts";
import { selectFields } from "./values.ts";

const MAP_ROOTS = ["resource", "record"];
const nothing: Getter = () => ({});

/** What a sync says of its fields, compiled for one side. */
export interface Mapping {
  /** The common terms of a record, with what the sync's own template adds. */
  read(resource: Fields, record: unknown): Fields;
  select(resource: Fields): Fields;
  /** What is laid over the input of an action that writes. */
  input(scope: { resource: Fields; id?: string; record?: unknown }): Fields;
}

/** @throws HooklineError `invalid_expression` */
export function compileMapping(fields: SyncFields, side: Side): Mapping {
  const map = fields.map?.[side] ? compileTemplate(fields.map[side], { roots: MAP_ROOTS }) : nothing;
  const input = fields.input?.[side] ? compileTemplate(fields.input[side], { roots: ROOTS.resource }) : nothing;
  return {
    read: (resource, record) => ({ ...resource, ...asObject(map({ resource, record })) }),
    select: (resource) => selectFields(resource, fields),
    input: (scope) => asObject(input(scope)),
  };
}

/** Every fault of the templates, with the place in the body. */
export function mappingFaults(fields: SyncFields): Fault[] {
  const faults: Fault[] = [];
  for (const kind of ["map", "input"] as const) {
    for (const side of SIDES) {
      const template = fields[kind]?.[side];
      if (template === undefined) continue;
      try {
        compileTemplate(template, { roots: kind === "map" ? MAP_ROOTS : ROOTS.resource });
      } catch (error) {
        if (!(error instanceof HooklineError)) throw error;
        const places = error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }];
        faults.push(
          ...places.map(({ pointer, message }) => ({ pointer: `/fields/${kind}/${side}${pointer}`, message })),
        );
      }
    }
  }
  if (fields.include && fields.exclude) {
    faults.push({ pointer: "/fields/exclude", message: "choose include or exclude, not both" });
  }
  return faults;
}

const asObject = (value: unknown): Fields => (isObject(value) ? value : {});
