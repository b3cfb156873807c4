import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { Manifest } from "../../schemas/manifest.ts";
import { createActions, type Actions } from "../../runtime/act/act.ts";
import type { VariablesOf } from "../../runtime/accounts/variables.ts";
import {
  createAccounts,
  type Accounts,
  type AccountsContext,
  type AccountsNeeds,
} from "../../runtime/accounts/accounts.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createVault, type Vault } from "../../runtime/core/crypto.ts";
import { capturedLog } from "../fixtures/captured-log.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { ServerOverride } from "../../runtime/vendor/hosts.ts";
import type { StatusChange } from "../../runtime/model/connections.ts";
import type { Database } from "../../runtime/store/database.ts";
import type { NewEvent } from "../../runtime/model/events.ts";
import { readWhole } from "../../runtime/read/whole.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});
export const later = (clean: () => unknown): void => void cleanups.push(clean);

export interface Seen {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What a test's vendor answers: a status with JSON or text, or nothing at all. */
export type Reply =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
  | "hang"
  | "reset";

/** A vendor on loopback whose answers the test decides, request by request. */
export async function vendorServer(answer: (request: Seen, count: number) => Reply | Promise<Reply>) {
  const seen: Seen[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const request = {
      method: req.method!,
      url: req.url!,
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
    };
    seen.push(request);
    const reply = await answer(request, seen.length);
    if (reply === "reset") return void req.socket.resetAndDestroy();
    if (reply === "hang") return;
    res.writeHead(reply.status ?? 200, {
      "content-type": "text" in reply ? "text/html" : "application/json",
      ...reply.headers,
    });
    res.end(reply.text ?? (reply.json === undefined ? "" : JSON.stringify(reply.json)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  later(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, seen, calls: (path: string) => seen.filter((request) => request.url.startsWith(path)) };
}

/** A small connector; parts are replaced by those given. */
export function acme(parts: Partial<Manifest> = {}): Manifest {
  return {
    manifestVersion: 1,
    name: "acme",
    version: "1.0.0",
    title: "Acme",
    server: { url: "https://api.acme.example/v1", headers: { "X-Location": "{$connection.locationId}" } },
    allowedHosts: ["api.acme.example", "auth.acme.example"],
    authentication: { type: "bearer", test: { method: "GET", path: "/me" }, label: "$response.body#/email" },
    actions: {
      get_thing: { title: "Get", kind: "get", input: {}, request: { method: "GET", path: "/things" } },
      make_thing: {
        title: "Make",
        kind: "create",
        input: {
          type: "object",
          properties: { name: { type: "string" } },
          required: ["name"],
          additionalProperties: false,
        },
        request: { method: "POST", path: "/things", body: { name: "$input.name" } },
      },
    },
    ...parts,
  };
}

/** OAuth for the small connector. */
export const acmeOAuth = {
  type: "oauth2" as const,
  authorizationUrl: "https://auth.acme.example/authorize",
  tokenUrl: "https://auth.acme.example/token",
  revokeUrl: "https://auth.acme.example/revoke",
  authorizationParams: { access_type: "offline" },
  scopes: { read: "Read", write: "Write" },
  refresh: { marginSeconds: 300, rotates: true },
  capture: { locationId: "$response.body#/locationId" },
  test: { method: "GET" as const, path: "/me" },
  label: "$response.body#/email",
  account: { email: "$response.body#/email" },
  grant: { email: "$response.body#/email" },
};

export interface Harness {
  accounts: Accounts;
  actions: Actions;
  db: Database;
  clock: ManualClock;
  vault: Vault;
  events: NewEvent[];
  statuses: StatusChange[];
  /** Lines of the log, as text. */
  logged: string[];
  /** Another process on the same store. */
  another(): Accounts;
}

export async function harness(
  manifests: (Manifest | string)[],
  options: Partial<AccountsNeeds & AccountsContext> & { url?: string; variablesOf?: VariablesOf } = {},
): Promise<Harness> {
  const db = options.db ?? (await openDatabase(await storeOfTest()));
  await migrate(db);
  const connectors = new Map();
  for (const manifest of manifests) {
    const connector = compileConnector(await loadManifest(manifest));
    connectors.set(connector.name, connector);
  }
  const clock = new ManualClock(Date.now());
  const vault = options.vault ?? createVault([Buffer.alloc(32, 7).toString("base64")]);
  const [events, statuses]: [NewEvent[], StatusChange[]] = [[], []];
  const { url } = options;
  const servers: Record<string, ServerOverride> =
    url === undefined
      ? {}
      : {
          acme: {
            url: `${url}/v1`,
            authorizationUrl: `${url}/authorize`,
            tokenUrl: `${url}/token`,
            revokeUrl: `${url}/revoke`,
          },
        };
  const { log, logged } = capturedLog({ level: "debug" });
  const another = (): Accounts => {
    const emit: AccountsContext["emit"] = async (_tx, more) => void events.push(...more);
    const accounts = createAccounts(
      { db, connectors, vault, emit, clock, log, random: Math.random, ...options },
      {
        clients: { acme: { clientId: "client-1", clientSecret: "client-secret-canary" } },
        servers,
        network: { allowPrivate: false, allow: [] },
        baseUrl: "https://app.example/integrations",
        returnOrigins: [],
        onStatus: async (_tx, change) => void statuses.push(change),
        readAll: readWhole,
        retryBaseMs: 5,
        ...options,
      },
    );
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => (closed ??= accounts.close());
    later(close);
    return { ...accounts, close };
  };
  if (!options.db) later(() => db.close());
  const accounts = another();
  const { variablesOf = async () => ({ workspace: {}, user: {} }) } = options;
  const actions = createActions({ db, vault, clock, log }, { accounts, variablesOf });
  return { accounts, actions, db, clock, vault, events, statuses, logged, another };
}
