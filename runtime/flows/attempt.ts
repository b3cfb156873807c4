import { below, HooklineError, isStoreTrouble, type Fault } from "../core/errors.ts";

/**
 * What some work gave, or the failure of the world that it met. A programmer's mistake is thrown on, and so is trouble of our own
 * store, which says nothing about the work.
 */
type Attempted<T> = { value: T } | { error: HooklineError };

/** Does some work that the world may refuse, such as evaluating an expression. */
export function attempt<T>(work: () => T): Attempted<T> {
  try {
    return { value: work() };
  } catch (error) {
    return failed(error);
  }
}

/** The same for work that takes time. */
export async function attemptAsync<T>(work: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return failed(error);
  }
}

/** The faults that some work throws, below a pointer; none when it succeeds. */
export function faultsOf(pointer: string, work: () => unknown): Fault[] {
  const made = attempt(work);
  return "error" in made ? faultsIn(made.error, pointer) : [];
}

/** The faults that an error names, else the error itself as the one fault, below a pointer. */
export function faultsIn({ faults, message }: HooklineError, pointer: string): Fault[] {
  return below(pointer, faults.length > 0 ? faults : [{ pointer: "", message }]);
}

function failed(error: unknown): { error: HooklineError } {
  if (error instanceof HooklineError && !isStoreTrouble(error)) return { error };
  throw error;
}
