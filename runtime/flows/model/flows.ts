import type { Flow, Trigger } from "../../../schemas/flow.ts";
import type { ConnectionRef } from "../../accounts/resolve.ts";
import { failure, type Failure } from "../../model/failure.ts";
import {
  count,
  fixed,
  flag,
  hidden,
  name,
  nullable,
  oneOf,
  sealed,
  sealedText,
  text,
  time,
  value,
} from "../../model/field.ts";
import { checkedInput } from "../../model/input.ts";
import { listQuery } from "../../model/page.ts";
import * as schema from "../../model/schema.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import type { Sql, Tx } from "../../store/database.ts";
import { answers, connectionsBySlot, enabled, FLOW_ID, flowProperties, owner } from "./definition.ts";

/** Why a flow is broken. */
export interface FlowProblem extends Failure {
  connection: string;
}

/** Which template a flow was made from. */
export interface FlowOrigin {
  template: string;
  version: string;
  /** Connection by slot. */
  connections: Record<string, string>;
}

const problem = nullable(
  failure<FlowProblem>("Why the flow is broken.", {
    connection: schema.text("Id of the connection that does not work."),
  }),
);

const stored = {
  id: text("Id.", { example: FLOW_ID }),
  user: fixed(nullable(text("The user it belongs to; null for the workspace.", { column: "user_id" }))),
  version: count("Grows with every change of name, triggers, steps, conditions or answers."),
  status: oneOf(
    ["active", "paused", "broken"],
    "active: its triggers start it. paused: a person has paused it. broken: a connection that it needs does not work.",
  ),
  problem,
  origin: hidden(nullable(value<FlowOrigin>({ description: "The template it was made from." }))),
  hookSecret: nullable(sealed("secret", "The secret of its hook; null without a hook trigger.")),
  sample: nullable(sealedText("personal", "The first call of its hook, as JSON.")),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
};

const content = {
  definition: fixed(hidden(value<Flow>({ description: "Triggers and steps." }))),
  setup: fixed(
    hidden(nullable(value<Record<string, unknown>>({ description: "Answers to its template's form; null without." }))),
  ),
  byAdmin: fixed(hidden(flag("Whether an admin wrote this version: it may then use the workspace's own connections."))),
};

/** Flows as they are stored, without their content. */
export const heads = new Table("flows", stored);

/** What a flow was in each version. A version never changes. */
export const flowVersions = new Table(
  "flow_versions",
  { flow: text("Id of the flow."), version: count("Its number."), ...content, createdAt: stored.createdAt },
  ["flow", "version"],
);

/** Flows in their newest version, to be read; {@link saveFlow} writes both tables. */
export const flows = new Table(
  `flows join (select flow, version as newest, definition, setup, by_admin from flow_versions) content
     on content.flow = flows.id and content.newest = flows.version`,
  { ...stored, ...content },
);

/** A flow in its newest version. */
export type FlowRecord = RecordOf<typeof flows.fields>;

/** A flow as one of its runs sees it. */
export type FlowVersion = Pick<FlowRecord, "version" | "definition" | "setup" | "byAdmin">;

/** A flow as it is shown. */
export interface FlowView extends Flow, ViewOf<typeof stored> {
  enabled: boolean;
  /** The template it was made from, and what was chosen. */
  template: (FlowOrigin & { setup: Record<string, unknown> }) | null;
  /** Path of its hook below the API. */
  hook: string | null;
}

/** A flow as it is shown: its definition, its state, and no secret. */
export function flowView(flow: FlowRecord): FlowView {
  const { id, status, definition, origin, setup } = flow;
  return {
    ...heads.view(flow),
    ...definition,
    enabled: status !== "paused",
    template: origin && { ...origin, setup: setup ?? {} },
    hook: triggersOf(definition, "hook").length > 0 ? `/v1/hooks/${id}` : null,
  };
}

/** The triggers of one kind, with their places in the definition. */
export function triggersOf<Key extends string>(
  flow: Flow,
  key: Key,
): { trigger: Extract<Trigger, Record<Key, unknown>>; index: number }[] {
  return flow.triggers.flatMap((trigger, index) =>
    key in trigger ? [{ trigger: trigger as Extract<Trigger, Record<Key, unknown>>, index }] : [],
  );
}

