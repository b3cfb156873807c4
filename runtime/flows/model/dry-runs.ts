import type { Fault } from "../../core/errors.ts";
import { count, flag, nullable, oneOf, schemasOf, text, value } from "../../model/field.ts";
import { input, type InputOf } from "../../model/input.ts";
import * as schema from "../../model/schema.ts";
import type { ViewOf } from "../../model/table.ts";

/** What a dry run starts with. */
export const dryRunInput = input(
  "dry run",
  "What a dry run starts with.",
  {},
  {
    trigger: value<unknown>({ description: "What mappings read as `trigger`; default a sample." }),
    outputs: value<Record<string, unknown>>(
      schema.anyObject("Outputs of steps, by id; default the samples of their actions.", { find: { id: "c1" } }),
    ),
  },
);
export type DryRunGiven = InputOf<typeof dryRunInput>;

const unknown = (description: string) => value<unknown>({ description });

const stepFields = {
  id: text("Id of the step."),
  status: oneOf(
    ["ready", "skipped", "faulty"],
    "ready: it would be done. skipped: its condition does not hold. faulty: it would fail.",
  ),
  item: nullable(count("Which item of its list, from 1; null for a step without a list.")),
  connection: nullable(text("The connection it would use.")),
  input: unknown("The input it would get."),
  output: unknown("The value that later steps got in place of its output."),
  faults: value<Fault[]>(
    schema.listOf(
      schema.object("A fault.", {
        pointer: schema.text("JSON pointer."),
        message: schema.text("The problem and its remedy."),
      }),
      "Why it would fail.",
    ),
  ),
};

/** What one step, or one item of its list, would do. */
export type DryStep = ViewOf<typeof stepFields>;

const fields = {
  trigger: unknown("What mappings have read as `trigger`."),
  starts: flag("Whether the flow's condition holds; if not, no step would be done."),
  steps: value<DryStep[]>(
    schema.listOf(schema.object("What a step would do.", schemasOf(stepFields)), "In the order of the flow."),
  ),
};

/** What a flow would do. */
export type DryRun = ViewOf<typeof fields>;

/** For the OpenAPI document. */
export const dryRunSchemas = { DryRun: schema.object("What a flow would do.", schemasOf(fields)) };
