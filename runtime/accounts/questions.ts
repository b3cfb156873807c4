import { HooklineError } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { connectionValues, methodOf, readable, type Credentials, type Unissued } from "./credentials.ts";

/**
 * Whether a vendor is asked the same with other inputs, wherever it is asked for a token or for the account, and in what every
 * request carries. Where it is not, the inputs may lead to another account.
 * @throws HooklineError `invalid_input` for inputs that no request can be made of
 */
export function asksTheSame(
  connector: Connector,
  row: ConnectionRow,
  credentials: Credentials | Unissued,
  inputs: ConnectionRow["inputs"],
): boolean {
  return questions(connector, { ...row, inputs }, credentials) === before(connector, row, credentials);
}

/** Undefined for a connection that the manifest by now asks more of than it has. */
function before(...asked: Parameters<typeof questions>): string | undefined {
  try {
    return questions(...asked);
  } catch (error) {
    if (error instanceof HooklineError) return undefined;
    throw error;
  }
}

function questions(connector: Connector, row: ConnectionRow, credentials: Credentials | Unissued): string {
  const { authentication, manifest, serverHeaders } = connector;
  const { test, session, statement, tokenParams, present } = authentication.get(row.authType)!;
  const given = "given" in credentials ? readable(methodOf(manifest.authentication, row), credentials.given) : {};
  const scope = { credentials: given, connection: connectionValues(row) };
  const parts = [session?.login, statement?.header, statement?.claims, statement?.key, tokenParams, present, test];
  return JSON.stringify([serverHeaders(scope), ...parts.map((part) => part?.(scope) ?? null)]);
}
