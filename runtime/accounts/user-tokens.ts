import { randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { HooklineError, refuseFaults } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { count, name } from "../model/field.ts";
import { input, type InputOf } from "../model/input.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import { isReserved } from "../model/principal.ts";
import { object, text, time } from "../model/schema.ts";

const DEFAULT_SECONDS = 900;
const SHORTEST_SECONDS = 60;
const LONGEST_SECONDS = 86_400;

const expiresInSeconds = count("Seconds the token is valid.", {
  schema: { minimum: SHORTEST_SECONDS, maximum: LONGEST_SECONDS, default: DEFAULT_SECONDS },
});

/** How long a new token is valid. */
export const newUserToken = input("user token", "How long the token is valid.", {}, { expiresInSeconds });
const owner = input("user token", "Whom the token is for.", { user: name("Id of the user.") }, {});

export const userTokenSchemas = {
  UserToken: object("A short-lived token of one user.", {
    token: text("For `Authorization: Bearer`."),
    user: text("The user it acts for."),
    expiresAt: time("When it expires."),
  }),
};

export interface UserToken {
  token: string;
  user: string;
  /** RFC 3339. */
  expiresAt: string;
}

/** Short-lived tokens by which a browser acts for one user (RFC 7519, HS256). */
export interface UserTokens {
  /** Valid for 60 s to a day, by default 15 minutes. @throws HooklineError `invalid_input` */
  create(user: string, options?: InputOf<typeof newUserToken>): Promise<UserToken>;
  /** The user a token acts for; undefined when the token is not ours, or has expired. */
  userOf(token: string): Promise<string | undefined>;
}

export interface UserTokensNeeds {
  /** At least 32 bytes; without it, one is made once and kept sealed in the store. */
  secret: Uint8Array | undefined;
  /** The audience of tokens: those of one deployment are not valid at another. */
  audience: string;
}

const ISSUER = "hookline";
const ALGORITHM = "HS256";
const SECRET_BYTES = 32;
const NAME = "user_token_secret";
const PLACE = { table: "meta", row: NAME, field: "value" };

type Shared = Pick<Context, "db" | "vault" | "clock">;

/** Makes the service of user tokens. @throws TypeError for a secret that is too short */
export function createUserTokens(context: Shared, { secret, audience }: UserTokensNeeds): UserTokens {
  if (secret !== undefined && secret.length < SECRET_BYTES) {
    throw new TypeError(`tokenSecret: must be at least ${SECRET_BYTES} bytes`);
  }
  const { clock } = context;
  let kept: Promise<Uint8Array> | undefined;
  const secretOf = (): Promise<Uint8Array> => {
    if (secret !== undefined) return Promise.resolve(secret);
    kept ??= keptSecret(context).catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
  return {
    async create(user, options = {}) {
      owner.check({ user });
      const reserved = { pointer: "/user", message: 'must not begin with "@", which is reserved for the workspace' };
      refuseFaults("user token", isReserved(user) ? [reserved] : []);
      const { expiresInSeconds = DEFAULT_SECONDS } = newUserToken.check(options);
      const now = Math.floor(clock.now() / 1000);
      const token = await new SignJWT({ role: "user" })
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
        .setSubject(user)
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(await secretOf());
      rememberSecret(token);
      return { token, user, expiresAt: isoTime((now + expiresInSeconds) * 1000) };
    },
    async userOf(token) {
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      try {
        const { payload } = await jwtVerify(token, await secretOf(), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience,
          currentDate: new Date(clock.now()),
          requiredClaims: ["sub", "exp"],
        });
        const { role, sub } = payload;
        return role === "user" && sub && !isReserved(sub) ? sub : undefined;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
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
    const sealed = await getMeta(tx, NAME);
    const known = sealed === undefined ? undefined : open(sealed);
    if (known !== undefined) return known;
    const made = randomBytes(SECRET_BYTES).toString("base64");
    await setMeta(tx, NAME, Buffer.from(vault.seal(made, PLACE)).toString("base64"));
    return made;
  });
  return Buffer.from(secret, "base64");
}
