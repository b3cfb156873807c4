import samples from "../../../connector/highlevel/samples.json" with { type: "json" };
import { ManualClock } from "../../../runtime/core/clock.ts";
import { OPERATIONS } from "../../../runtime/sandbox/highlevel/operations.ts";
import { createSandbox, type Sandbox, type SandboxOptions } from "../../../runtime/sandbox/index.ts";

export { samples };
export const ALL_SCOPES = [...new Set(OPERATIONS.flatMap(({ scopes }) => scopes))];

export interface Answer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers differ, and tests read what they expect
  body: any;
}

export interface Client extends AsyncDisposable {
  sandbox: Sandbox;
  clock: ManualClock;
  /** One request with a location's token; `headers` with an undefined value leave the header out. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string | undefined>): Promise<Answer>;
  tokens(userType?: "Location" | "Company", scopes?: Iterable<string>): { access_token: string; refresh_token: string };
  /** A request to the token endpoint. */
  token(form: Record<string, string>): Promise<Answer>;
}

export async function openClient(options: SandboxOptions = {}): Promise<Client> {
  const clock = new ManualClock("2026-01-05T12:00:00Z");
  const sandbox = await createSandbox({ contacts: 0, clock, ...options });
  const { url, tokenUrl } = sandbox.servers.highlevel;
  const tokens: Client["tokens"] = (userType = "Location", scopes = ALL_SCOPES) => {
    const { highLevel, client } = sandbox;
    return highLevel.oauth.issue(highLevel.access(userType, scopes), client.clientId);
  };
  const send = async (address: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(address, init);
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
  };
  const { access_token } = tokens();
  return {
    sandbox,
    clock,
    tokens,
    call: (method, path, body, headers = {}) => {
      const given = {
        authorization: `Bearer ${access_token}`,
        version: "2021-07-28",
        "content-type": "application/json",
        ...headers,
      };
      const sent = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return send(url + path, { method, headers: sent, ...(body !== undefined && { body: JSON.stringify(body) }) });
    },
    token: (form) =>
      send(tokenUrl, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({
          client_id: sandbox.client.clientId,
          client_secret: sandbox.client.clientSecret,
          ...form,
        }).toString(),
      }),
    [Symbol.asyncDispose]: () => sandbox.stop(),
  };
}
