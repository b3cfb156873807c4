import { refuseFaults } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { DAY, HOUR, MINUTE } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { erasureJob, type Eraser } from "../engine/eraser.ts";
import type { ConnectionRow } from "../model/connections.ts";
import {
  dueErasures,
  endErasure,
  erasureOfUser,
  erasures,
  nextErasure,
  NOTHING_ERASED,
  type ErasureCounts,
  type ErasureRecord,
} from "../model/erasures.ts";
import { name } from "../model/field.ts";
import { input } from "../model/input.ts";
import { forgetLeftover, someLeftover } from "../model/leftovers.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import { isReserved, ownerIn, type Scope } from "../model/principal.ts";
import { endGeneration } from "../model/user-generations.ts";
import type { Tx } from "../store/database.ts";
import type { Removal, Removals } from "./removal.ts";
import type { TokenSecret } from "./token-secret.ts";

/** What becomes of the data of a connection that is removed: by default it is erased within {@link ERASED_WITHIN_MS}. */
export type RemovedData = "now" | "retention" | undefined;

/** Erases users, and what came of connections that were removed. */
export interface Erasures {
  /**
   * Erases a user at once: ends their work and their tokens, removes their connections, and deletes their data, large amounts within
   * minutes, also when this process ends. Gives how much there was.
   * @throws HooklineError `invalid_input`, `forbidden` when a user names another
   */
  erase(user: string, scope?: Scope): Promise<{ counts: ErasureCounts }>;
  /** Removes a connection, ends what waits of it, and has what came of it erased. */
  remove(row: ConnectionRow, data: RemovedData): Promise<Removal>;
  /** Goes on with what is due. Gives when to be called again, milliseconds since the epoch; undefined when nothing is left. */
  tick(): Promise<number | undefined>;
}

export interface ErasuresNeeds {
  removals: Removals;
  tokenSecret: Pick<TokenSecret, "hashOf">;
  /** All that stores anything of users, from the top down: what starts other work comes first. Read when something is erased. */
  erasers: readonly Eraser[];
  /** Ends waiting deliveries of a connection, after a position; see {@link endDeliveries}. */
  endDeliveries: (tx: Tx, connection: string, slice: { after: string; limit: number }) => Promise<string | null>;
}

/** What came of a connection that was removed is erased within this time, also where a process has to be started first for an hour. */
export const ERASED_WITHIN_MS = 3 * DAY;
const DUE_AFTER_MS = ERASED_WITHIN_MS - 2 * HOUR;
/** Rows per transaction, so that no other work waits long. */
const SLICE = 500;
/** Connections per transaction. */
const CONNECTIONS = 20;
/** How long a request works on what it has asked for, milliseconds; the engine goes on after it. */
const AT_ONCE_MS = 2000;
/** How many erasures one call goes on with. */
const BATCH = 20;
/** Where another program reads the file of the store, it is tried again after this time. */
const SHRED_AGAIN_MS = MINUTE;
/** In `meta`, while the store's files still have what was deleted. */
const TO_SHRED = "erased.to_shred";

const erased = input("user", "Who is erased.", { user: name("Id of the user.") }, {});

