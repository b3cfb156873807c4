import type { Request, Response } from "express";
import type { RequestLog } from "../routes.ts";
import type { Route } from "../route.ts";
import { consentPage, errorPage } from "./consent.ts";
import { googleAnswers } from "./errors.ts";
import type { Google } from "./google.ts";
import { OAuthError } from "./oauth.ts";
import type { OAuthClient, TokenAnswer } from "./oauth.ts";

/** Scopes that only tell who somebody is: granted with signing in, without a checkbox. */
const SIGN_IN_SCOPES: ReadonlySet<string> = new Set([
  "openid",
  "email",
  "profile",
  "https://www.googleapis.com/auth/userinfo.email",
  "https://www.googleapis.com/auth/userinfo.profile",
]);

/** What the client asked for, found to be in order. */
interface AuthorizationRequest {
  clientId: string;
  redirectUri: string;
  scopes: string[];
  query: URLSearchParams;
}

/**
 * The authorization, token, revocation and token information endpoints.
 * Token requests are counted once more under their grant type: `oauth.token.refresh_token`.
 * @param origin  the issuer that the redirect names (RFC 9207)
 */
export function oauthRoutes(google: Google, requests: RequestLog, origin: () => string): Route[] {
  const answers = googleAnswers;
  return [
    {
      id: "oauth.authorize",
      method: "GET",
      path: "/o/oauth2/v2/auth",
      answers,
      handle: (request, response) => {
        const asked = readAuthorizationRequest(google, request, response);
        if (!asked) return;
        const hint = asked.query.get("login_hint") ?? undefined;
        const html = consentPage({
          clientId: asked.clientId,
          accounts: [...google.accounts.keys()],
          selected: google.accounts.has(hint ?? "") ? hint : undefined,
          scopes: asked.scopes.filter((scope) => !SIGN_IN_SCOPES.has(scope)),
        });
        response.type("html").send(html);
      },
    },
    {
      id: "oauth.consent",
      method: "POST",
      path: "/o/oauth2/v2/auth",
      answers,
      handle: (request, response) => {
        const asked = readAuthorizationRequest(google, request, response);
        if (asked) response.redirect(302, redirectTarget(asked, decide(google, asked, request), origin()));
      },
    },
    {
      id: "oauth.token",
      method: "POST",
      path: "/token",
      answers,
      handle: (request, response) => {
        const form = readForm(request);
        requests.count(`oauth.token.${form.get("grant_type") ?? "none"}`);
        response.set("Cache-Control", "no-store");
        answerOAuth(response, () => issueToken(google, authenticateClient(google, form, request), form));
      },
    },
    {
      id: "oauth.revoke",
      method: "POST",
      path: "/revoke",
      answers,
      handle: (request, response) => {
        const token = readForm(request).get("token") ?? queryOf(request).get("token");
        answerOAuth(response, () => {
          google.oauth.revoke(token ?? "");
          return {};
        });
      },
    },
    {
      id: "oauth.tokeninfo",
      method: "GET",
      path: "/tokeninfo",
      answers,
      handle: (request, response) =>
        answerOAuth(response, () => describeToken(google, queryOf(request).get("access_token") ?? "")),
    },
  ];
}

