import { setTimeout as sleep } from "node:timers/promises";
import type { HooklineError } from "../../core/errors.ts";
import { isLimited, LIMITED_WAIT } from "../failure.ts";

/** How long an audit may take, and how it waits in that time. */
export interface Patience {
  /** Ends the audit: its time is over, or nobody waits for it any more. */
  signal: AbortSignal;
  /** By the monotonic clock, milliseconds: when its time is over. */
  until: number;
  /** Milliseconds of the monotonic clock. */
  monotonic(): number;
  /** Resolves after that many milliseconds; rejects once the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<unknown>;
}

export const realTime: Pick<Patience, "monotonic" | "sleep"> = {
  monotonic: () => performance.now(),
  sleep: (milliseconds, signal) =>
    sleep(milliseconds, undefined, { signal }).catch(() => {
      throw signal.reason;
    }),
};

/**
 * Waits after an error that only asks to wait.
 * @throws the error itself when it is another, or when the wait is longer than the time that is left
 */
export async function waitOut(error: unknown, { signal, until, monotonic, sleep }: Patience): Promise<void> {
  if (!isLimited(error)) throw error;
  const wait = waitOf(error);
  if (monotonic() + wait >= until) throw error;
  await sleep(wait, signal);
}

const waitOf = ({ retry }: HooklineError): number => (retry && retry.after) || LIMITED_WAIT;

/** What some work gives, begun again after each error that only asks to wait. */
export async function patiently<Result>(patience: Patience, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await waitOut(error, patience);
    }
  }
}
