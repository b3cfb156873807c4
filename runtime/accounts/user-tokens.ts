import { errors, jwtVerify, SignJWT } from "jose";
import { rememberSecret } from "../core/secrets.ts";
import { DAY, isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { count, name } from "../model/field.ts";
import { input, type InputOf } from "../model/input.ts";
import { ownerIn, type Scope } from "../model/principal.ts";
import { object, text, time } from "../model/schema.ts";
import { endGeneration, forgetGenerations, generationOf } from "../model/user-generations.ts";
import { assertUserId, maySignIn, userId } from "../model/user.ts";
import type { TokenSecret } from "./token-secret.ts";

const DEFAULT_SECONDS = 900;
const SHORTEST_SECONDS = 60;
const LONGEST_SECONDS = 86_400;

const expiresInSeconds = count("Seconds the token is valid.", {
  schema: { minimum: SHORTEST_SECONDS, maximum: LONGEST_SECONDS, default: DEFAULT_SECONDS },
});

/** How long a new token is valid. */
export const newUserToken = input("user token", "How long the token is valid.", {}, { expiresInSeconds });
const owner = input("user token", "Whom the token is for.", { user: userId("Id of the user.") }, {});
/** Those of users whom an earlier version has stored under another id as well. */
const anyOwner = input("user tokens", "Whose tokens are meant.", { user: name("Id of the user.") }, {});

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
  /** The user a token acts for; undefined when the token is not ours, was revoked, or has expired. */
  userOf(token: string): Promise<string | undefined>;
  /**
   * Revokes all tokens of a user that were made so far, at once and in every process.
   * @throws HooklineError `invalid_input`; `forbidden` when a user names another
   */
  revoke(user: string, scope?: Scope): Promise<void>;
  /** Forgets revocations of tokens that have expired by themselves. Returns how many. */
  purge(): Promise<number>;
}

export interface UserTokensNeeds {
  secret: TokenSecret;
  /** The audience of tokens: those of one deployment are not valid at another. */
  audience: string;
}

const ISSUER = "hookline";
const ALGORITHM = "HS256";
/** Twice as long as any token lives: the clocks of processes differ. */
const REVOCATIONS_KEPT_MS = 2 * DAY;

/** Makes the service of user tokens. */
export function createUserTokens(
  { db, clock }: Pick<Context, "db" | "clock">,
  { secret, audience }: UserTokensNeeds,
): UserTokens {
  const generation = async (user: string) => generationOf(db, await secret.hashOf(user));
  return {
    async create(user, options = {}) {
      // A user whom an earlier version has stored under another id keeps reading and deleting.
      if (typeof user !== "string" || user === "" || !(await maySignIn(db, user))) owner.check({ user });
      const { expiresInSeconds = DEFAULT_SECONDS } = newUserToken.check(options);
      const now = Math.floor(clock.now() / 1000);
      const current = await generation(user);
      const token = await new SignJWT({ role: "user", ...(current !== undefined && { generation: current }) })
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
        .setSubject(user)
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(await secret.get());
      rememberSecret(token);
      return { token, user, expiresAt: isoTime((now + expiresInSeconds) * 1000) };
    },
    async userOf(token) {
      if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      try {
        const { payload } = await jwtVerify(token, await secret.get(), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience,
          currentDate: new Date(clock.now()),
          requiredClaims: ["sub", "exp"],
        });
        const { role, sub } = payload;
        if (role !== "user" || !sub || !(await maySignIn(db, sub))) return undefined;
        const current = await generation(sub);
        return current === undefined || current === payload["generation"] ? sub : undefined;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
    async revoke(given, scope = {}) {
      const { user } = anyOwner.check({ user: given });
      ownerIn(scope, user);
      if (!(await maySignIn(db, user))) assertUserId("user tokens", user);
      await endGeneration(db, await secret.hashOf(user), clock.now());
    },
    purge: () => forgetGenerations(db, clock.now() - REVOCATIONS_KEPT_MS),
  };
}
