import type { Manifest, Oauth2Authentication } from "../../schemas/manifest.ts";
import type { Database } from "../../runtime/store/database.ts";
import { acme, acmeOAuth, harness, vendorServer, type Harness, type Reply, type Seen } from "./harness.ts";

/** Agencies and their branches, each an account of its own. */
export const deriving = {
  ...acmeOAuth,
  scopes: { read: "Read", write: "Write", derive: "See branches and get access to them" },
  refresh: { marginSeconds: 300, rotates: true },
  capture: { agency: "$response.body#/agency", branch: "$response.body#/branch", kind: "$response.body#/kind" },
  label: "{$connection.kind} {$connection.agency}{$connection.branch}",
  account: {
    branch: "$connection.branch",
    agency: { $expr: "!(connection.branch) && connection.agency || `null`" },
  },
  grant: { agency: "$connection.agency" },
  derive: {
    when: "connection.kind == 'agency'",
    scopes: ["derive"],
    list: { method: "GET", path: "/branches", query: { agency: "$connection.agency", app: "$client.id" } },
    pagination: { type: "offset", to: "query.skip", pageSize: { param: "query.limit", value: 2 } },
    each: { select: "$response.body#/branches", where: "item.installed != `false`", id: "/id", label: "/name" },
    token: { method: "POST", path: "/branch-token", body: { branch: "$derived.id" } },
    proof: "$response.body#/branch",
    values: { branch: "$derived.id", agency: "$connection.agency", kind: "branch" },
  },
} satisfies Oauth2Authentication;

const input = (properties: Record<string, unknown>) => ({ type: "object", additionalProperties: false, properties });

export const agencyManifest = (): Manifest =>
  acme({
    authentication: deriving,
    allowedHosts: ["api.acme.example", "auth.acme.example"],
    actions: {
      get_things: {
        title: "Get",
        kind: "get",
        scopes: ["read"],
        input: {},
        request: { method: "GET", path: "/things" },
      },
      delete_thing: {
        title: "Delete",
        kind: "delete",
        input: {},
        request: { method: "DELETE", path: "/things" },
        accept: ["notFound"],
      },
      branch_only: {
        title: "Branch",
        kind: "get",
        requires: { condition: "connection.kind == 'branch'", message: "is for branches; connect one" },
        input: {},
        request: { method: "GET", path: "/branch/{+branch}" },
      },
      agency_only: {
        title: "Agency",
        kind: "get",
        requires: { condition: "connection.kind == 'agency'", message: "is for agencies; connect one" },
        as: "parent",
        input: input({ word: { type: "string" } }),
        request: {
          method: "GET",
          path: "/agency",
          query: { branch: "$connection.branch", agency: "$connection.agency", word: "$input.word" },
        },
      },
    },
  });

/** What the vendor does, for a test to change. */
export interface Say {
  branches: { id: string; name?: string | undefined; installed?: boolean }[];
  /** In place of the list. */
  list?: (request: Seen) => Reply | Promise<Reply> | undefined;
  /** In place of a branch's token, which is for what is asked for. */
  mint?: (branch: string, count: number) => Reply | undefined | Promise<Reply | undefined>;
  token?: (request: Seen) => Reply | undefined;
  /** Of the calls to anything else. */
  call?: (request: Seen) => Reply | undefined;
}

export const HOUR = 3_600_000;

/** An agency with three branches, connected by a user. */
export async function agency(options: Parameters<typeof harness>[1] = {}, db?: Database) {
  const say: Say = {
    branches: [{ id: "north", name: "North" }, { id: "south", name: "South" }, { id: "west" }],
  };
  const minted: string[] = [];
  let granted = 0;
  const vendor = await vendorServer(async (request) => {
    const { pathname, searchParams } = new URL(request.url, "http://vendor");
    if (pathname === "/token") {
      const own = say.token?.(request);
      if (own) return own;
      granted++;
      const tokens = { access_token: `agency-token-${granted}`, refresh_token: `agency-refresh-${granted}` };
      return { json: { ...tokens, expires_in: 86_400, agency: "acme-1", kind: "agency", scope: "read write derive" } };
    }
    if (pathname === "/v1/me") return { json: { email: "a@x.example" } };
    if (pathname === "/v1/branches") {
      const own = await say.list?.(request);
      if (own) return own;
      const from = Number(searchParams.get("skip"));
      return { json: { branches: say.branches.slice(from, from + Number(searchParams.get("limit"))) } };
    }
    if (pathname === "/v1/branch-token") {
      const { branch } = JSON.parse(request.body) as { branch: string };
      minted.push(branch);
      const own = await say.mint?.(branch, minted.length);
      if (own) return own;
      if (!say.branches.some(({ id, installed }) => id === branch && installed !== false))
        return { status: 404, json: { error: { message: "not installed" } } };
      const token = `branch-token-${branch}-${minted.length}`;
      return { status: 201, json: { access_token: token, expires_in: 86_400, scope: "read write", branch } };
    }
    return say.call?.(request) ?? { json: { by: request.headers.authorization, url: request.url } };
  });
  const h = await harness([agencyManifest()], { url: vendor.url, ...options, ...(db && { db }) });
  const credentials = (n: string | number) => ({
    accessToken: `agency-token-${n}`,
    refreshToken: `agency-refresh-${n}`,
    expiresAt: h.clock.now() + 24 * HOUR,
  });
  const session = "a-session-of-the-browser-0123456789";
  const authorize = async (authorizeUrl: string): Promise<void> => {
    const state = new URL(authorizeUrl).searchParams.get("state")!;
    await h.accounts.finishOAuth({ state, code: "code-1" }, session);
  };
  const connect = async (user = "u_1"): Promise<string> => {
    const wanted = { connector: "acme", user, scopes: ["read", "write", "derive"] };
    const { id, authorizeUrl } = await h.accounts.create(wanted, {}, session);
    await authorize(authorizeUrl!);
    return id;
  };
  const derive = async (parent: string, ids: string[], user?: string): Promise<string[]> => {
    const { data } = await h.accounts.derive(parent, { ids, ...(user !== undefined && { user }) });
    return data.map(({ connection, error }) => {
      if (!connection) throw new Error(error!.message);
      return connection.id;
    });
  };
  const by = async (id: string, { actions }: Pick<Harness, "actions"> = h): Promise<string> =>
    ((await actions.run(id, "get_things", {})).output as { by: string }).by;
  return { ...h, say, vendor, minted, credentials, authorize, connect, derive, by, session };
}
