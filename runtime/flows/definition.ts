import type { Step } from "../../schemas/flow.ts";
import { durationMs } from "../core/duration.ts";
import { Lru } from "../core/lru.ts";
import type { Getter, Scope } from "../manifest/expressions.ts";
import { compileCondition } from "../manifest/jmespath.ts";
import { readsVariables } from "../manifest/variables.ts";
import type { FlowVersion } from "./model/flows.ts";
import { compileMapping, compileUrl } from "./mapping.ts";

/** A flow whose expressions are functions of {trigger, steps, workspace, user, connection, setup, item}. */
export interface CompiledFlow {
  readonly when: ((scope: Scope) => boolean) | undefined;
  readonly steps: readonly CompiledStep[];
  /** Whether any step may read a variable. */
  readonly readsVariables: boolean;
  readonly timeLimitMs: number | undefined;
}

/** A step whose expressions are functions. */
export interface CompiledStep {
  readonly id: string;
  readonly definition: Step;
  readonly when: ((scope: Scope) => boolean) | undefined;
  readonly forEach: Getter | undefined;
  readonly onError: "stop" | "continue" | { max: number; afterMs: number };
  readonly timeoutMs: number;
  readonly work: CompiledWork;
}

/** What a step does. */
export type CompiledWork =
  | { kind: "action"; connection: string | { connector: string }; action: string; input: Getter }
  | { kind: "http"; method: string; request: Getter; idempotent: boolean }
  | { kind: "delay"; ms: number };

const ROOTS = ["trigger", "steps", "workspace", "user", "connection"];
/** Of a flow's own condition, which is decided before there is a run. */
const START_ROOTS = ["trigger"];
/** Verbs whose repetition is harmless (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const DEFAULT_TIMEOUT_S = 60;
/** Compiled flows that are kept in memory. */
const MOST_KEPT = 500;

/** Which roots a flow's own condition may use. */
export function startRoots(setup: object | null): readonly string[] {
  return [...START_ROOTS, ...(setup ? ["setup"] : [])];
}

/** Which roots the expressions of a step may use. */
export function rootsOf(setup: object | null, step?: Pick<Step, "forEach">): readonly string[] {
  return [...ROOTS, ...(setup ? ["setup"] : []), ...(step?.forEach === undefined ? [] : ["item"])];
}

/**
 * Compiles a flow that has been checked.
 * @throws HooklineError `invalid_expression`
 */
export function compileFlow({ definition, setup }: Pick<FlowVersion, "definition" | "setup">): CompiledFlow {
  const { when, steps, timeLimit } = definition;
  return {
    when: when === undefined ? undefined : compileCondition(when, startRoots(setup)),
    steps: steps.map((step) => compileStep(step, setup)),
    readsVariables: readsVariables(steps),
    timeLimitMs: timeLimit === undefined ? undefined : durationMs(timeLimit),
  };
}

function compileStep(step: Step, setup: object | null): CompiledStep {
  const roots = rootsOf(setup, step);
  const { onError = "stop" } = step;
  return {
    id: step.id,
    definition: step,
    when: step.when === undefined ? undefined : compileCondition(step.when, roots),
    forEach: step.forEach === undefined ? undefined : compileMapping(step.forEach, rootsOf(setup)),
    onError:
      typeof onError === "string" ? onError : { max: onError.retry.max, afterMs: durationMs(onError.retry.after) },
    timeoutMs: (step.timeoutSeconds ?? DEFAULT_TIMEOUT_S) * 1000,
    work: compileWork(step, roots),
  };
}

function compileWork(step: Step, roots: readonly string[]): CompiledWork {
  if (step.delay !== undefined) return { kind: "delay", ms: durationMs(step.delay) };
  if (step.http !== undefined) {
    const { method, url, headers = {}, body, idempotent = IDEMPOTENT.has(method) } = step.http;
    const [compiledUrl, rest] = [compileUrl(url, roots), compileMapping({ headers, body }, roots)];
    const request: Getter = (scope) => ({ method, url: compiledUrl(scope), ...(rest(scope) as object) });
    return { kind: "http", method, request, idempotent };
  }
  const { connection, action, input = {} } = step;
  return { kind: "action", connection: connection!, action: action!, input: compileMapping(input, roots) };
}

/** Compiled flows. A version never changes, so those in use are kept. */
export class CompiledFlows {
  readonly #kept = new Lru<string, CompiledFlow>(MOST_KEPT);

  of(flow: string, version: FlowVersion): CompiledFlow {
    return this.#kept.getOr(`${flow}:${version.version}`, () => compileFlow(version));
  }
}
