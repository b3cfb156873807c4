import type { ErasureCounts } from "../model/erasures.ts";
import type { Leftover } from "../model/leftovers.ts";
import { upkeepJob } from "./upkeep.ts";
import type { NewJob } from "./engine.ts";
import type { Tx } from "../store/database.ts";

/** Whose data goes: all of a user, or, with `connection`, what came of one of their connections. */
export interface Erased {
  user: string;
  connection: string | null;
}

/**
 * What one part of Hookline knows of erasing. Everything is done in slices, each in a transaction of its own, and can be repeated:
 * a process may end between any two.
 */
export interface Eraser {
  /**
   * Ends the work of a user for good, in the transaction that begins their erasure: nothing that runs can store anything of theirs
   * once what is here was deleted. Gives how much there is to erase.
   */
  end?(tx: Tx, user: string): Promise<Partial<ErasureCounts>>;
  /** Deletes about `limit` rows of what is left; whether there may be more. */
  some(tx: Tx, erased: Erased, limit: number): Promise<boolean>;
  /** Deletes about `limit` rows of what is left of something that is gone; whether there may be more. */
  leftovers?: Partial<Record<Leftover["kind"], (tx: Tx, id: string, limit: number) => Promise<boolean>>>;
}

/** The name of the work that erases. */
export const ERASURES = "erasures";

/** The job that has erasures and what is left of things go on at a time, milliseconds since the epoch. */
export const erasureJob = (at: number): NewJob => upkeepJob(ERASURES, at);
