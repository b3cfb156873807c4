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
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { newOwner } from "../model/user.ts";
import type { Authorize } from "./authorize.ts";
import { checkInputs, checkReturnTo } from "./checks.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Consent } from "./consent.ts";
import type { GivenConnections } from "./connect-given.ts";
import { methodOf, methodsOf, openCredentials } from "./credentials.ts";
import type { Derivations } from "./derivations.ts";
import { draftOf } from "./draft.ts";
import type { Erasures } from "./erasures.ts";
import type { Fence } from "./fence.ts";
import type { Grants } from "./grants.ts";
import type { Learn } from "./learn.ts";
import type { Proving } from "./proving.ts";
import { openProofs, relate } from "./proofs.ts";
import type { Removal } from "./removal.ts";
import { anotherAccount } from "./same-account.ts";
import type { Granted } from "./scopes.ts";
import { orUnknown, type Showing } from "./showing.ts";
import type { Status } from "./status.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { renamed, verifyStored } from "./verify.ts";
import { warningsOf } from "./view.ts";

/** A connection, with what threatens it and what it may do. */
export interface ConnectionDetails extends ConnectionView {
  warnings: string[];
  operations: { triggers: Granted; actions: Granted };
}

/**
 * The connections of all users, as people manage them. All but `create` and `list` throw `not_found` for a connection that
 * does not exist in the scope. `session` is for hosts that finish OAuth by themselves; see {@link Authorize}.
 */
