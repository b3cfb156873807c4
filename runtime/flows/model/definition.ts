import flowSchema from "../../../schemas/flow.schema.json" with { type: "json" };
import templateSchema from "../../../schemas/flow-template.schema.json" with { type: "json" };
import type { Flow } from "../../../schemas/flow.ts";
import { atPointer, isObject, type JsonSchema } from "../../core/json.ts";
import { checkedInput } from "../../model/input.ts";
import * as schema from "../../model/schema.ts";
import { ownerSchema } from "../../model/user.ts";

/** An example of a flow's id. */
export const FLOW_ID = "flow_019a1f2e4c7b7d1a8b1c2d3e4f506172";

/** JSON Schemas of what is written of a flow, by property. */
export const flowProperties = standalone(flowSchema).properties;
/** Whose flow it becomes. */
export const owner = ownerSchema("The user it belongs to; the workspace when left out.");
/** Whether it is active. */
export const enabled = { type: "boolean", description: "Whether its triggers start it.", default: true };
/** What is chosen for the slots of a template. */
export const connectionsBySlot = {
  type: "object",
  additionalProperties: { type: "string" },
  description: "Connection by slot; a slot that is left out takes the user's only connection of its connector.",
  examples: [{ google: "con_019a1f2e4c7b7d1a8b1c2d3e4f506172" }],
};
/** What is answered to the form of a template. */
export const answers = schema.anyObject("Answers to the template's form.", { tag: "from-google" });

/** The form of a flow alone, for one that comes out of a template. */
export const flowForm = checkedInput<Flow>("flow", schema.object("A flow.", flowProperties, ["when", "timeLimit"]));

const { properties: allProperties, ...rules } = standalone(templateSchema);
const { $schema: _, ...properties } = allProperties;

/** JSON Schema of a template, without the hint where an editor finds that schema. */
export const templateForm = {
  ...rules,
  required: templateSchema.required,
  properties,
  examples: templateSchema.examples,
};

/** A schema of `schemas/` with its references filled in, so that each of its parts can stand anywhere. */
function standalone(schema: object): { properties: Record<string, JsonSchema> } & JsonSchema {
  return fill(schema, schema) as ReturnType<typeof standalone>;
}

function fill(part: unknown, root: object): unknown {
  if (Array.isArray(part)) return part.map((item) => fill(item, root));
  if (!isObject(part)) return part;
  const { $ref, $defs: _, $schema: _schema, $id: _id, "x-antiExamples": _anti, ...own } = part;
  const target = typeof $ref === "string" ? (fill(atPointer(root, $ref.slice(1)), root) as object) : {};
  return Object.fromEntries(
    Object.entries({ ...target, ...own }).map(([key, inner]) => [key, key === "examples" ? inner : fill(inner, root)]),
  );
}
