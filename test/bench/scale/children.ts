import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A worker of this folder in a process of its own. */
export const startWorker = (script: string): ChildProcess => fork(join(import.meta.dirname, script));

/** The next message of a child, after sending it one where given; throws when it ends before. */
export async function ask<Answer>(child: ChildProcess, message?: object): Promise<Answer> {
  const heard = new AbortController();
  const died = once(child, "exit", { signal: heard.signal }).then(([code, signal]) => {
    throw new Error(`${child.spawnargs.at(-1)} ended with ${String(signal ?? code)} before it answered.`);
  });
  const answer = once(child, "message", { signal: heard.signal });
  if (message !== undefined) child.send(message);
  try {
    const [found] = (await Promise.race([answer, died])) as [Answer];
    return found;
  } finally {
    heard.abort();
    await Promise.allSettled([answer, died]);
  }
}

/** Resolves when the child is gone. */
export async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
