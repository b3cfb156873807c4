import { isStoreTrouble } from "../core/errors.ts";
import type { Tx } from "../store/database.ts";
import type { Outcome } from "./engine.ts";
import type { TableClock } from "./table-clock.ts";
import type { Claim, Finished, JobTable } from "./table.ts";
import { BATCH } from "./worker.ts";

/** What handlers came to, on its way into the store. */
export class Outcomes {
  readonly #table: JobTable;
  readonly #time: TableClock;
  readonly #retry: (claim: Claim, error: unknown) => Outcome;
  #waiting: Finished[] = [];

  /** `retry`: what becomes of a job whose outcome cannot be committed. */
  constructor(table: JobTable, time: TableClock, retry: (claim: Claim, error: unknown) => Outcome) {
    this.#table = table;
    this.#time = time;
    this.#retry = retry;
  }

  /** How many wait to be committed. */
  get size(): number {
    return this.#waiting.length;
  }

  add(claim: Claim, outcome: Finished["outcome"]): void {
    this.#waiting.push({ claim, outcome, set: this.#time.set });
  }

  forgetAll(): void {
    this.#waiting = [];
  }

  /**
   * Commits a batch of those that wait. Returns their claims, and those of them that this process had lost to another by then:
   * nothing of those is committed. When the store itself is in trouble it throws, nothing is committed, and all of them wait on.
   */
  async commit(): Promise<{ settled: Claim[]; lost: Claim[] }> {
    const batch = this.#waiting.slice(0, BATCH);
    const lost = await this.#settle(batch);
    this.#waiting = this.#waiting.slice(batch.length);
    return { settled: batch.map(({ claim }) => claim), lost };
  }

  /** Gives jobs back unfinished. */
  async release(claims: readonly Claim[]): Promise<void> {
    await this.#settle(claims.map((claim) => ({ claim, outcome: "released", set: this.#time.set })));
  }

  /**
   * All in one transaction, so that being durable does not cost a disk flush per job.
   * When one of them throws, each is done again on its own, and the one that fails is tried again.
   */
  async #settle(batch: readonly Finished[]): Promise<Claim[]> {
    const claims = batch.map(({ claim }) => claim);
    const settled = (end: (tx: Tx, mine: readonly Finished[]) => Promise<void>) => async (tx: Tx) => {
      const held = await this.#table.held(tx, claims);
      const mine = batch.filter(({ claim }) => held.has(claim));
      await end(tx, mine);
      return claims.filter((claim) => !held.has(claim));
    };
    const relaxed = batch.every(({ outcome }) => outcome !== "released" && outcome.relaxed);
    try {
      return await this.#table.transaction(
        settled((tx, mine) => this.#end(tx, mine)),
        relaxed,
      );
    } catch {
      // Below it shows whose fault it was.
    }
    return this.#table.transaction(
      settled(async (tx, mine) => {
        for (const finished of mine) await this.#endAlone(tx, finished);
      }),
      false,
    );
  }

  async #endAlone(tx: Tx, finished: Finished): Promise<void> {
    try {
      await tx.savepoint(() => this.#end(tx, [finished]));
    } catch (error) {
      if (isStoreTrouble(error)) throw error;
      const { claim } = finished;
      await this.#end(tx, [{ claim, outcome: this.#retry(claim, error), set: this.#time.set }]);
    }
  }

  async #end(tx: Tx, some: readonly Finished[]): Promise<void> {
    for (const { outcome } of some) if (outcome !== "released") await outcome.commit?.(tx);
    const planned = some.map(({ claim, outcome, set }) =>
      outcome !== "released" && "runAgainAt" in outcome
        ? { claim, outcome: { ...outcome, runAgainAt: this.#time.planned(outcome.runAgainAt, set) } }
        : { claim, outcome },
    );
    await this.#table.end(tx, planned, this.#time.now());
  }
}
