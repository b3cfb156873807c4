import type { VariablesOf } from "../accounts/variables.ts";
import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Scope } from "../manifest/expressions.ts";
import type { Connector } from "../manifest/connector.ts";
import { findConnection } from "../model/connections.ts";
import type { Sql } from "../store/database.ts";
import type { FlowRecord } from "./model/flows.ts";
import type { PrepareCall } from "./calls.ts";
import { resolveConnection, type Asker } from "../accounts/resolve.ts";
import type { CompiledFlow, CompiledFlows, CompiledStep } from "./definition.ts";
import { readShown, shown } from "./records.ts";

/** What a dry run starts with. */
export interface DryRunInput {
  /** What mappings read as `trigger`; default the sample of the flow's first trigger that has one. */
  trigger?: unknown;
  /** What steps are to give, by id; default the samples of their actions. */
  outputs?: Record<string, unknown>;
}

export interface DryStep {
  id: string;
  /** ready: it would be done · skipped: its condition does not hold · faulty: it would fail. */
  status: "ready" | "skipped" | "faulty";
  /** Which item of its list, from 1; null for a step without one. */
  item: number | null;
  connection: string | null;
  input: unknown;
  /** What later steps were given instead of its output. */
  output: unknown;
  faults: Fault[];
}

export interface DryRun {
  trigger: unknown;
  /** Whether the flow's condition holds; if not, no step would be done. */
  starts: boolean;
  steps: DryStep[];
}

export interface DryRunOptions {
  db: Sql;
  connectors: ReadonlyMap<string, Connector>;
  compiled: CompiledFlows;
  prepare: PrepareCall;
  variablesOf: VariablesOf;
}

/** Items of a list that are shown. */
const MOST_ITEMS = 10;

/** What a run would do, found out without calling anybody. */
export async function dryRun(flow: FlowRecord, given: DryRunInput, options: DryRunOptions): Promise<DryRun> {
  const trigger = given.trigger ?? (await sampleOf(flow, options));
  const compiled = options.compiled.of(flow.id, flow);
  const faults: Fault[] = [];
  const starts =
    compiled.when === undefined ||
    (attempt(() => compiled.when!({ trigger, setup: flow.setup }), "/when", faults) ?? false);
  if (faults.length > 0) throw new HooklineError("invalid_expression", faults[0]!.message, { faults });
  return {
    trigger: readShown(shown(trigger)),
    starts,
    steps: starts ? await renderAll(flow, compiled, trigger, given, options) : [],
  };
}

async function renderAll(
  flow: FlowRecord,
  compiled: CompiledFlow,
  trigger: unknown,
  { outputs = {} }: DryRunInput,
  options: DryRunOptions,
): Promise<DryStep[]> {
  const user = flow.user ?? (isObject(trigger) && typeof trigger["user"] === "string" ? trigger["user"] : null);
  const asker: Asker = { owner: flow.user, user, workspace: flow.byAdmin };
  const { workspace, user: own } = await options.variablesOf(user ?? "", compiled);
  const steps: Record<string, object> = {};
  const rendered: DryStep[] = [];
  for (const step of compiled.steps) {
    const scope = {
      trigger,
      steps,
      workspace: { vars: workspace },
      user: { vars: own },
      connection: {},
      setup: flow.setup,
    };
    const output = Object.hasOwn(outputs, step.id) ? outputs[step.id] : await assumedOutput(step, asker, options);
    const ofStep = await renderStep(step, scope, asker, output, options);
    rendered.push(...ofStep);
    const last = ofStep.at(-1);
    const status =
      last === undefined || last.status === "ready" ? "succeeded" : last.status === "faulty" ? "failed" : "skipped";
    const result = step.forEach ? ofStep.map(() => output ?? null) : output;
    steps[step.id] = { status, ...(status === "succeeded" && { output: result }), input: last?.input };
  }
  return rendered;
}

async function renderStep(
  step: CompiledStep,
  scope: Scope,
  asker: Asker,
  output: unknown,
  options: DryRunOptions,
): Promise<DryStep[]> {
  const blank: DryStep = {
    id: step.id,
    status: "ready",
    item: null,
    connection: null,
    input: null,
    output: readShown(shown(output)),
    faults: [],
  };
  const one = async (inner: Scope, item: number | null): Promise<DryStep> => {
    const faults: Fault[] = [];
    const skipped = step.when && attempt(() => step.when!(inner), "/when", faults) === false;
    if (faults.length > 0) return { ...blank, item, status: "faulty", output: null, faults };
    if (skipped) return { ...blank, item, status: "skipped", output: null };
    if (step.work.kind === "delay") return { ...blank, item, input: { delay: step.definition.delay }, output: null };
    try {
      const call = await options.prepare(step, inner, asker);
      const wrong = call.faults().map((fault) => ({ ...fault, pointer: `/input${fault.pointer}` }));
      const status = wrong.length > 0 ? "faulty" : "ready";
      return {
        ...blank,
        item,
        status,
        connection: call.connection ?? null,
        input: readShown(shown(call.input)),
        faults: wrong,
      };
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      return { ...blank, item, status: "faulty", output: null, faults: [{ pointer: "", message: error.message }] };
    }
  };
  if (!step.forEach) return [await one(scope, null)];
  const faults: Fault[] = [];
  const items = attempt(() => step.forEach!(scope), "/forEach", faults) ?? [];
  if (!Array.isArray(items)) faults.push({ pointer: "/forEach", message: "must give a list; map a list to it" });
  if (faults.length > 0) return [{ ...blank, status: "faulty", output: null, faults }];
  const all: DryStep[] = [];
  for (const [index, item] of (items as unknown[]).slice(0, MOST_ITEMS).entries())
    all.push(await one({ ...scope, item }, index + 1));
  return all;
}

/** Undefined, and a fault more, when an expression cannot be evaluated. */
function attempt<T>(work: () => T, pointer: string, faults: Fault[]): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    faults.push({ pointer, message: error.message });
    return undefined;
  }
}

async function assumedOutput(
  { work }: CompiledStep,
  asker: Asker,
  { db, connectors }: DryRunOptions,
): Promise<unknown> {
  if (work.kind !== "action") return undefined;
  try {
    const { connector } = await resolveConnection(db, work.connection, asker);
    return connectors.get(connector)?.actions.get(work.action)?.definition.sample?.output;
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return undefined; // Rendering the step says what is wrong.
  }
}

/** What the flow's hook learnt, or what the manifest shows of a trigger. */
async function sampleOf({ sample, definition, user }: FlowRecord, { db, connectors }: DryRunOptions): Promise<unknown> {
  if (sample !== null) return sample;
  for (const trigger of definition.triggers) {
    if (!("connection" in trigger)) continue;
    const row =
      typeof trigger.connection === "string"
        ? await findConnection(db, trigger.connection)
        : await resolveConnection(db, trigger.connection, { owner: user, user, workspace: true });
    const connector = row && connectors.get(row.connector);
    const compiled = connector?.triggers.get(trigger.trigger);
    if (!row || !connector || compiled?.definition.sample === undefined) continue;
    const record = compiled.definition.sample;
    const resource = connector.streams.get(compiled.stream)!.resource?.map(record);
    const facts = { connector: connector.name, connection: row.id, user: row.user, trigger: compiled.name };
    return {
      ...facts,
      change: typeof compiled.on === "string" && compiled.on !== "any" ? compiled.on : "updated",
      resource,
      record,
    };
  }
  return {};
}
