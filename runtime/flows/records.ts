import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { runs, runSteps, type RunRecord, type RunStepRecord } from "./model/runs.ts";

type Place = Pick<RunStepRecord, "run" | "step" | "iteration">;
/** Whose run it is. */
type Owner = Pick<RunRecord, "user">;

/** What a step took and gave, exactly; of a forEach as a whole, its items. */
export interface StepState {
  input?: unknown;
  output?: unknown;
  items?: unknown[];
}

/** The longest state that is kept, in characters of JSON. */
export const MAX_STATE = 1_048_576;

/**
 * Seals what a step took and gave.
 * @throws HooklineError `too_large`
 */
export function sealState(vault: Vault, step: Place, owner: Owner, state: StepState): Uint8Array {
  const text = JSON.stringify(state);
  if (text.length > MAX_STATE) {
    throw new HooklineError(
      "too_large",
      `Step ${step.step}: input and output have ${text.length} characters; at most ${MAX_STATE} are kept, so ask for less`,
    );
  }
  return vault.seal(text, placeOfStep(step, owner));
}

/** What {@link sealState} has sealed; empty for a step that has neither taken nor given anything. */
export function openState(vault: Vault, step: RunStepRecord, owner: Owner): StepState {
  return step.state === null ? {} : (JSON.parse(vault.open(step.state, placeOfStep(step, owner))) as StepState);
}

/** Seals what a run reads as `trigger`. */
export function sealTrigger(vault: Vault, run: Pick<RunRecord, "id" | "user">, trigger: unknown): Uint8Array {
  return vault.seal(JSON.stringify(trigger ?? null), placeOfTrigger(run));
}

/** What a run reads as `trigger`. */
export function openTrigger(vault: Vault, run: RunRecord): unknown {
  return JSON.parse(vault.open(run.trigger, placeOfTrigger(run)));
}

function placeOfStep({ run, step, iteration }: Place, { user }: Owner): SealContext {
  return runSteps.placeOf("state", [run, step, iteration], user);
}

function placeOfTrigger({ id, user }: Pick<RunRecord, "id" | "user">): SealContext {
  return runs.placeOf("trigger", [id], user);
}
