import { HooklineError } from "./errors.ts";

/** Errors of connections that were never made: no request has left through those. An error's code alone would not prove that. */
const unconnected = new WeakSet<Error>();

/** Notes that a connection could not be made. */
export function noteUnconnected(error: Error): void {
  unconnected.add(error);
}

class DeadlineError extends Error {}

/** Calls back once, with the reason, when `deadlineMs` have passed or another signal aborts; returns how to end the wait. */
export function onDeadline(
  deadlineMs: number,
  outer: AbortSignal | undefined,
  giveUp: (reason: unknown) => void,
): () => void {
  const timer = setTimeout(() => giveUp(new DeadlineError()), deadlineMs);
  const onAbort = () => giveUp(outer!.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", onAbort);
  };
}

/** Rejects with the signal's reason once it aborts. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** The error for an answer that is longer than `maxBytes`. */
export function tooLarge({ host }: URL, maxBytes: number): HooklineError {
  return new HooklineError("too_large", `${host}: the answer is longer than ${maxBytes} bytes; ask for less at once`);
}

/**
 * Names the host only: paths and queries can carry secrets. `hasBegun`: whether the request had begun to leave, where that was
 * noticed.
 */
export function asHooklineError(error: unknown, url: URL, deadlineMs: number, hasBegun?: boolean): HooklineError {
  if (error instanceof HooklineError) return error;
  if (error instanceof DeadlineError) {
    return new HooklineError("timeout", `${url.host}: no complete answer within ${deadlineMs} ms; try again later`, {
      data: hasBegun === undefined ? {} : { sent: hasBegun },
      retry: {},
    });
  }
  const { code, message } = error as NodeJS.ErrnoException;
  // It is as wrong the next time. The message names the header or the part, and no value.
  if (code === "UND_ERR_INVALID_ARG") {
    const what = `${url.host}: the request cannot be sent (${message}); check the inputs and credentials it is made of`;
    return new HooklineError("invalid_input", what, { cause: error, data: { sent: false } });
  }
  const reason = code ?? (error as Error).name;
  const sent = hasBegun !== false && !unconnected.has(error as Error);
  return new HooklineError(
    "network",
    `${url.host}: ${sent ? "the connection failed" : "cannot connect"} (${reason}); try again later`,
    {
      cause: error,
      data: { reason, sent },
      retry: {},
    },
  );
}
