import { HooklineError, notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { changeConnection, connections, type ConnectionRow, type ConnectionView } from "../model/connections.ts";
import {
  confirmation,
  connectionChanges,
  connectionQuery,
  connectionRemoval,
  newConnection,
  reconnection,
  type Confirmation,
  type ConnectionEdit,
  type NewConnection,
  type Reconnection,
  type RemovalOptions,
} from "../model/connection-input.ts";
import { saveGrants } from "../model/grants.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { newOwner } from "../model/user.ts";
import type { Authorize } from "./authorize.ts";
import { checkInputs, checkReturnTo } from "./checks.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Consent } from "./consent.ts";
import { methodOf, methodsOf, openCredentials, readCredentials, sealCredentials } from "./credentials.ts";
import { draftOf } from "./draft.ts";
import type { Erasures } from "./erasures.ts";
import type { Fence } from "./fence.ts";
import type { Grants } from "./grants.ts";
import type { Learn } from "./learn.ts";
import { NOTHING_PROVED, openProofs, sealProofs } from "./proofs.ts";
import type { Proving } from "./proving.ts";
import type { Removal } from "./removal.ts";
import { grantedOf, type Granted } from "./scopes.ts";
import type { Status } from "./status.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { renamed, verify, verifyStored } from "./verify.ts";
import { viewOf, warningsOf } from "./view.ts";

/** A connection, with what threatens it and what it may do. */
export interface ConnectionDetails extends ConnectionView {
  warnings: string[];
  operations: { triggers: Granted; actions: Granted };
}

/**
 * The connections of all users, as people manage them. All but `create` and `list` throw `not_found` for a connection that
 * does not exist in the scope. `session` is for hosts that finish OAuth by themselves; see {@link Authorize}.
 */
export interface Connections {
  /**
   * OAuth: `pending` with the address to send the person to: our own page, or with a `session` the vendor's.
   * Credentials: `active` after a real request with them.
   * @throws HooklineError `invalid_input`, `not_found` (connector), `forbidden` (another user), `invalid_url` (returnTo),
   *   `invalid_config` (no OAuth client), `connection_rejected`, or what the request threw
   */
  create(
    connection: NewConnection,
    scope?: Scope,
    session?: string,
  ): Promise<ConnectionView & { authorizeUrl?: string }>;
  /** With warnings of what threatens it, and what it may do. */
  get(id: string, scope?: Scope): Promise<ConnectionDetails>;
  /** In the order they were created. @throws HooklineError `invalid_input`, `forbidden` */
  list(query?: InputOf<typeof connectionQuery>, scope?: Scope): Promise<Page<ConnectionView>>;
  /** @throws HooklineError `invalid_input`, `conflict` when it changed meanwhile */
  update(id: string, changes: ConnectionEdit, scope?: Scope): Promise<ConnectionView>;
  /**
   * Deletes the connection, and ends its grant at the vendor unless another connection lives on it. Deliveries that wait end; what
   * came of it is erased within 72 hours, unless `erase` says otherwise.
   * @throws HooklineError `invalid_input`
   */
  remove(id: string, options?: RemovalOptions, scope?: Scope): Promise<Removal>;
  /**
   * Tests the credentials with a real request; a connection that was lost and works again becomes active.
   * @throws HooklineError `conflict`, `connection_rejected`, `reauth_required`, or what the request threw
   */
  test(id: string, scope?: Scope): Promise<ConnectionView>;
  /**
   * Begins a new authorization of the same connection: it keeps its id, subscriptions and cursors. Only the account it belongs
   * to is taken, unless `account` is "move".
   * @throws HooklineError `invalid_input`, `invalid_url`, `conflict` when it is not connected by OAuth
   */
  reconnect(id: string, options?: Reconnection, scope?: Scope, session?: string): Promise<{ authorizeUrl: string }>;
  /**
   * Makes a connection active whose authorization was begun with `confirm`, for the same user or admin who began it.
   * @throws HooklineError `invalid_input` (a wrong code; the third ends the authorization), `forbidden` (somebody else began
   *   it), `conflict` when nothing waits to be confirmed
   */
  confirm(id: string, confirmation: Confirmation, scope?: Scope): Promise<ConnectionView>;
}

export interface ConnectionsNeeds {
  vendorOf: VendorOf;
  tokens: Tokens;
  status: Status;
  authorize: Authorize;
  confirmations: Confirmations;
  consent: Consent;
  requireConfirmation: boolean;
  grants: Grants;
  learn: Learn;
  proving: Proving;
  remove: Erasures["remove"];
  fence: Fence;
  /** Origins people may be sent back to. */
  returnOrigins: readonly string[];
}

/** Makes the service of connections. */
export function createConnections(
  { db, vault, clock }: Pick<Context, "db" | "vault" | "clock">,
  {
    vendorOf,
    tokens,
    status,
    authorize,
    confirmations,
    consent,
    requireConfirmation,
    grants,
    learn,
    proving,
    remove,
    fence,
    returnOrigins,
  }: ConnectionsNeeds,
): Connections {
  const find = async (id: string, scope: Scope = {}): Promise<ConnectionRow> => {
    const row = await connections.find(db, id);
    if (row && isVisible(row.user, scope)) return row;
    throw notFound("connection", id);
  };
  const authenticationOf = (connector: string) => vendorOf(connector).connector.manifest.authentication;
  const methodFor = (row: ConnectionRow) =>
    methodsOf(authenticationOf(row.connector)).find(({ type }) => type === row.authType);
  /** What cannot be opened keeps nobody from seeing the rest. */
  const orUnknown = <Opened>(open: () => Opened): Opened | undefined => {
    try {
      return open();
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
      throw error;
    }
  };
  const view = (row: ConnectionRow): ConnectionView =>
    viewOf(row, methodFor(row), orUnknown(() => openProofs(vault, row)) ?? NOTHING_PROVED);
  const change = async (row: ConnectionRow, changes: Parameters<typeof changeConnection>[3]): Promise<void> =>
    expectChange(await changeConnection(db, row.id, row, changes, clock.now()), row.id);

  const createWithCredentials = async (given: NewConnection & { user: string }): Promise<ConnectionView> => {
    const vendor = vendorOf(given.connector);
    consent.check(vendor, given);
    const { method, credentials, expiresAt } = readCredentials(
      vendor.connector.manifest.authentication,
      given.credentials ?? {},
    );
    checkInputs(method, given.inputs ?? {});
    const draft = draftOf(given, method.type, clock.now());
    const assertStill = await fence(given.user);
    const { name, captured, identity, failure } = await verify(vendor, draft, credentials, clock);
    if (failure) throw failure;
    const hashes = await grants.hashesOf(draft.connector, identity.grant);
    const row: ConnectionRow = {
      ...draft,
      status: "active",
      label: name,
      accountName: name,
      proofs: sealProofs(vault, draft, identity),
      captured,
      credentials: sealCredentials(vault, draft, credentials),
      expiresAt,
    };
    await db.transaction(async (tx) => {
      await assertStill(tx);
      await connections.insert(tx, row);
      await saveGrants(tx, row.id, hashes);
      await status.announce(tx, { id: row.id, connector: row.connector, user: row.user, status: "active" });
    });
    return view(row);
  };

  return {
    async create(connection, scope = {}, session) {
      const checked = newConnection.check(connection);
      const given = { ...checked, user: assertNamed(newOwner("connection", scope, checked.user)) };
      const method = methodsOf(authenticationOf(given.connector))[0]!;
      if (given.credentials !== undefined || method.type !== "oauth2") return createWithCredentials(given);
      checkInputs(method, given.inputs ?? {});
      const returnTo = checkReturnTo(returnOrigins, given.returnTo);
      const draft = draftOf(given, "oauth2", clock.now());
      const scopes = await consent.scopesFor(vendorOf(given.connector), draft, given);
      const row = { ...draft, asked: scopes };
      const confirm = requireConfirmation || given.confirm === true;
      const assertStill = await fence(given.user);
      const authorizeUrl = await authorize.begin(row, { returnTo, session, confirm, scopes, by: scope.user ?? null });
      await db.transaction(async (tx) => {
        await assertStill(tx);
        await connections.insert(tx, row);
      });
      return { ...view(row), authorizeUrl };
    },

    async get(id, scope) {
      const row = await find(id, scope);
      const sameGrant = row.authType === "oauth2" ? await grants.count(row) : 1;
      const { credentials: sealed } = row;
      const credentials = sealed === null ? undefined : orUnknown(() => openCredentials(vault, row, sealed));
      return {
        ...view(row),
        warnings: warningsOf(row, methodFor(row), { credentials, sameGrant, now: clock.now() }),
        operations: grantedOf(vendorOf(row.connector).connector, row),
      };
    },

    async list(query, scope = {}) {
      const { user, connector, status, ...page } = connectionQuery.check(query);
      const { limit, after } = readPage(page);
      const filter = { user: ownerIn(scope, user), connector, status };
      return toPage(await connections.page(db, filter, { after, limit: limit + 1 }), limit, view);
    },

    async update(id, changes, scope) {
      const { label, inputs } = connectionChanges.check(changes);
      const row = await find(id, scope);
      const merged = inputs && { ...row.inputs, ...inputs };
      if (merged) checkInputs(methodOf(authenticationOf(row.connector), row), merged);
      await change(row, { label, inputs: merged });
      return view(await find(id));
    },

    async remove(id, options = {}, scope) {
      const { erase } = connectionRemoval.check(options);
      return remove(await find(id, scope), erase);
    },

    async test(id, scope) {
      const found = await find(id, scope);
      if (found.status === "pending" && found.credentials !== null) {
        await proving.test(found);
        return view(await find(id));
      }
      if (found.credentials === null)
        throw new HooklineError("conflict", `${id} is not authorized yet; open its authorizeUrl first`);
      const isLost = found.status === "reauth_required" && found.authType !== "oauth2";
      const opened = isLost
        ? { row: found, credentials: openCredentials(vault, found, found.credentials) }
        : await tokens.open(found);
      const renew = (rejected: number) => tokens.open(id, rejected);
      const verified = await verifyStored(vendorOf(found.connector), opened, renew, clock);
      const { row, name, captured, identity, failure } = verified;
      if (failure) throw failure;
      const changes = { ...renamed(row, name), captured: { ...row.captured, ...captured } };
      if (isLost) expectChange(await status.activate(row, changes), id);
      else if (changes.label !== row.label || changes.accountName !== row.accountName) await change(row, changes);
      await learn.tested(row, identity);
      return view(await find(id));
    },

    async reconnect(id, options = {}, scope = {}, session) {
      const given = reconnection.check(options);
      const row = await find(id, scope);
      if (row.authType !== "oauth2") {
        throw new HooklineError(
          "conflict",
          `${id} is connected by ${row.authType}, not by OAuth; remove it and create it with new credentials`,
        );
      }
      const returnTo = checkReturnTo(returnOrigins, given.returnTo);
      const scopes = await consent.scopesFor(vendorOf(row.connector), row, given);
      const confirm = requireConfirmation || given.confirm === true;
      const moves = given.account === "move";
      const by = scope.user ?? null;
      return { authorizeUrl: await authorize.begin(row, { returnTo, session, confirm, moves, scopes, by }) };
    },

    async confirm(id, given, scope = {}) {
      const { code } = confirmation.check(given);
      await confirmations.confirm(await find(id, scope), code, scope.user ?? null);
      return view(await find(id));
    },
  };
}

function assertNamed(user: string | undefined): string {
  if (user !== undefined) return user;
  const faults = [{ pointer: "/user", message: "is required" }];
  throw new HooklineError("invalid_input", "connection/user: is required", { faults });
}

function expectChange(isChanged: boolean, id: string): void {
  if (!isChanged) throw new HooklineError("conflict", `${id} changed meanwhile; read it and try again`);
}