/** How a flow names the connections of its triggers and steps. */
export function refsOf({ definition }: Pick<FlowRecord, "definition">): ConnectionRef[] {
  const triggers = triggersOf(definition, "connection").map(({ trigger }) => trigger);
  return [...triggers, ...definition.steps].flatMap(({ connection }) => connection ?? []);
}

/** Inserts a flow, or replaces all of it but its id and user. A version that exists stays as it is. */
export async function saveFlow(tx: Tx, flow: FlowRecord): Promise<void> {
  await heads.save(tx, flow);
  await flowVersions.save(tx, { ...flow, flow: flow.id, createdAt: flow.updatedAt });
}

/** The flows that a connection of this user can concern: their own and the workspace's. */
export function flowsInReach(sql: Sql, user: string): Promise<FlowRecord[]> {
  return flows.all(sql, "where user_id = ? or user_id is null order by id", [user]);
}

/** Deletes a flow with its versions and runs. */
export async function deleteFlow(tx: Tx, id: string): Promise<void> {
  await tx.run("delete from run_steps where run in (select id from runs where flow = ?)", [id]);
  await tx.run("delete from runs where flow = ?", [id]);
  await deleteHead(tx, id);
}

/** Deletes a flow with its versions, and leaves its runs. */
export async function deleteHead(tx: Tx, id: string): Promise<void> {
  await tx.run("delete from flow_versions where flow = ?", [id]);
  await heads.delete(tx, id);
}

/** Keeps what a hook was called with, unless something is kept already. */
export async function keepSample(tx: Tx, flow: string, sample: string): Promise<void> {
  await heads.change(tx, { sample }, "id = ? and sample is null", [flow]);
}

/** A flow as it is given. */
export interface NewFlow extends Flow {
  /** Whose flow it is; the workspace's when left out. */
  user?: string;
  /** Default true. */
  enabled?: boolean;
}

/** What changes; `null` takes an optional part away. */
export type FlowChanges = Partial<Pick<Flow, "name" | "triggers" | "steps">> & {
  when?: string | null;
  timeLimit?: string | null;
  enabled?: boolean;
};

/** The form of a new flow; {@link checkFlow} finds what its schema cannot say. */
export const newFlow = checkedInput<NewFlow>(
  "flow",
  schema.object("A flow.", { ...flowProperties, user: owner, enabled }, ["when", "timeLimit", "user", "enabled"]),
);

const changeable = {
  ...flowProperties,
  when: schema.nullable(flowProperties["when"]!),
  timeLimit: schema.nullable(flowProperties["timeLimit"]!),
  enabled,
};

/** The form of changes of a flow. */
export const flowChanges = checkedInput<FlowChanges>("flow", {
  ...schema.object("What changes.", changeable, Object.keys(changeable)),
  minProperties: 1,
});

/** What a flow with a call trigger is called with. */
export const flowCall = checkedInput<Record<string, unknown>>(
  "call",
  schema.anyObject("Anything; mappings read it as `trigger`.", { email: "ada@example.com" }),
);

/** What the list of flows can be asked. */
export const flowQuery = listQuery("flows", {
  user: name("Only this user's."),
  status: oneOf(["active", "paused", "broken"], "Only flows in this state."),
});

/** For the OpenAPI document. */
export const flowSchemas = {
  Flow: schema.object(
    "Triggers wired to steps.",
    {
      ...heads.shown,
      ...flowProperties,
      enabled: { type: "boolean", description: "False while a person has paused it." },
      template: schema.nullable(
        schema.object("The template it was made from, and what was chosen.", {
          template: schema.text("Id of the template."),
          version: schema.text("Its version at that time.", "1.0.0"),
          connections: connectionsBySlot,
          setup: answers,
        }),
      ),
      hook: schema.nullable(schema.text("Path of its hook below the API.", `/v1/hooks/${FLOW_ID}`)),
      hookSecret: schema.text("Secret of a new hook; shown here and never again."),
    },
    ["when", "timeLimit", "hookSecret"],
  ),
};
