import { randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import type { Services } from "./services.ts";

/** What minting and checking need of the runtime. */
type Needed = Pick<Services, "db" | "vault" | "clock">;

/** Short-lived tokens by which a browser acts for one user (RFC 7519, HS256). */
export interface UserTokens {
  mint(needed: Needed, user: string, seconds: number): Promise<{ token: string; expiresAt: number }>;
  /** The user a token stands for; undefined when it is none of ours, or over. */
  verify(needed: Needed, token: string): Promise<string | undefined>;
}

export interface UserTokensOptions {
  /** At least 32 bytes; without it, one is made once and kept sealed in the store. */
  secret: Uint8Array | undefined;
  /** Whom tokens are for: one deployment's are worth nothing at another. */
  audience: string;
}

const ISSUER = "hookline";
const ALGORITHM = "HS256";
const SECRET_BYTES = 32;
const NAME = "user_token_secret";
const PLACE = { table: "meta", row: NAME, field: "value" };

/** Throws `TypeError` for a secret that is too short. */
export function createUserTokens({ secret, audience }: UserTokensOptions): UserTokens {
  if (secret !== undefined && secret.length < SECRET_BYTES) {
    throw new TypeError(`tokenSecret: must be at least ${SECRET_BYTES} bytes`);
  }
  let kept: Promise<Uint8Array> | undefined;
  const secretOf = (needed: Needed): Promise<Uint8Array> => {
    if (secret !== undefined) return Promise.resolve(secret);
    kept ??= keptSecret(needed).catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
  return {
    async mint(needed, user, seconds) {
      const now = Math.floor(needed.clock.now() / 1000);
      const token = await new SignJWT({ role: "user" })
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
        .setSubject(user)
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + seconds)
        .sign(await secretOf(needed));
      rememberSecret(token);
      return { token, expiresAt: (now + seconds) * 1000 };
    },
    async verify(needed, token) {
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      try {
        const { payload } = await jwtVerify(token, await secretOf(needed), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience,
          currentDate: new Date(needed.clock.now()),
          requiredClaims: ["sub", "exp"],
        });
        return payload["role"] === "user" && payload.sub ? payload.sub : undefined;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}

/** The store's own secret. One sealed with a key that is gone is replaced: tokens live for minutes. */
async function keptSecret({ db, vault }: Needed): Promise<Uint8Array> {
  const open = (sealed: string): string | undefined => {
    try {
      return vault.open(Buffer.from(sealed, "base64"), PLACE);
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
      throw error;
    }
  };
  const secret = await db.transaction(async (tx) => {
    const sealed = await getMeta(tx, NAME);
    const known = sealed === undefined ? undefined : open(sealed);
    if (known !== undefined) return known;
    const made = randomBytes(SECRET_BYTES).toString("base64");
    await setMeta(tx, NAME, Buffer.from(vault.seal(made, PLACE)).toString("base64"));
    return made;
  });
  return Buffer.from(secret, "base64");
}
