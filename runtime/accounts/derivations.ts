import { HooklineError, refuseFaults } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { derivation, derivedQuery, MOST_DERIVED, type DerivationInput } from "../model/connection-input.ts";
import {
  changeConnection,
  connections,
  findConnection,
  type ConnectionChanges,
  type ConnectionRow,
  type ConnectionView,
} from "../model/connections.ts";
import { derivedConnections, holdConnection } from "../model/derived-connections.ts";
import { saveGrants } from "../model/grants.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, visible, type Scope } from "../model/principal.ts";
import { newOwner } from "../model/user.ts";
import type { Tx } from "../store/database.ts";
import { credentialsFrom, methodOf, openCredentials, sealCredentials } from "./credentials.ts";
import { draftOf } from "./draft.ts";
import type { Fence } from "./fence.ts";
import type { Grants } from "./grants.ts";
import { NotInstalled, type Minted, type Minting, type Offer, type Parent } from "./minting.ts";
import { identityOf, openProofs, sealProofs } from "./proofs.ts";
import type { Showing } from "./showing.ts";
import type { Status } from "./status.ts";
import type { VendorOf } from "./vendors.ts";
import { renamed } from "./verify.ts";

/** What a connection can be derived for, and the connections that stand for it, of those that the caller is shown. */
export interface Derived extends Offer {
  connections: Pick<ConnectionRow, "id" | "user" | "status">[];
}

/** What became of one of several that were to be derived. */
export interface DerivationResult extends Offer {
  /** Null with an `error`. */
  connection: ConnectionView | null;
  error: { code: string; message: string } | null;
}

/** What became of all of them. */
export interface DerivationResults {
  data: DerivationResult[];
  /** How many are offered beyond these for which the user has no connection. */
  remaining: number;
}

/** Connections that are derived from another: one install of an agency serves each of its locations. */
export interface Derivations {
  /**
   * What the vendor lists now, in an order that stays. For the connection's owner and admins.
   * @throws HooklineError `invalid_input`, `not_found`, `conflict` for a connection that none is derived from, `scope_missing`, and
   *   what the list's requests throw
   */
  derived(id: string, query?: InputOf<typeof derivedQuery>, scope?: Scope): Promise<Page<Derived>>;
  /**
   * Derives connections, each with a token that the vendor gave for it. One that exists already is given another token, and works
   * again if it did not. Each succeeds or fails for itself.
   * @throws HooklineError `forbidden` for another user's, unless an admin asks; and as {@link Derivations.derived}
   */
  derive(id: string, given: DerivationInput, scope?: Scope): Promise<DerivationResults>;
  /**
   * The same once more for one that was derived from this parent and lost it, unless it is gone or works again meanwhile.
   * @throws HooklineError {@link NotInstalled}, `conflict`, and what minting throws
   */
  again(parent: ConnectionRow, child: ConnectionRow): Promise<void>;
}

export interface DerivationsNeeds {
  vendorOf: VendorOf;
  minting: Minting;
  grants: Grants;
  status: Status;
  fence: Fence;
  views: Showing["views"];
}

/** How many tokens are asked for at a time. */
const AT_A_TIME = 5;
/** A renewal or a pause may come in between. */
const MOST_RACES = 5;

/** Refuses to store something of a user who was erased since it was begun. */
type Still = Awaited<ReturnType<Fence>>;

