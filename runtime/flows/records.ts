import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { scrub } from "../core/secrets.ts";
import type { RunRecord, RunStepRecord } from "./model/runs.ts";

/** What a step took and gave, exactly; of a forEach as a whole, its items. */
export interface StepState {
  input?: unknown;
  output?: unknown;
  items?: unknown[];
}

/** The longest state that is kept, in characters of JSON. */
const MAX_STATE = 1_048_576;
/** The longest JSON that is shown. */
const MAX_SHOWN = 16_384;

/** A value as a run shows it: JSON text without secrets, cut when it is long. Null for none. */
export function shown(value: unknown): string | null {
  if (value === undefined) return null;
  const text = JSON.stringify(value);
  if (text === undefined) return null;
  if (text.length <= MAX_SHOWN) return scrub(text);
  const start = scrub(text.slice(0, MAX_SHOWN));
  return JSON.stringify({ truncated: true, characters: text.length, start });
}

/** The value again that {@link shown} has made text of; text where scrubbing has left no JSON. */
export function readShown(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Throws `too_large`. */
export function sealState(
  vault: Vault,
  step: Pick<RunStepRecord, "run" | "step" | "iteration">,
  state: StepState,
): Uint8Array {
  const text = JSON.stringify(state);
  if (text.length > MAX_STATE) {
    throw new HooklineError(
      "too_large",
      `Step ${step.step}: input and output have ${text.length} characters; ${MAX_STATE} are kept, so ask for less`,
    );
  }
  return vault.seal(text, placeOfStep(step));
}

export function openState(vault: Vault, step: RunStepRecord): StepState {
  return step.state === null ? {} : (JSON.parse(vault.open(step.state, placeOfStep(step))) as StepState);
}

export function sealTrigger(vault: Vault, run: string, trigger: unknown): Uint8Array {
  return vault.seal(JSON.stringify(trigger ?? null), placeOfTrigger(run));
}

export function openTrigger(vault: Vault, run: RunRecord): unknown {
  return JSON.parse(vault.open(run.trigger, placeOfTrigger(run.id)));
}

function placeOfStep({ run, step, iteration }: Pick<RunStepRecord, "run" | "step" | "iteration">) {
  return { table: "run_steps", row: `${run}:${step}:${iteration}`, field: "state" };
}

function placeOfTrigger(run: string) {
  return { table: "runs", row: run, field: "trigger_data" };
}
