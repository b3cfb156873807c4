import type { FlowTemplate } from "../../../schemas/flow-template.ts";
import type { Flow } from "../../../schemas/flow.ts";
import { fixed, schemasOf, text, time, value } from "../../model/field.ts";
import { checkedInput, input, type InputOf } from "../../model/input.ts";
import * as schema from "../../model/schema.ts";
import { Table, type ViewOf } from "../../model/table.ts";
import type { Difference } from "../difference.ts";
import { answers, connectionsBySlot, enabled, flowProperties, owner, templateForm } from "./definition.ts";

/** What templates of flows and of syncs have in common. */
export type Envelope = Pick<FlowTemplate, "id" | "name" | "description" | "version" | "setup" | "connections">;

/** A template whose triggers and steps are those of a flow, with names of slots for connections. */
export type Template = Envelope & Flow;

/** A template of a two-way sync. */
export type SyncTemplate = Envelope & { sync: NonNullable<FlowTemplate["sync"]> };

/** A template of a flow or of a sync. */
export type AnyTemplate = Template | SyncTemplate;

/** The workspace's own templates. */
export const flowTemplates = new Table("flow_templates", {
  id: text("Id."),
  version: text("Semantic version."),
  template: value<AnyTemplate>({ description: "The template." }),
  createdAt: fixed(time("When it was added.")),
  updatedAt: time("When it was last changed."),
});

/** What a connection has to be good for, as a new connection or a reconnect names it. */
export interface SlotNeeds {
  triggers: string[];
  actions: string[];
  /** What the form looks up needs these besides. */
  scopes: string[];
}

/** A template as it is shown. */
export type TemplateView = AnyTemplate & {
  /** By slot. */
  needs: Record<string, SlotNeeds>;
  /** Whether it comes with a connector, or is the workspace's own. */
  source: "connector" | "workspace";
};

/** The form of a template; {@link checkTemplate} finds what its schema cannot say. */
export const newTemplate = checkedInput<AnyTemplate>("flow template", templateForm);

const setup = value<Record<string, unknown>>(answers);
const connections = value<Record<string, string>>(connectionsBySlot);

/** What is chosen for an upgrade. */
export const choices = input("choices", "What is chosen for the template.", {}, { connections, setup });
export type Choices = InputOf<typeof choices>;

/** What is chosen for a new flow or sync. */
export const installation = input(
  "installation",
  "What is chosen for the template.",
  {},
  {
    user: value<string>(owner),
    name: value<string>({ ...flowProperties["name"], description: "Name of the flow; default the template's." }),
    enabled: value<boolean>(enabled),
    connections,
    setup,
  },
);
export type Installation = InputOf<typeof installation>;

const difference = schema.object(
  "One place that differs.",
  {
    pointer: schema.text("JSON pointer.", "/steps/create/input/firstName"),
    before: { description: "The present value." },
    after: { description: "The value after the upgrade." },
  },
  ["before", "after"],
);

const upgrade = {
  template: text("Id of the template."),
  from: text("Version the flow was made from.", { example: "1.0.0" }),
  to: text("Version after the upgrade.", { example: "1.1.0" }),
  changes: value<Difference[]>(
    schema.listOf(difference, "In the flow and in its answers (/setup); changes made by hand are among them."),
  ),
};

/** What an upgrade would change. */
export type Upgrade = ViewOf<typeof upgrade>;

/** For the OpenAPI document. */
export const templateSchemas = {
  FlowTemplate: {
    ...templateForm,
    description: "A flow written once, to be installed by many.",
    examples: templateForm.examples.map((example) => ({ ...example, source: "connector", needs: {} })),
    required: [...templateForm.required, "source", "needs"],
    properties: {
      ...templateForm.properties,
      needs: {
        type: "object",
        description: "What to name when the connection of a slot is made or reconnected.",
        additionalProperties: schema.object("For one slot.", {
          triggers: schema.listOf(schema.text("Name."), "Triggers of its connector."),
          actions: schema.listOf(schema.text("Name."), "Actions of its connector."),
          scopes: schema.listOf(schema.text("Scope."), "What the form looks up needs these besides."),
        }),
      },
      source: schema.oneOf(["connector", "workspace"], "Whether it comes with a connector or is the workspace's own."),
    },
  },
  Upgrade: schema.object("What an upgrade would change.", schemasOf(upgrade)),
};
