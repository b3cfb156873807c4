import flowSchema from "../../../schemas/flow.schema.json" with { type: "json" };
import templateSchema from "../../../schemas/flow-template.schema.json" with { type: "json" };
import { atPointer, isObject } from "../../core/json.ts";
import type { JsonSchema } from "../../core/json.ts";
import { anyObject, count, listOf, name, nullable, object, oneOf, ref, text, time } from "../../model/schema.ts";

const FLOW = "flow_019a1f2e4c7b7d1a8b1c2d3e4f506172";

/** A schema with its references filled in, so that it stands wherever it is put. */
function standalone(value: unknown, root: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => standalone(item, root));
  if (!isObject(value)) return value;
  const { $ref, $defs: _, $schema: _schema, $id: _id, "x-antiExamples": _anti, ...own } = value;
  const target = typeof $ref === "string" ? (standalone(atPointer(root, $ref.slice(1)), root) as object) : {};
  const whole = { ...target, ...own };
  return Object.fromEntries(
    Object.entries(whole).map(([key, inner]) => [key, key === "examples" ? inner : standalone(inner, root)]),
  );
}

const definition = (standalone(flowSchema, flowSchema) as { properties: Record<string, JsonSchema> }).properties;
const { $schema: _, ...template } = (
  standalone(templateSchema, templateSchema) as { properties: Record<string, JsonSchema> }
).properties;
const owner = name("The user it belongs to; the workspace when not given.", "u_1");
const enabled = { type: "boolean", description: "Whether its triggers start it.", default: true };
const setup = anyObject("Answers to the template's form.", { tag: "from-google" });
const connections = {
  type: "object",
  additionalProperties: { type: "string" },
  description: "Connection by slot; a slot left out takes the user's only connection of its connector.",
  examples: [{ google: "con_019a1f2e4c7b7d1a8b1c2d3e4f506172" }],
};

/** Of a template: a flow has the one half, a sync the other. */
const OPTIONAL = ["setup", "triggers", "when", "steps", "timeLimit", "sync"];

export const newFlow = object("A flow.", { ...definition, user: owner, enabled }, [
  "when",
  "timeLimit",
  "user",
  "enabled",
]);

const changeable = {
  ...definition,
  when: nullable(definition["when"]!),
  timeLimit: nullable(definition["timeLimit"]!),
  enabled,
};
export const flowChanges = { ...object("What is to change.", changeable, Object.keys(changeable)), minProperties: 1 };

export const newTemplate = object("A flow template.", template, OPTIONAL);

export const installTemplate = object(
  "What is chosen for a template.",
  {
    user: owner,
    name: name("What people call the flow; the template's name when not given."),
    enabled,
    connections,
    setup,
  },
  ["user", "name", "enabled", "connections", "setup"],
);

export const upgradeFlow = object("Other choices than before.", { connections, setup }, ["connections", "setup"]);

export const dryRunInput = object(
  "What a dry run starts with.",
  {
    trigger: { description: "What mappings read as `trigger`; default a sample." },
    outputs: anyObject("What steps are to give, by id; default the samples of their actions.", { find: { id: "c1" } }),
  },
  ["trigger", "outputs"],
);

export const replayRun = object(
  "Where to begin.",
  { from: text("Id of a step; the first when not given.", "create") },
  ["from"],
);

const stepError = object("What went wrong.", {
  code: text("Stable code.", "vendor_error"),
  message: text("In words."),
});
const RUN_STATUS = ["queued", "running", "waiting", "succeeded", "failed", "cancelled"];
const STEP_STATUS = ["started", "waiting", "succeeded", "failed", "skipped", "interrupted"];

