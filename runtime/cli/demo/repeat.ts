import { setTimeout as sleep } from "node:timers/promises";

export interface Repeating {
  /** Waits for what is being done. */
  stop(): Promise<void>;
}

/** Does something over and over with a pause before each time; a failure is printed and does not end it. */
export function repeat(everyMs: number, act: () => Promise<void>): Repeating {
  const stopping = new AbortController();
  const loop = async () => {
    while (await pause(everyMs, stopping.signal)) await act().catch((error: Error) => console.error(error.message));
  };
  const ended = loop();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

/** False when it was cut short. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(milliseconds, true, { signal }).catch(() => false);
}
