import { resolveConnection, type Asker } from "../accounts/resolve.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import { below, HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import type { Scope } from "../manifest/expressions.ts";
import { attempt, attemptAsync } from "./attempt.ts";
import type { PrepareCall } from "./calls.ts";
import type { CompiledFlow, CompiledFlows, CompiledStep } from "./definition.ts";
import { dryRunInput, type DryRun, type DryRunGiven, type DryStep } from "./model/dry-runs.ts";
import type { FlowRecord } from "./model/flows.ts";
import { readShown, shown } from "./model/runs.ts";
import { sampleOf } from "./sample.ts";

/**
 * Finds out what a run would do, without calling anybody.
 * @throws HooklineError `invalid_input`, `invalid_expression` for the flow's own condition
 */
export type DryRunner = (flow: FlowRecord, given?: DryRunGiven) => Promise<DryRun>;

type DryRunContext = Pick<Context, "db" | "connectors" | "vault"> & {
  compiled: CompiledFlows;
  prepare: PrepareCall;
  variablesOf: VariablesOf;
};

/** Items of a list that are shown. */
const MOST_ITEMS = 10;

/** Makes the function that runs flows dry. */
export function createDryRunner(context: DryRunContext): DryRunner {
  return async (flow, given = {}) => {
    const checked = dryRunInput.check(given);
    const trigger = checked.trigger ?? (await sampleOf(flow, context));
    const compiled = context.compiled.of(flow.id, flow);
    const held = attempt(() => compiled.when?.({ trigger, setup: flow.setup }) ?? true);
    if ("error" in held) {
      const { message } = held.error;
      throw new HooklineError("invalid_expression", message, { faults: [{ pointer: "/when", message }] });
    }
    const steps = held.value ? await renderAll(flow, compiled, { ...checked, trigger }, context) : [];
    return { trigger: readShown(shown(trigger)), starts: held.value, steps };
  };
}

async function renderAll(
  flow: FlowRecord,
  compiled: CompiledFlow,
  { trigger, outputs = {} }: DryRunGiven,
  context: DryRunContext,
): Promise<DryStep[]> {
  const user = flow.user ?? (isObject(trigger) && typeof trigger["user"] === "string" ? trigger["user"] : null);
  const asker: Asker = { owner: flow.user, user, workspace: flow.byAdmin };
  const { workspace, user: own } = await context.variablesOf(user ?? "", compiled);
  const steps: Record<string, object> = {};
  const rendered: DryStep[] = [];
  for (const step of compiled.steps) {
    const vars = { workspace: { vars: workspace }, user: { vars: own } };
    const scope = { trigger, steps, ...vars, connection: {}, setup: flow.setup };
    const output = Object.hasOwn(outputs, step.id) ? outputs[step.id] : await sampleOutput(step, asker, context);
    const ofStep = await renderStep(step, scope, asker, output, context);
    rendered.push(...ofStep);
    steps[step.id] = assumedOutcome(ofStep, step.forEach ? ofStep.map(() => output ?? null) : output);
  }
  return rendered;
}

/** A step as the mappings of later steps read it. */
function assumedOutcome(rendered: readonly DryStep[], output: unknown): object {
  const last = rendered.at(-1);
  if (last === undefined || last.status === "ready") return { status: "succeeded", output, input: last?.input };
  return { status: last.status === "faulty" ? "failed" : "skipped", input: last.input };
}

/** A step without a list, or each item of its list, as far as they are shown. */
async function renderStep(
  step: CompiledStep,
  scope: Scope,
  asker: Asker,
  assumed: unknown,
  { prepare }: DryRunContext,
): Promise<DryStep[]> {
  const output = readShown(shown(assumed));
  const of = (item: number | null, outcome: Partial<DryStep> & Pick<DryStep, "status">): DryStep => ({
    id: step.id,
    item,
    connection: null,
    input: null,
    output: outcome.status === "ready" ? output : null,
    faults: [],
    ...outcome,
  });
  const faulty = (item: number | null, pointer: string, { message }: { message: string }): DryStep =>
    of(item, { status: "faulty", faults: [{ pointer, message }] });

  const one = async (inner: Scope, item: number | null): Promise<DryStep> => {
    const held = attempt(() => step.when?.(inner) ?? true);
    if ("error" in held) return faulty(item, "/when", held.error);
    if (!held.value) return of(item, { status: "skipped" });
    if (step.work.kind === "delay") {
      return of(item, { status: "ready", input: { delay: step.definition.delay }, output: null });
    }
    const prepared = await attemptAsync(() => prepare(step, inner, asker));
    if ("error" in prepared) return faulty(item, "", prepared.error);
    const call = prepared.value;
    const faults: Fault[] = below("/input", call.faults());
    const status = faults.length > 0 ? "faulty" : "ready";
    const input = readShown(shown(call.input));
    return of(item, { status, connection: call.connection ?? null, input, output, faults });
  };

  const { forEach } = step;
  if (!forEach) return [await one(scope, null)];
  const found = attempt(() => forEach(scope) ?? []);
  if ("error" in found) return [faulty(null, "/forEach", found.error)];
  if (!Array.isArray(found.value)) {
    return [faulty(null, "/forEach", { message: "must give a list; map a list to it" })];
  }
  const items: unknown[] = found.value.slice(0, MOST_ITEMS);
  const all: DryStep[] = [];
  for (const [index, item] of items.entries()) all.push(await one({ ...scope, item }, index + 1));
  return all;
}

/** The sample that the manifest has of an action's output. What makes it unknown is shown where the step is rendered. */
async function sampleOutput({ work }: CompiledStep, asker: Asker, { db, connectors }: DryRunContext): Promise<unknown> {
  if (work.kind !== "action") return undefined;
  const found = await attemptAsync(() => resolveConnection(db, work.connection, asker));
  if ("error" in found) return undefined;
  return connectors.get(found.value.connector)?.actions.get(work.action)?.definition.sample?.output;
}