/** Checks an authorization request; answers the error page and gives undefined when it is wrong. */
function readAuthorizationRequest(
  google: Google,
  request: Request,
  response: Response,
): AuthorizationRequest | undefined {
  const query = queryOf(request);
  const client = google.oauth.client(query.get("client_id") ?? undefined);
  const redirectUri = query.get("redirect_uri") ?? "";
  const scopes = (query.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
  const fault = authorizationFault(client, redirectUri, scopes, query);
  if (client && !fault) return { clientId: client.clientId, redirectUri, scopes, query };
  response.status(400).type("html").send(errorPage(fault!.error, fault!.description));
  return undefined;
}

/** The first thing that is wrong with an authorization request, in Google's codes. */
function authorizationFault(
  client: OAuthClient | undefined,
  redirectUri: string,
  scopes: readonly string[],
  query: URLSearchParams,
): { error: string; description: string } | undefined {
  if (!client) return { error: "invalid_client", description: "The OAuth client was not found." };
  if (!isRedirectAllowed(client, redirectUri)) {
    return {
      error: "redirect_uri_mismatch",
      description: `The redirect URI ${redirectUri} is not registered for this client.`,
    };
  }
  if (query.get("response_type") !== "code") {
    return { error: "unsupported_response_type", description: "The response_type must be code." };
  }
  if (scopes.length === 0) return { error: "invalid_request", description: "Missing required parameter: scope" };
  const unknown = scopes.find((scope) => !isScope(scope));
  if (unknown) return { error: "invalid_scope", description: `The requested scope is not known: ${unknown}` };
  if (query.has("code_challenge") && query.get("code_challenge_method") !== "S256") {
    return { error: "invalid_request", description: "The code_challenge_method must be S256." };
  }
  return undefined;
}

/** The outcome of the consent page as parameters of the redirect. */
function decide(google: Google, asked: AuthorizationRequest, request: Request): Record<string, string> {
  const form = readForm(request);
  const email = form.get("account") ?? "";
  const ticked = new Set(form.getAll("scope"));
  const scopes = asked.scopes.filter((scope) => SIGN_IN_SCOPES.has(scope) || ticked.has(scope));
  if (form.get("decision") !== "approve" || scopes.length === 0 || !google.accounts.has(email)) {
    return { error: "access_denied" };
  }
  const code = google.oauth.approve({
    email,
    clientId: asked.clientId,
    redirectUri: asked.redirectUri,
    scopes,
    offline: asked.query.get("access_type") === "offline",
    prompted: (asked.query.get("prompt") ?? "").split(" ").includes("consent"),
    includeGranted: asked.query.get("include_granted_scopes") === "true",
    codeChallenge: asked.query.get("code_challenge") ?? undefined,
  });
  return { code, scope: scopes.join(" ") };
}

function redirectTarget(asked: AuthorizationRequest, outcome: Record<string, string>, issuer: string): string {
  const target = new URL(asked.redirectUri);
  const state = asked.query.get("state");
  for (const [name, value] of Object.entries({ ...(state !== null && { state }), iss: issuer, ...outcome })) {
    target.searchParams.set(name, value);
  }
  return target.href;
}

function issueToken(google: Google, client: OAuthClient, form: URLSearchParams): TokenAnswer {
  switch (form.get("grant_type")) {
    case "authorization_code":
      return google.oauth.exchange(client, {
        code: required(form, "code"),
        redirectUri: form.get("redirect_uri") ?? undefined,
        verifier: form.get("code_verifier") ?? undefined,
      });
    case "refresh_token":
      return google.oauth.refresh(client, required(form, "refresh_token"));
    default:
      throw new OAuthError("unsupported_grant_type", `Invalid grant_type: ${form.get("grant_type") ?? ""}`);
  }
}

/** Client credentials from the Authorization header (RFC 6749 §2.3.1) or from the body. */
function authenticateClient(google: Google, form: URLSearchParams, request: Request): OAuthClient {
  const basic = /^Basic (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (basic === undefined) {
    return google.oauth.authenticate(form.get("client_id") ?? undefined, form.get("client_secret") ?? undefined);
  }
  const [id, secret] = new URLSearchParams(
    `id=${Buffer.from(basic, "base64").toString().replace(":", "&secret=")}`,
  ).values();
  return google.oauth.authenticate(id, secret);
}

function describeToken(google: Google, value: string): object {
  const access = google.oauth.access(value);
  if (!access) throw new OAuthError("invalid_token", "Invalid Value");
  return {
    azp: access.clientId,
    aud: access.clientId,
    scope: [...access.scopes].join(" "),
    exp: String(Math.floor(access.expiresAt / 1000)),
    expires_in: String(Math.ceil((access.expiresAt - google.clock.now()) / 1000)),
    email: access.email,
    email_verified: "true",
    access_type: access.offline ? "offline" : "online",
  };
}

function answerOAuth(response: Response, answer: () => object): void {
  try {
    response.json(answer());
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    response.status(error.status).json(error.body);
  }
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value) return value;
  throw new OAuthError("invalid_request", `Missing required parameter: ${name}`);
}

function readForm(request: Request): URLSearchParams {
  return new URLSearchParams(typeof request.body === "string" ? request.body : "");
}

function queryOf(request: Request): URLSearchParams {
  return new URL(request.url, "http://sandbox").searchParams;
}

function isRedirectAllowed(client: OAuthClient, uri: string): boolean {
  if (client.redirectUris.includes(uri)) return true;
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  return protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
}

function isScope(scope: string): boolean {
  return (
    SIGN_IN_SCOPES.has(scope) ||
    scope === "https://mail.google.com/" ||
    scope.startsWith("https://www.googleapis.com/auth/")
  );
}
