import type { Request, Response } from "express";
import { ipKeyGenerator, rateLimit } from "express-rate-limit";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import { isSameSecret } from "../accounts/api-keys.ts";
import { assertPrincipal, type Principal } from "../model/principal.ts";
import { maySignIn } from "../model/user.ts";
import type { Services } from "./services.ts";

/** The host's own login: who sends this request, or null. */
export type HostLogin = (request: Request) => Principal | null | Promise<Principal | null>;

export interface AuthenticateOptions {
  /** An admin key besides the stored ones. */
  apiKey: string | undefined;
  hostLogin: HostLogin | undefined;
}

/**
 * Who sends a request: by API key, by user token, or by the host's own login, in this order.
 * @throws HooklineError `unauthenticated`, `forbidden` for a foreign page's request, `rate_limited` after too many wrong
 *   credentials
 */
export type Authenticate = (request: Request, response: Response, services: Services) => Promise<Principal>;

/** Wrong credentials per address and minute; right ones always pass. */
const FAILURES_PER_MINUTE = 30;

/** Makes the check of who sends a request: API key, user token, then the host's own login. */
export function createAuthenticate({ apiKey, hostLogin }: AuthenticateOptions): Authenticate {
  if (apiKey) rememberSecret(apiKey);
  const countFailure = failureCounter();

  const byBearer = async (bearer: string, { apiKeys, userTokens }: Services): Promise<Principal | undefined> => {
    if (apiKey && isSameSecret(bearer, apiKey)) return { role: "admin" };
    if (await apiKeys.isValid(bearer)) return { role: "admin" };
    const user = await userTokens.userOf(bearer);
    return user === undefined ? undefined : { role: "user", user };
  };

  return async (request, response, services) => {
    const bearer = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const known = bearer === undefined ? undefined : await byBearer(bearer, services);
    if (known) return known;
    const login = await hostLogin?.(request);
    if (login) {
      assertOwnPage(request);
      const principal = assertPrincipal(login);
      if (principal.role === "user" && !(await maySignIn(services.db, principal.user)))
        throw new TypeError(`authenticate: ${JSON.stringify(principal.user)} is not an id that a user can have`);
      return principal;
    }
    if (request.headers.authorization !== undefined) await countFailure(request, response);
    throw new HooklineError(
      "unauthenticated",
      "The API key or user token is missing, invalid or expired; send a valid one as Authorization: Bearer <key>",
    );
  };
}

/** A host's login may rest on a cookie, which browsers also send for other sites' pages (W3C Fetch Metadata). */
function assertOwnPage({ method, headers }: Request): void {
  if (headers["sec-fetch-site"] !== "cross-site" || method === "GET" || method === "HEAD") return;
  throw new HooklineError("forbidden", "This request comes from a page of another site; send it from your own");
}

function failureCounter(): (request: Request, response: Response) => Promise<void> {
  const windowMs = 60_000;
  const limiter = rateLimit({
    windowMs,
    limit: FAILURES_PER_MINUTE,
    standardHeaders: false,
    legacyHeaders: false,
    // Whether to trust a proxy's headers is the host's decision.
    validate: false,
    keyGenerator: ({ ip }) => ipKeyGenerator(ip ?? "unknown"),
    handler: (_request, _response, next) =>
      next(
        new HooklineError("rate_limited", "Too many wrong credentials from this address; try again in a minute", {
          retry: { after: windowMs },
        }),
      ),
  });
  return (request, response) =>
    new Promise((resolve, reject) => {
      void limiter(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
    });
}
