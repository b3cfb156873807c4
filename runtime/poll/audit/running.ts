import { HooklineError } from "../../core/errors.ts";
import { MINUTE } from "../../core/time.ts";
import type { SubscriptionRecord } from "../../model/subscriptions.ts";

/** Audits that a process runs at once: each reads a whole account. */
export const MOST_AUDITS = 4;
/** Audits of one user that a process runs at once, so that one user leaves room for the others. */
export const MOST_OF_USER = 2;
/** When to ask again for an audit that finds no room, milliseconds. */
export const BUSY_WAIT = MINUTE;

type Audited = Pick<SubscriptionRecord, "id" | "stream" | "user">;

/** The audits that this process runs: one of each stream, few of each user, and few altogether. */
export class RunningAudits {
  /** Users by the numbers of their streams. */
  readonly #running = new Map<number, string>();

  /**
   * Counts an audit as running until the function that it returns is called.
   * @throws HooklineError `conflict` while another audit of the stream runs; `rate_limited` while too many others do
   */
  begin({ id, stream, user }: Audited): () => void {
    if (this.#running.has(stream)) {
      throw new HooklineError("conflict", `An audit of subscription ${id}'s stream is running; wait for its end`);
    }
    const ofUser = [...this.#running.values()].filter((other) => other === user).length;
    if (ofUser >= MOST_OF_USER) throw busy(`${MOST_OF_USER} audits of user ${user} are running`);
    if (this.#running.size >= MOST_AUDITS) throw busy(`${MOST_AUDITS} audits are running`);
    this.#running.set(stream, user);
    return () => void this.#running.delete(stream);
  }
}

function busy(why: string): HooklineError {
  const message = `${why} in this process, and each reads a whole account; ask again when one has ended`;
  return new HooklineError("rate_limited", message, { retry: { after: BUSY_WAIT } });
}
