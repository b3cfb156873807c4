import type { Manifest } from "../../schemas/manifest.ts";
import type { SendOptions } from "../../runtime/accounts/client.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply, type Seen } from "./harness.ts";

export const READ: SendOptions = { scope: "stream", kind: "read", retry: { max: 0, on: [] } };
export const get = { method: "GET", path: "/things" };
export const HOUR = 3_600_000;

/** A connection made of tokens that end in an hour; `token` answers the token endpoint. */
export async function connected(
  token: (request: Seen, count: number) => Reply | Promise<Reply>,
  parts: Partial<Manifest> = {},
  random = Math.random,
) {
  let calls = 0;
  let accepted = (_authorization: string): boolean | Reply => true;
  let refused: string | undefined;
  const vendor = await vendorServer((request) => {
    if (request.url === "/token") return token(request, ++calls);
    if (request.url === "/v1/me" && request.headers.authorization !== refused) {
      return { json: { email: "a@x.example" } };
    }
    const answer = accepted(request.headers.authorization!);
    if (typeof answer !== "boolean") return answer;
    return answer ? { json: { sent: request.headers.authorization } } : { status: 401 };
  });
  const h = await harness([acme({ authentication: acmeOAuth, ...parts })], { url: vendor.url, random });
  const credentials = {
    accessToken: "access-token-0",
    refreshToken: "refresh-token-0",
    expiresAt: h.clock.now() + HOUR,
  };
  const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
  return {
    ...h,
    id,
    vendor,
    tokenCalls: () => vendor.calls("/token"),
    accept: (test: (authorization: string) => boolean | Reply) => void (accepted = test),
    /** Has the request by which credentials are tested refused, like all others. */
    refuse: (authorization: string) => {
      refused = authorization;
      accepted = (given) => given !== authorization;
    },
    send: async (accounts = h.accounts) => (await (await accounts.client(id)).send(get, READ)).body,
  };
}

/** What the token endpoint answers the n-th time. */
export const renewed = (n: number, more: object = {}): Reply => ({
  json: {
    access_token: `access-token-${n}`,
    refresh_token: `refresh-token-${n}`,
    token_type: "Bearer",
    expires_in: 3600,
    ...more,
  },
});
