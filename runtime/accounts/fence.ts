import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { assertNotErased } from "../model/erasures.ts";
import { generationOf } from "../model/user-generations.ts";
import type { Tx } from "../store/database.ts";
import type { TokenSecret } from "./token-secret.ts";

/**
 * Begins something that takes a while and then stores something of a user. What comes back is to be called in the transaction
 * that stores it.
 * @throws HooklineError `conflict`, inside that transaction, when the user was erased meanwhile
 */
export type Fence = (user: string) => Promise<(tx: Tx) => Promise<void>>;

/** Makes the fence of a store. */
export function createFence({ db }: Pick<Context, "db">, { hashOf }: Pick<TokenSecret, "hashOf">): Fence {
  return async (user) => {
    const hash = await hashOf(user);
    const begun = await generationOf(db, hash);
    return async (tx) => {
      await assertNotErased(tx, user);
      if ((await generationOf(tx, hash)) === begun) return;
      throw new HooklineError("conflict", "This user was erased, or their tokens revoked, meanwhile; try again", {
        retry: {},
      });
    };
  };
}