/** Makes the service. */
export function createErasures(
  { db, engine, clock }: Pick<Context, "db" | "clock"> & { engine: Pick<Context["engine"], "enqueue"> },
  { removals, tokenSecret, erasers, endDeliveries }: ErasuresNeeds,
): Erasures {
  const rowOf = (user: string, connection: string | null, stage: ErasureRecord["stage"]): ErasureRecord => {
    const now = clock.now();
    return { id: newId("era", now), user, connection, stage, dueAt: now, createdAt: now };
  };

  const begin = async (user: string): Promise<{ row: ErasureRecord; counts: ErasureCounts }> => {
    const hash = await tokenSecret.hashOf(user);
    return db.transaction(async (tx) => {
      const known = await erasureOfUser(tx, user);
      const row = known ?? rowOf(user, null, "erase");
      if (!known) await erasures.insert(tx, row);
      await endGeneration(tx, hash, clock.now());
      let counts = NOTHING_ERASED;
      for (const { end } of erasers) {
        const ended = await end?.(tx, user);
        if (!known) counts = { ...counts, ...ended };
      }
      await engine.enqueue(tx, [erasureJob(clock.now())]);
      return { row, counts };
    });
  };

  /** Does slices until none is left; false when its time is up before. */
  const all = async (slice: () => Promise<boolean>, goesOn: () => boolean): Promise<boolean> => {
    while (await slice()) if (!goesOn()) return false;
    return true;
  };

  const sweep = (goesOn: () => boolean): Promise<boolean> => {
    const sweepers: NonNullable<Eraser["leftovers"]> = Object.assign({}, ...erasers.map(({ leftovers }) => leftovers));
    const kinds = Object.keys(sweepers) as (keyof typeof sweepers)[];
    return all(async () => {
      const left = await someLeftover(db, kinds);
      if (!left) return false;
      await db.transaction(async (tx) => {
        if (!(await sweepers[left.kind]!(tx, left.id, SLICE))) await forgetLeftover(tx, left);
      });
      return true;
    }, goesOn);
  };

  /** The last transaction says that the store's files still have what was deleted. */
  const deleteAll = async (row: ErasureRecord, goesOn: () => boolean): Promise<void> => {
    if (!(await sweep(goesOn))) return;
    const of = { user: row.user!, connection: row.connection };
    for (const { some } of erasers) {
      if (!(await all(() => db.transaction((tx) => some(tx, of, SLICE)), goesOn))) return;
    }
    await db.transaction(async (tx) => {
      await endErasure(tx, row);
      await setMeta(tx, TO_SHRED, "yes");
    });
  };

  const endWaiting = async (connection: string, goesOn: () => boolean): Promise<boolean> => {
    let after: string | null = "";
    return all(async () => {
      const slice: { after: string; limit: number } = { after: after!, limit: SLICE };
      after = await db.transaction((tx) => endDeliveries(tx, connection, slice));
      return after !== null;
    }, goesOn);
  };

  /** As far as time allows; what is left stays due. */
  const goOn = async (row: ErasureRecord, goesOn: () => boolean): Promise<void> => {
    const { id, connection, user, stage, createdAt } = row;
    if (connection === null) {
      const removed = await all(async () => (await removals.removeSome(user!, CONNECTIONS)) > 0, goesOn);
      return removed ? deleteAll(row, goesOn) : undefined;
    }
    if (stage === "erase") return deleteAll(row, goesOn);
    if (!(await endWaiting(connection, goesOn))) return;
    if (stage === "keep") await db.transaction((tx) => endErasure(tx, row));
    else await erasures.change(db, { stage: "erase", dueAt: createdAt + DUE_AFTER_MS }, "id = ?", [id]);
  };

  const shred = async (): Promise<number | undefined> => {
    if ((await getMeta(db, TO_SHRED)) !== "yes") return undefined;
    if (!(await db.shred())) return clock.now() + SHRED_AGAIN_MS;
    await setMeta(db, TO_SHRED, "no");
    return undefined;
  };

  const atOnce = async (row: ErasureRecord): Promise<void> => {
    const until = performance.now() + AT_ONCE_MS;
    await goOn(row, () => performance.now() < until);
    await shred();
  };

  return {
    erase: async (given, scope = {}) => {
      const { user } = erased.check({ user: given });
      ownerIn(scope, user);
      refuseFaults("user", isReserved(user) ? [RESERVED] : []);
      const { row, counts } = await begin(user);
      await atOnce(row);
      return { counts };
    },

    remove: async (row, data) => {
      const stage = data === undefined ? "ends" : ({ now: "erase", retention: "keep" } as const)[data];
      const erasure = rowOf(row.user, row.id, stage);
      const removal = await removals.remove(row, async (tx) => {
        await erasures.insert(tx, erasure);
        await engine.enqueue(tx, [erasureJob(clock.now())]);
      });
      await atOnce(erasure);
      return removal;
    },

    tick: async () => {
      const always = (): boolean => true;
      await sweep(always);
      await removals.revokeRest();
      for (let due: ErasureRecord[] = []; ;) {
        due = await dueErasures(db, clock.now(), BATCH);
        for (const row of due) await goOn(row, always);
        if (due.length < BATCH) break;
      }
      const again = [await shred(), await nextErasure(db)].filter((at) => at !== undefined);
      return again.length === 0 ? undefined : Math.min(...again);
    },
  };
}

const RESERVED = {
  pointer: "/user",
  message: 'begins with "@": the workspace is not erased; remove what belongs to it',
};