const run = {
  id: text("Id.", "run_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  flow: text("Id of the flow.", FLOW),
  version: count("Version of the flow that is run."),
  user: nullable(text("The user whose flow it is.")),
  status: oneOf(RUN_STATUS, "waiting: for a delay, or another try."),
  cause: oneOf(["event", "hook", "schedule", "connection", "call", "replay"], "What started it."),
  event: nullable(text("Id of the event that started it.")),
  replayOf: nullable(text("Id of the run it repeats.")),
  error: nullable(
    object("Why it failed.", {
      code: text("Stable code.", "vendor_error"),
      message: text("In words."),
      step: nullable(text("Id of the step it happened in.")),
    }),
  ),
  createdAt: time("When it was made."),
  startedAt: nullable(time("When it began.")),
  wakeAt: nullable(time("When it goes on.")),
  finishedAt: nullable(time("When it ended.")),
};

const runStep = object("What a step took and gave, without secrets, shortened where it is long.", {
  id: text("Id of the step.", "create"),
  item: nullable(count("Which item of its list, from 1; null for the step as a whole.")),
  status: oneOf(STEP_STATUS, "interrupted: it may have been done, and is not done again by itself."),
  input: { description: "What it took." },
  output: { description: "What it gave." },
  error: nullable(stepError),
  attempts: count("Failed tries that counted."),
  startedAt: time("When it began."),
  finishedAt: nullable(time("When it ended.")),
});

const difference = object(
  "One place that differs.",
  {
    pointer: text("JSON pointer.", "/steps/create/input/firstName"),
    before: { description: "As it is." },
    after: { description: "As it would be." },
  },
  ["before", "after"],
);

export const flowSchemas: Record<string, JsonSchema> = {
  Flow: object(
    "Triggers wired to steps.",
    {
      id: text("Id.", FLOW),
      user: nullable(text("The user it belongs to; null for the workspace.")),
      ...definition,
      version: count("Grows with every change."),
      enabled: { type: "boolean", description: "False while a person has paused it." },
      status: oneOf(["active", "paused", "broken"], "broken: a connection it needs does not work."),
      problem: nullable(
        object("Why it is broken.", {
          code: text("Stable code.", "reauth_required"),
          message: text("In words."),
          connection: text("Id of the connection."),
          at: time("Since when."),
        }),
      ),
      template: nullable(
        object("The template it was made of, and what was chosen.", {
          template: text("Id of the template."),
          version: text("Its version then.", "1.0.0"),
          connections,
          setup,
        }),
      ),
      hook: nullable(text("Where its hook is posted to, below the API.", `/v1/hooks/${FLOW}`)),
      hookSecret: text("Secret of a new hook, shown this once."),
      createdAt: time("When it was made."),
      updatedAt: time("When it was last changed."),
    },
    ["when", "timeLimit", "hookSecret"],
  ),
  Run: object("One execution of a flow.", run),
  RunDetails: object("One execution of a flow, step by step.", {
    ...run,
    trigger: { description: "What started it." },
    steps: listOf(runStep, "In the flow's order."),
  }),
  DryRun: object("What a flow would do.", {
    trigger: { description: "What it was rendered with." },
    starts: { type: "boolean", description: "Whether the flow's condition holds." },
    steps: listOf(
      object("What a step would do.", {
        id: text("Id of the step."),
        status: oneOf(["ready", "skipped", "faulty"], "faulty: it would fail."),
        item: nullable(count("Which item of its list.")),
        connection: nullable(text("The connection it would run with.")),
        input: { description: "What it would take." },
        output: { description: "What later steps were given instead of its output." },
        faults: listOf(
          object("A fault.", { pointer: text("Where."), message: text("What is wrong.") }),
          "Why it would fail.",
        ),
      }),
      "In the flow's order.",
    ),
  }),
  FlowTemplate: object(
    "A flow written once, to be installed by many.",
    { ...template, source: oneOf(["connector", "workspace"], "Whether it comes with a connector.") },
    OPTIONAL,
  ),
  FlowTemplates: object("All templates.", { data: listOf(ref("FlowTemplate"), "Those of connectors first.") }),
  Upgrade: object("What an upgrade would change.", {
    template: text("Id of the template."),
    from: text("Version the flow was made of.", "1.0.0"),
    to: text("Version it would be made of.", "1.1.0"),
    changes: listOf(difference, "In the flow and in its answers (/setup)."),
  }),
};
