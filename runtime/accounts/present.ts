import type { AuthenticationMethod, BasicAuthentication } from "../../schemas/manifest.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Connector } from "../manifest/connector.ts";
import { methodOf, type Credentials, type OpenConnection } from "./credentials.ts";

/** The headers and query parameters that carry credentials. */
export interface Presented {
  headers: Record<string, string>;
  query: Record<string, string>;
}

/** How a connection proves itself in each request. */
export function presentCredentials(
  { manifest }: Pick<Connector, "manifest">,
  { row, credentials }: OpenConnection,
): Presented {
  const method = methodOf(manifest.authentication, row);
  switch (credentials.type) {
    case "oauth2":
      return bearer(credentials.accessToken);
    case "bearer":
      return bearer(credentials.token);
    case "basic":
      return { headers: { authorization: basic(ofType(method, "basic"), credentials) }, query: {} };
    case "apiKey": {
      const { in: place, name, prefix = "" } = ofType(method, "apiKey");
      const value = prefix + credentials.apiKey;
      return place === "header" ? { headers: { [name]: value }, query: {} } : { headers: {}, query: { [name]: value } };
    }
    case "none":
      return { headers: {}, query: {} };
  }
}

function bearer(token: string): Presented {
  return { headers: { authorization: `Bearer ${token}` }, query: {} };
}

/** RFC 7617 §2.1: UTF-8, of composed characters. */
function basic({ username, password }: BasicAuthentication, given: Extract<Credentials, { type: "basic" }>): string {
  const name = username?.fixed ?? given.username ?? "";
  const word = password?.fixed ?? given.password ?? "";
  const pair = Buffer.from(`${name}:${word}`.normalize("NFC")).toString("base64");
  rememberSecret(pair);
  return `Basic ${pair}`;
}

function ofType<Type extends AuthenticationMethod["type"]>(
  method: AuthenticationMethod,
  type: Type,
): Extract<AuthenticationMethod, { type: Type }> {
  if (method.type === type) return method as Extract<AuthenticationMethod, { type: Type }>;
  throw new TypeError("Credentials of another way of authentication");
}
