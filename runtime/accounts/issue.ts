import { HooklineError } from "../core/errors.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { issueToClient } from "./client-credentials.ts";
import { methodOf, type Unissued } from "./credentials.ts";
import type { IssueNeeds } from "./issuing.ts";
import { issueToAccount } from "./jwt-bearer.ts";
import { logIn } from "./session.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import { TokenError } from "./token-error.ts";

/**
 * Has the vendor issue a token for what a connection was given.
 * @throws HooklineError {@link TokenError}, what the vendor's error is, `network`, `timeout`, or `invalid_config` without the operator's client
 */
export type Issue = (row: ConnectionRow, unissued: Unissued) => Promise<TokenResponse>;

/** Makes what issues tokens of one connector. */
export function createIssue(needs: IssueNeeds): Issue {
  const { connector } = needs;
  return async (row, { given }) => {
    const method = methodOf(connector.manifest.authentication, row);
    if (method.type === "clientCredentials") return issueToClient(needs, method, row, given);
    if (method.type === "session") return logIn(needs, method, row, given);
    if (method.type === "jwtBearer") return issueToAccount(needs, method, row, given);
    throw new TypeError(`${row.id}: tokens of ${method.type} are not issued`);
  };
}

/** A refusal of credentials that somebody has just given: there is no connection yet that could be reconnected. */
export function asRejection(connector: string, error: unknown): unknown {
  if (!(error instanceof TokenError) || !error.grantGone) return error;
  const message = `${connector}: the vendor does not accept the credentials; check them and try again`;
  return new HooklineError("connection_rejected", message, { data: error.data });
}
