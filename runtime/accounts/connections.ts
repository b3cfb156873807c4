import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import {
  changeConnection,
  countAccountConnections,
  deleteConnection,
  findConnection,
  insertConnection,
  listConnections,
  type ConnectionFilter,
  type ConnectionRow,
} from "../model/connections.ts";
import type { Database } from "../store/database.ts";
import type { Authorize } from "./authorize.ts";
import { checkInputs, checkReturnTo } from "./checks.ts";
import { methodOf, methodsOf, openCredentials, readCredentials, sealCredentials } from "./credentials.ts";
import type { Status } from "./status.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { relabel, verify } from "./verify.ts";
import { viewOf, warningsOf, type ConnectionView } from "./view.ts";

export interface NewConnection {
  connector: string;
  user: string;
  /** By type of authentication; without them OAuth begins. */
  credentials?: Record<string, unknown>;
  /** Answers to the manifest's `connectionInput`. */
  inputs?: Record<string, unknown>;
  /** Where a person goes after OAuth; its origin must be allowed. */
  returnTo?: string;
  /** See {@link Authorize}. */
  session?: string;
}

/** The connections of all users. With a user given, those of others do not exist: `not_found`. */
export interface Connections {
  /**
   * OAuth: `pending` with the address to send the person to. Credentials: `active` after a real request with them.
   * Throws `not_found` (connector), `invalid_input`, `invalid_url` (returnTo), `connection_rejected`, or what the request threw.
   */
  create(connection: NewConnection): Promise<ConnectionView & { authorizeUrl?: string }>;
  /** With warnings of what threatens it. */
  get(id: string, user?: string): Promise<ConnectionView & { warnings: string[] }>;
  /** In the order they were made. `cursor` is a page's `nextCursor`. */
  list(
    filter: ConnectionFilter,
    page: { limit: number; cursor?: string },
  ): Promise<{ data: ConnectionView[]; nextCursor: string | null }>;
  /** Throws `conflict` when it changed meanwhile. */
  update(
    id: string,
    changes: { label?: string; inputs?: Record<string, unknown> },
    user?: string,
  ): Promise<ConnectionView>;
  /** Gives the grant back to the vendor as far as it takes it, and forgets everything. */
  remove(id: string, user?: string): Promise<void>;
  /** Proves the credentials anew; a connection that was lost and works again is active again. Throws `connection_rejected`. */
  test(id: string, user?: string): Promise<ConnectionView>;
  /** A new authorization for the same connection: it keeps its id, subscriptions and cursors. */
  reconnect(
    id: string,
    options?: { returnTo?: string; session?: string },
    user?: string,
  ): Promise<{ authorizeUrl: string }>;
}

export interface ConnectionsOptions {
  db: Database;
  vault: Vault;
  clock: Clock;
  log: Log;
  vendorOf: VendorOf;
  tokens: Tokens;
  status: Status;
  authorize: Authorize;
  /** Origins people may be sent back to. */
  returnOrigins: readonly string[];
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { db, vault, clock, log, vendorOf, tokens, status, authorize } = options;

  const find = async (id: string, user?: string): Promise<ConnectionRow> => {
    const row = await findConnection(db, id);
    if (row && (user === undefined || row.user === user)) return row;
    throw new HooklineError("not_found", `There is no connection ${id}; check the id`);
  };
  const view = (row: ConnectionRow): ConnectionView => {
    const { authentication } = vendorOf(row.connector).connector.manifest;
    return viewOf(
      row,
      methodsOf(authentication).find(({ type }) => type === row.authType),
    );
  };
  const newRow = (given: NewConnection, authType: ConnectionRow["authType"]): ConnectionRow => ({
    id: newId("con", clock.now()),
    connector: given.connector,
    user: given.user,
    status: "pending",
    label: null,
    inputs: given.inputs ?? {},
    captured: {},
    scopes: [],
    authType,
    credentials: null,
    expiresAt: null,
    version: 1,
    refreshOwner: null,
    refreshUntil: null,
    error: null,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });

  const createWithCredentials = async (
    given: NewConnection,
    credentialsGiven: Record<string, unknown>,
  ): Promise<ConnectionView> => {
    const vendor = vendorOf(given.connector);
    const { method, credentials, expiresAt } = readCredentials(
      vendor.connector.manifest.authentication,
      credentialsGiven,
    );
    checkInputs(method, given.inputs ?? {});
    const draft = newRow(given, method.type);
    const { account, captured } = await verify(vendor, draft, credentials, clock);
    const row: ConnectionRow = {
      ...draft,
      status: "active",
      label: account,
      captured: account === null ? captured : { ...captured, account },
      credentials: sealCredentials(vault, draft.id, credentials),
      expiresAt,
    };
    await db.transaction(async (tx) => {
      await insertConnection(tx, row);
      await status.announce(tx, { id: row.id, connector: row.connector, user: row.user, status: "active" });
    });
    return view(row);
  };