/** Makes the service of derived connections. */
export function createDerivations(
  { db, vault, clock, random }: Pick<Context, "db" | "vault" | "clock" | "random">,
  { vendorOf, minting, grants, status, fence, views }: DerivationsNeeds,
): Derivations {
  const find = async (id: string, scope: Scope) => visible("connection", id, await findConnection(db, id), scope);

  const offers = async (parent: Parent): Promise<Map<string, Offer>> => {
    const found = [...(await minting.list(parent)).values()];
    const keyed = await Promise.all(found.map(async (offer) => [await keyOf(parent.row, offer.id), offer] as const));
    return new Map(keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  const keyOf = ({ connector }: ConnectionRow, id: string): Promise<string> => grants.derivedKey(connector, id);

  /** What a token brings to the connection that it is for. */
  const arrived = async (
    { row: parent, client, derivation: { values } }: Parent,
    row: ConnectionRow,
    { id, label }: Offer,
    answer: Minted,
  ): Promise<ConnectionChanges> => {
    const { connector } = vendorOf(parent.connector);
    const method = methodOf(connector.manifest.authentication, parent);
    if (method.type !== "oauth2") throw new TypeError(`${parent.id} is not connected by OAuth`);
    const { credentials, expiresAt } = credentialsFrom(
      answer,
      method.refresh,
      { now: clock.now(), random },
      { type: "oauth2" },
    );
    const captured = values({ derived: { id }, connection: client.values });
    const token = { body: answer.response.body, claims: {} };
    const { account } = identityOf(connector.authentication.get("oauth2"), { token, connection: captured });
    const { scopes } = answer;
    return {
      credentials: sealCredentials(vault, row, { ...credentials, refreshToken: undefined, derived: id }),
      expiresAt,
      captured,
      scopes,
      asked: scopes,
      refused: null,
      proofs: sealProofs(vault, row, { account, grant: openProofs(vault, parent).grant }),
      grants: await grants.proofsOf(db, parent),
      parent: parent.id,
      parentMoves: parent.moves ?? 0,
      derived: await keyOf(parent, id),
      ...renamed(row, label ?? row.accountName ?? id),
    };
  };

  /** Inside the transaction that stores a token: the parent stays as it was when it asked for it. @throws HooklineError `conflict` */
  const holdParent = async (tx: Tx, { row }: Parent): Promise<void> => {
    const isHeld = await holdConnection(tx, row);
    const now = isHeld ? await findConnection(tx, row.id) : undefined;
    if (now?.status === "active" && now.moves === row.moves) return;
    throw new HooklineError("conflict", `${row.id} changed meanwhile; read it and try again`);
  };

  /** False when somebody else made one meanwhile. */
  const insert = (
    parent: Parent,
    row: ConnectionRow,
    changes: ConnectionChanges,
    assertStill: Still,
  ): Promise<boolean> =>
    db.transaction(async (tx) => {
      await assertStill(tx);
      await holdParent(tx, parent);
      if ((await derivedConnections(tx, [changes.derived!], row.user)).length > 0) return false;
      const { grants: hashes = [], ...own } = changes;
      await connections.insert(tx, { ...row, ...own, status: "active" });
      await saveGrants(tx, row.id, hashes);
      const { id, connector, user } = row;
      await status.announce(tx, { id, connector, user, status: "active" });
      return true;
    });

  /** False when it changed meanwhile. */
  const change = (parent: Parent, row: ConnectionRow, changes: ConnectionChanges): Promise<boolean> =>
    row.status === "active"
      ? db.transaction(async (tx) => {
          await holdParent(tx, parent);
          return changeConnection(tx, row.id, row, changes, clock.now());
        })
      : status.activate(row, changes, { within: (tx) => holdParent(tx, parent) });

  /** Asks for a token and stores it; gives the connection's id. */
  const mint = async (parent: Parent, offer: Offer, user: string): Promise<string> => {
    const assertStill = await fence(user);
    const answer = await minting.mint(parent, offer.id);
    const key = await keyOf(parent.row, offer.id);
    const { connector } = parent.row;
    for (let race = 0; race < MOST_RACES; race++) {
      const [known] = await derivedConnections(db, [key], user);
      const row = known ?? draftOf({ connector, user }, "oauth2", clock.now());
      const changes = await arrived(parent, row, offer, answer);
      if (await (known ? change(parent, known, changes) : insert(parent, row, changes, assertStill))) return row.id;
    }
    throw changedMeanwhile(offer);
  };

  const make = async (parent: Parent, offer: Offer, user: string): Promise<ConnectionRow> => {
    const [known] = await derivedConnections(db, [await keyOf(parent.row, offer.id)], user);
    // One that works by another parent stays with that one.
    const isElsewhere = known?.status === "active" && known.parent !== parent.row.id;
    if (isElsewhere) return known;
    return (await findConnection(db, await mint(parent, offer, user)))!;
  };

  const attempt = async (
    parent: Parent,
    id: string,
    offer: Offer | undefined,
    user: string,
    scope: Scope,
  ): Promise<DerivationResult> => {
    try {
      if (!offer) throw new NotInstalled(parent.row.connector, id);
      const [connection] = await views([await make(parent, offer, user)], scope);
      return { ...offer, connection: connection!, error: null };
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      const { code, message } = error;
      return { id, label: offer?.label ?? null, connection: null, error: { code, message } };
    }
  };

  return {
    async derived(id, query, scope = {}) {
      const { limit, after = "" } = readPage(derivedQuery.check(query));
      const listed = await offers(await minting.open(await find(id, scope)));
      const page = [...listed].filter(([key]) => key > after).slice(0, limit + 1);
      const made = await derivedConnections(
        db,
        page.map(([key]) => key),
      );
      const shown = made.filter(({ user }) => isVisible(user, scope));
      const standFor = (key: string) =>
        shown
          .filter(({ derived }) => derived === key)
          .map(({ id: connection, user, status: state }) => ({ id: connection, user, status: state }));
      const items = page.map(([key, offer]) => ({ ...offer, connections: standFor(key), key }));
      return toPage(
        items,
        limit,
        ({ id: own, label, connections: standing }) => ({ id: own, label, connections: standing }),
        ({ key }) => key,
      );
    },

    async derive(id, given, scope = {}) {
      const { ids, all, user: named } = derivation.check(given);
      if ((ids === undefined) === (all !== true)) {
        const message = "give either ids, or all: true";
        refuseFaults("derivation", [{ pointer: ids === undefined ? "/ids" : "/all", message }]);
      }
      const row = await find(id, scope);
      const user = newOwner("derivation", scope, named) ?? row.user;
      const parent = await minting.open(row);
      const listed = await offers(parent);
      const taken = new Set((await derivedConnections(db, [...listed.keys()], user)).map(({ derived }) => derived));
      const free = [...listed].filter(([key]) => !taken.has(key)).map(([, offer]) => offer.id);
      const byId = new Map([...listed.values()].map((offer) => [offer.id, offer]));
      const wanted = ids ?? free.slice(0, MOST_DERIVED);
      const data: DerivationResult[] = [];
      for (let from = 0; from < wanted.length; from += AT_A_TIME) {
        const some = wanted.slice(from, from + AT_A_TIME);
        data.push(...(await Promise.all(some.map((one) => attempt(parent, one, byId.get(one), user, scope)))));
      }
      const done = new Set(data.filter(({ error }) => error === null).map((one) => one.id));
      return { data, remaining: free.filter((one) => !done.has(one)).length };
    },

    async again(parentRow, child) {
      const credentials = child.credentials === null ? undefined : openCredentials(vault, child, child.credentials);
      const id = credentials?.type === "oauth2" ? credentials.derived : undefined;
      if (id === undefined) return;
      const parent = await minting.open(parentRow);
      const answer = await minting.mint(parent, id);
      const offer = { id, label: child.accountName };
      let row: ConnectionRow | undefined = child;
      for (let race = 0; row && race < MOST_RACES; race++) {
        if (await change(parent, row, await arrived(parent, row, offer, answer))) return;
        // It may be gone, or work again by another parent.
        const now = await findConnection(db, child.id);
        row = now?.error?.reason === "parent_lost" && now.parent === parentRow.id ? now : undefined;
      }
      if (row) throw changedMeanwhile(offer);
    },
  };
}

function changedMeanwhile({ id }: Offer): HooklineError {
  return new HooklineError("conflict", `${id} changed while it was being derived; try again`);
}