export interface Connections extends Pick<Derivations, "derived" | "derive"> {
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
  /**
   * New credentials, and inputs that the vendor is asked with, are tested first, and are taken for the same account only, unless
   * `account` is "move".
   * @throws HooklineError `invalid_input`, `conflict` when it changed meanwhile; where they are tested what `create` throws,
   *   `account_mismatch` and `account_unproved`
   */
  update(id: string, changes: ConnectionEdit, scope?: Scope): Promise<ConnectionView>;
  /**
   * Deletes the connection, ends what was derived from it, and its grant at the vendor unless another connection lives on it. Deliveries
   * that wait end; what came of it is erased within 72 hours, unless `erase` says otherwise.
   * @throws HooklineError `invalid_input`
   */
  remove(id: string, options?: RemovalOptions, scope?: Scope): Promise<Removal>;
  /**
   * Tests the credentials with a real request; a connection that was lost and works again becomes active.
   * @throws HooklineError `conflict`, `connection_rejected`, `reauth_required`, `account_mismatch` when they lead to another
   *   account by now, or what the request threw
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
  given: GivenConnections;
  requireConfirmation: boolean;
  grants: Grants;
  learn: Learn;
  proving: Proving;
  remove: Erasures["remove"];
  fence: Fence;
  derivations: Derivations;
  showing: Showing;
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
    given,
    requireConfirmation,
    grants,
    learn,
    proving,
    remove,
    derivations,
    showing,
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
  const { view, views, methodFor, operationsOf } = showing;
  const shown = async (id: string, scope: Scope = {}): Promise<ConnectionView> =>
    (await views([await find(id)], scope))[0]!;
  const change = async (row: ConnectionRow, changes: Parameters<typeof changeConnection>[3]): Promise<void> =>
    expectChange(await changeConnection(db, row.id, row, changes, clock.now()), row.id);

  return {
    async create(connection, scope = {}, session) {
      const checked = newConnection.check(connection);
      const wish = { ...checked, user: assertNamed(newOwner("connection", scope, checked.user)) };
      const method = methodsOf(authenticationOf(wish.connector))[0]!;
      if (wish.credentials !== undefined || method.type !== "oauth2") return view(await given.create(wish));
      checkInputs(method, wish.inputs ?? {}, vendorOf(wish.connector));
      const returnTo = checkReturnTo(returnOrigins, wish.returnTo);
      const draft = draftOf(wish, "oauth2", clock.now());
      const scopes = await consent.scopesFor(vendorOf(wish.connector), draft, wish);
      const row = { ...draft, asked: scopes };
      const confirm = requireConfirmation || wish.confirm === true;
      const assertStill = await fence(wish.user);
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
        ...(await views([row], scope))[0]!,
        warnings: warningsOf(row, methodFor(row), { credentials, sameGrant, now: clock.now() }),
        operations: await operationsOf(row),
      };
    },

    async list(query, scope = {}) {
      const { user, connector, status, ...page } = connectionQuery.check(query);
      const { limit, after } = readPage(page);
      const filter = { user: ownerIn(scope, user), connector, status };
      const { data, nextCursor } = toPage(
        await connections.page(db, filter, { after, limit: limit + 1 }),
        limit,
        (row) => row,
      );
      return { data: await views(data, scope), nextCursor };
    },

    async update(id, changes, scope) {
      const edit = connectionChanges.check(changes);
      const { label, inputs, account } = edit;
      const row = await find(id, scope);
      const merged = inputs && { ...row.inputs, ...inputs };
      if (edit.credentials !== undefined || account !== undefined || (merged && given.mayLeadElsewhere(row, merged))) {
        await given.replace(row, edit);
        return shown(id, scope);
      }
      if (merged) checkInputs(methodOf(authenticationOf(row.connector), row), merged, vendorOf(row.connector));
      await change(row, { label, inputs: merged });
      return shown(id, scope);
    },

    async remove(id, options = {}, scope) {
      const { erase } = connectionRemoval.check(options);
      return remove(await find(id, scope), erase);
    },

    derived: derivations.derived,
    derive: derivations.derive,

    async test(id, scope) {
      const found = await find(id, scope);
      if (found.status === "pending" && found.credentials !== null) {
        await proving.test(found);
        return shown(id, scope);
      }
      const { credentials: sealed } = found;
      const isLost = found.status === "reauth_required" && found.authType !== "oauth2" && sealed !== null;
      const opened = isLost ? await given.reopen(found, sealed) : { ...(await tokens.open(found)), changes: {} };
      const renew = isLost ? undefined : (rejected: number) => tokens.open(id, rejected);
      const verified = await verifyStored(vendorOf(found.connector), opened, renew, clock);
      const { row, name, captured, identity, failure } = verified;
      // What was given may lead to another account by now, as a name that somebody else has.
      if (relate(openProofs(vault, row).account, identity.account) === "other") throw anotherAccount(row);
      if (failure) throw failure;
      // What keys and private tokens allow is changed at the vendor, and nobody is asked anew.
      const isAllowedAnew = row.refused !== null && row.authType !== "oauth2";
      const changes = {
        // A derived connection is called what its parent's list calls it.
        ...renamed(row, row.parent === null ? name : null),
        captured: { ...row.captured, ...captured },
        ...(isAllowedAnew && { refused: null }),
      };
      const isRenamed = changes.label !== row.label || changes.accountName !== row.accountName;
      if (isLost) expectChange(await status.activate(row, { ...changes, ...opened.changes }), id);
      else if (isRenamed || isAllowedAnew) await change(row, changes);
      // Whose grant a derived connection holds is known of its parent.
      if (row.parent === null) await learn.tested(row, identity);
      return shown(id, scope);
    },

    async reconnect(id, options = {}, scope = {}, session) {
      const wish = reconnection.check(options);
      const row = await find(id, scope);
      if (row.parent !== null) {
        const message = `${id} was derived from another connection; reconnect that one, and derive this one again: POST /v1/connections/{parent}/derived`;
        throw new HooklineError("conflict", message);
      }
      if (row.authType !== "oauth2") {
        throw new HooklineError(
          "conflict",
          `${id} is connected by ${row.authType}, not by OAuth; give it new credentials: PATCH /v1/connections/${id} {"credentials": {…}}`,
        );
      }
      const returnTo = checkReturnTo(returnOrigins, wish.returnTo);
      const scopes = await consent.scopesFor(vendorOf(row.connector), row, wish);
      const confirm = requireConfirmation || wish.confirm === true;
      const moves = wish.account === "move";
      const by = scope.user ?? null;
      return { authorizeUrl: await authorize.begin(row, { returnTo, session, confirm, moves, scopes, by }) };
    },

    async confirm(id, answer, scope = {}) {
      const { code } = confirmation.check(answer);
      await confirmations.confirm(await find(id, scope), code, scope.user ?? null);
      return shown(id, scope);
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