  return {
    create: async (given) => {
      const { manifest } = vendorOf(given.connector).connector;
      const method = methodsOf(manifest.authentication)[0]!;
      if (given.credentials !== undefined) return createWithCredentials(given, given.credentials);
      if (method.type !== "oauth2") return createWithCredentials(given, {});
      checkInputs(method, given.inputs ?? {});
      checkReturnTo(options.returnOrigins, given.returnTo);
      const row = newRow(given, "oauth2");
      const authorizeUrl = await authorize.begin(row, { returnTo: given.returnTo, session: given.session });
      await insertConnection(db, row);
      return { ...view(row), authorizeUrl };
    },

    get: async (id, user) => {
      const row = await find(id, user);
      const sameAccount = row.label === null ? 1 : await countAccountConnections(db, row.connector, row.label);
      return { ...view(row), warnings: warningsOf(row, sameAccount, clock.now()) };
    },

    list: async (filter, { limit, cursor }) => {
      const rows = await listConnections(db, filter, { limit: limit + 1, after: cursor });
      const data = rows.slice(0, limit);
      return { data: data.map(view), nextCursor: rows.length > limit ? data.at(-1)!.id : null };
    },

    update: async (id, { label, inputs }, user) => {
      const row = await find(id, user);
      const changes = {
        ...(label === undefined ? {} : { label }),
        ...(inputs === undefined ? {} : { inputs: { ...row.inputs, ...inputs } }),
      };
      if (changes.inputs)
        checkInputs(methodOf(vendorOf(row.connector).connector.manifest.authentication, row), changes.inputs);
      await expectChange(changeConnection(db, id, { version: row.version }, changes, clock.now()), id);
      return view(await find(id));
    },

    remove: async (id, user) => {
      const row = await find(id, user);
      await revoke(row).catch((error: unknown) =>
        log.warn({ connection: id, error }, "a grant could not be revoked at the vendor"),
      );
      await db.transaction(async (tx) => {
        await deleteConnection(tx, id);
        await status.announce(tx, { id, connector: row.connector, user: row.user, status: "removed" });
      });
    },

    test: async (id, user) => {
      const found = await find(id, user);
      if (found.credentials === null)
        throw new HooklineError("conflict", `${id} is not authorized yet; open its authorizeUrl first`);
      const lost = found.status === "reauth_required" && found.authType !== "oauth2";
      const { row, credentials } = lost
        ? { row: found, credentials: openCredentials(vault, id, found.credentials) }
        : await tokens.usable(id);
      const { account, captured } = await verify(vendorOf(row.connector), row, credentials, clock);
      const changes = {
        label: relabel(row, account),
        captured: { ...row.captured, ...captured, ...(account === null ? {} : { account }) },
      };
      if (lost) await expectChange(status.activate(row, changes), id);
      else if (changes.label !== row.label)
        await expectChange(changeConnection(db, id, { version: row.version }, changes, clock.now()), id);
      return view(await find(id));
    },

    reconnect: async (id, given = {}, user) => {
      const row = await find(id, user);
      if (row.authType !== "oauth2") {
        throw new HooklineError(
          "conflict",
          `${id} is connected by ${row.authType}, not by OAuth; remove it and create it with new credentials`,
        );
      }
      checkReturnTo(options.returnOrigins, given.returnTo);
      return { authorizeUrl: await authorize.begin(row, given) };
    },
  };

  /** Some vendors, Google among them, end every token of an account with one: it stays while another connection lives on it. */
  async function revoke(row: ConnectionRow): Promise<void> {
    if (row.authType !== "oauth2" || row.credentials === null) return;
    if (row.label !== null && (await countAccountConnections(db, row.connector, row.label)) > 1) return;
    const credentials = openCredentials(vault, row.id, row.credentials);
    if (credentials.type === "oauth2")
      await vendorOf(row.connector)
        .oauth()
        .revoke(credentials.refreshToken ?? credentials.accessToken);
  }
}

async function expectChange(changed: Promise<boolean>, id: string): Promise<void> {
  if (!(await changed)) throw new HooklineError("conflict", `${id} changed meanwhile; read it and try again`);
}
