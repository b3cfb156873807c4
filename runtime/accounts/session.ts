import type { SessionAuthentication } from "../../schemas/manifest.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { cookiesOf } from "../vendor/cookies.ts";
import { classify, errorOfToken, VendorError } from "../vendor/errors.ts";
import { connectionValues, readable } from "./credentials.ts";
import type { IssueNeeds } from "./issuing.ts";
import { lifetimeOf } from "./lifetime.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import { TokenError } from "./token-error.ts";

/** Milliseconds a login may take. */
const LOGIN_DEADLINE_MS = 60_000;

/**
 * A session at the vendor, for what a connection was given.
 * @throws HooklineError {@link TokenError} for a refusal or an answer without a token; what the vendor's error is, `network`, `timeout`
 */
export async function logIn(
  { connector, http, now }: IssueNeeds,
  method: SessionAuthentication,
  row: ConnectionRow,
  given: Readonly<Record<string, string>>,
): Promise<TokenResponse> {
  const { session, lifetime } = connector.authentication.get(method.type)!;
  const scope = { credentials: readable(method, given), connection: connectionValues(row) };
  const response = await http.request(session!.login(scope), {
    credentials: { headers: {}, query: {} },
    headers: connector.serverHeaders(scope) as Record<string, string>,
    deadlineMs: LOGIN_DEADLINE_MS,
  });
  const what = `${connector.name}: the login`;
  const vendor = { status: response.status };
  const fault = classify(connector.errors, response, "token", now());
  if (fault?.class === "authExpired" || fault?.class === "authRevoked") {
    const message = `${what} was refused with ${response.status}; the credentials are not accepted; a person has to reconnect with others`;
    throw new TokenError(message, true, vendor, undefined);
  }
  if (fault) throw errorOfToken(new VendorError(what, response, fault));
  const answer = { response, cookie: cookiesOf(response.headers["set-cookie"], now()) };
  const token = session!.token(answer);
  const accessToken = Number.isSafeInteger(token) ? String(token) : token;
  if (typeof accessToken !== "string" || accessToken === "" || /\p{Cc}/u.test(accessToken))
    throw new TokenError(`${what} answered without a token; it is tried again later`, false, vendor, undefined);
  rememberSecret(accessToken);
  return { accessToken, expiresIn: lifetimeOf(lifetime, answer, now()), response };
}
