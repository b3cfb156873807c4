import type { AuthenticationMethod, BasicAuthentication } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Connector } from "../manifest/connector.ts";
import { connectionValues, methodOf, readable, type Credentials, type OpenConnection } from "./credentials.ts";

/** The headers and query parameters that carry credentials. */
export interface Presented {
  headers: Record<string, string>;
  query: Record<string, string>;
}

/**
 * How a connection proves itself in each request.
 * @throws HooklineError `invalid_input` for what no header can carry
 */
export function presentCredentials(connector: Connector, opened: OpenConnection): Presented {
  const presented = present(connector, opened);
  for (const [header, value] of Object.entries(presented.headers)) {
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) continue;
    const message = "the credentials have characters that no header carries; check them, and connect again";
    throw new HooklineError("invalid_input", `${connector.name}: ${header}: ${message}`);
  }
  return presented;
}

function present({ manifest, authentication }: Connector, { row, credentials }: OpenConnection): Presented {
  const method = methodOf(manifest.authentication, row);
  switch (credentials.type) {
    case "oauth2":
    case "clientCredentials":
    case "jwtBearer":
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
    case "custom":
    case "session": {
      const accessToken = "accessToken" in credentials ? credentials.accessToken : undefined;
      const scope = {
        credentials: readable(method, credentials.given),
        accessToken,
        connection: connectionValues(row),
      };
      const { headers = {}, query = {} } = authentication.get(row.authType)!.present!(scope) as Partial<Presented>;
      return { headers, query };
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
