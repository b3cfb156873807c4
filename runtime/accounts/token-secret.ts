import { createHmac, randomBytes } from "node:crypto";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import { placeInMeta } from "../model/sealing.ts";

/** What user tokens are signed with, the same in every process of a store. */
export interface TokenSecret {
  get(): Promise<Uint8Array>;
  /** A user's id as it may stand where it is to be recognised and not read. */
  hashOf(user: string): Promise<string>;
}

const SECRET_BYTES = 32;
/** In `meta`. */
export const TOKEN_SECRET = "user_token_secret";
const PLACE = placeInMeta(TOKEN_SECRET);

type Shared = Pick<Context, "db" | "vault">;

/**
 * The given secret of at least 32 bytes; without one, it is made once and kept sealed in the store.
 * @throws TypeError for a secret that is too short
 */
export function createTokenSecret(context: Shared, given?: Uint8Array): TokenSecret {
  if (given !== undefined && given.length < SECRET_BYTES) {
    throw new TypeError(`tokenSecret: must be at least ${SECRET_BYTES} bytes`);
  }
  let kept: Promise<Uint8Array> | undefined;
  const get = (): Promise<Uint8Array> => {
    if (given !== undefined) return Promise.resolve(given);
    kept ??= keptSecret(context).catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
  return {
    get,
    hashOf: async (user) =>
      createHmac("sha256", await get())
        .update(JSON.stringify(["user", user]))
        .digest("base64url"),
  };
}

/** The store's own secret. One sealed with a key that is gone is replaced: tokens live for minutes. */
async function keptSecret({ db, vault }: Shared): Promise<Uint8Array> {
  const open = (sealed: string): string | undefined => {
    try {
      return vault.open(Buffer.from(sealed, "base64"), PLACE);
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
      throw error;
    }
  };
  const secret = await db.transaction(async (tx) => {
    const sealed = await getMeta(tx, TOKEN_SECRET);
    const known = sealed === undefined ? undefined : open(sealed);
    if (known !== undefined) return known;
    const made = randomBytes(SECRET_BYTES).toString("base64");
    await setMeta(tx, TOKEN_SECRET, Buffer.from(vault.seal(made, PLACE)).toString("base64"));
    return made;
  });
  return Buffer.from(secret, "base64");
}
