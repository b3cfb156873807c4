import type { Fault } from "../../core/errors.ts";
import { value } from "../../model/field.ts";
import { input, type InputOf } from "../../model/input.ts";
import * as schema from "../../model/schema.ts";

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

const DRY_STATUSES = ["ready", "skipped", "faulty"] as const;

/** What one step, or one item of its list, would do. */
export interface DryStep {
  id: string;
  /** ready: it would be done · skipped: its condition does not hold · faulty: it would fail. */
  status: (typeof DRY_STATUSES)[number];
  /** Which item of its list, from 1; null for a step without a list. */
  item: number | null;
  connection: string | null;
  input: unknown;
  /** The value that later steps got in place of its output. */
  output: unknown;
  faults: Fault[];
}

/** What a flow would do. */
export interface DryRun {
  trigger: unknown;
  /** Whether the flow's condition holds; if not, no step would be done. */
  starts: boolean;
  steps: DryStep[];
}

const fault = schema.object("A fault.", {
  pointer: schema.text("JSON pointer."),
  message: schema.text("The problem and its remedy."),
});

const dryStep = schema.object("What a step would do.", {
  id: schema.text("Id of the step."),
  status: schema.oneOf(
    DRY_STATUSES,
    "ready: it would be done. skipped: its condition does not hold. faulty: it would fail.",
  ),
  item: schema.nullable(schema.count("Which item of its list, from 1; null for a step without a list.")),
  connection: schema.nullable(schema.text("The connection it would use.")),
  input: { description: "The input it would get." },
  output: { description: "The value that later steps got in place of its output." },
  faults: schema.listOf(fault, "Why it would fail."),
});

/** For the OpenAPI document. */
export const dryRunSchemas = {
  DryRun: schema.object("What a flow would do.", {
    trigger: { description: "What mappings have read as `trigger`." },
    starts: { type: "boolean", description: "Whether the flow's condition holds." },
    steps: schema.listOf(dryStep, "In the order of the flow."),
  }),
};
