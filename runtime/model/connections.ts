import type { Sql } from "../store/database.ts";
import { failure, type Failure } from "./failure.ts";
import { saveGrants, type GrantProof } from "./grants.ts";
import { count, fixed, hidden, name, nullable, oneOf, sealed, text, time, value } from "./field.ts";
import { listOf, nullable as nullableSchema, object, ref, text as textSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

const STATUSES = ["pending", "active", "reauth_required"] as const;
const AUTH_TYPES = [
  "oauth2",
  "bearer",
  "apiKey",
  "basic",
  "custom",
  "clientCredentials",
  "session",
  "jwtBearer",
  "none",
] as const;

/** A change of a connection's status; `removed` is the last. */
export interface StatusChange {
  id: string;
  connector: string;
  user: string;
  status: "active" | "reauth_required" | "removed";
  /** It leads to another account than before: nothing that is known of the first holds for it. */
  moved?: true;
}

/** Why a connection does not work. */
export interface ConnectionError extends Failure {
  /** What became of the grant, where that is known more closely. */
  reason?: LostReason;
}

const LOST_REASONS = ["refresh_unknown", "uninstalled", "parent_lost", "parent_removed", "parent_moved"] as const;

/** What is known more closely of a grant that is gone. */
export type LostReason = (typeof LOST_REASONS)[number];

/** Whether it is one of those reasons. */
export const isLostReason = (reason: unknown): reason is LostReason =>
  (LOST_REASONS as readonly unknown[]).includes(reason);

const anyObject = (description: string) => value<Record<string, unknown>>({ type: "object", description });
const scopeList = (description: string) =>
  value<string[]>({ type: "array", items: { type: "string", description: "Scope." }, description });

/** One account of one user at one vendor. */
export const connections = new Table("connections", {
  id: text("Id.", { example: "con_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  connector: fixed(name("Name of the connector.", { example: "google-contacts" })),
  user: fixed(name("The user it belongs to.", { column: "user_id", example: "u_1" })),
  status: oneOf(
    STATUSES,
    "pending: not authorized yet, or its tokens wait for a first answer of the vendor (`error` says so); reauth_required: a person has to reconnect.",
  ),
  label: nullable(text("Name of the account, as the vendor or a person calls it.", { example: "ada@example.com" })),
  accountName: hidden(
    nullable(
      text("What the vendor calls the account, whatever people call it: no proof of which it is.", {
        column: "account",
      }),
    ),
  ),
  moves: hidden(nullable(count("How often it was moved to another account; null for never."))),
  proofs: nullable(
    sealed("personal", "Sealed proofs of the account and of the grant; null when none was looked for yet."),
  ),
  inputs: anyObject("Answers to the manifest's `connectionInput`, without secrets."),
  captured: hidden(anyObject("Values captured from the vendor's responses.")),
  scopes: scopeList("Granted OAuth scopes; empty for authentication without scopes."),
  asked: hidden(
    nullable(
      scopeList("OAuth scopes that the person was asked for; null for what was connected before they were kept."),
    ),
  ),
  refused: hidden(
    nullable(
      value<Record<string, string[]>>({
        type: "object",
        description:
          "Operations that the vendor has refused for want of a scope since the last consent, as `action/name` and `stream/name`, with the scopes to ask for; null for none.",
      }),
    ),
  ),
  authType: oneOf(AUTH_TYPES, "How the connection proves itself to the vendor."),
  credentials: nullable(sealed("secret", "Sealed credentials; null while pending.")),
  expiresAt: hidden(nullable(time("When the access token ends; null when unknown or never."))),
  version: hidden(count("Grows with every change of credentials or status: compare and swap.")),
  refreshOwner: hidden(nullable(text("Who renews the token now."))),
  refreshUntil: hidden(nullable(time("Until when the renewal is leased."))),
  error: nullable(
    failure<ConnectionError>(
      "Why the connection does not work.",
      {
        reason: {
          enum: LOST_REASONS,
          description:
            "Only with `reauth_required`. refresh_unknown: the vendor's answer to the renewal of the token was lost, and with it the only refresh token that counts. Of a derived connection, uninstalled: the vendor lists what it stands for no longer, and gives no token for it; parent_lost: the connection it was derived from has to be reconnected; parent_removed, parent_moved: that one was removed, or leads to another account now.",
        },
      },
      ["reason"],
    ),
  ),
  testAt: hidden(
    nullable(time("When the test of a pending connection is repeated; null unless it has tokens to test.")),
  ),
  testUntil: hidden(nullable(time("When that is given up."))),
  parent: hidden(nullable(text("Id of the connection it was derived from, which may be gone."))),
  parentMoves: hidden(
    nullable(count("How often that one had been moved then: of another account's nothing is derived.")),
  ),
  derived: hidden(nullable(text("Keyed hash of what it stands for at the vendor, among what is derived."))),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
});

export type ConnectionRow = RecordOf<typeof connections.fields>;

/** A connection as it is shown: never a secret. */
export interface ConnectionView extends ViewOf<typeof connections.fields> {
  /** The account by its id at the vendor, which no renaming changes; null while it is not proved. */
  account: { id: string; label: string | null } | null;
  missingScopes: string[];
  /** The connection it was derived from, for those to whom that one is shown too; null for one that was connected by itself. */
  parent: string | null;
}

const account = nullableSchema(
  object("The account, where it is proved.", {
    id: textSchema("Its id at the vendor, which stays when it is renamed."),
    label: nullableSchema(textSchema("What it is called.")),
  }),
);
const missing = listOf(
  textSchema("Scope."),
  "Scopes that were asked for and not granted; empty where it is not known what was granted.",
);
const parent = nullableSchema(
  textSchema(
    "Id of the connection it was derived from; null for one that was connected by itself, or where that one is somebody else's.",
  ),
);
const granted = (what: string) =>
  object(`Its ${what}, by name.`, {
    granted: listOf(textSchema("Name."), "They need no scope, or theirs were granted."),
    missing: listOf(
      object("One that is refused.", {
        name: textSchema("Name."),
        scopes: listOf(textSchema("Scope."), "What a reconnect has to ask for."),
      }),
      "They were not granted, or the vendor has refused them for want of a scope. They are refused before any call, until a reconnect asks for their scopes; of credentials without OAuth, until a test of the connection succeeds.",
    ),
    unknown: listOf(
      textSchema("Name."),
      "It is not known what was granted: keys, private tokens and tokens granted elsewhere do not say; nothing was granted yet.",
    ),
    unsuited: listOf(
      object("One that is refused.", {
        name: textSchema("Name."),
        message: textSchema("What it needs, and what to do."),
      }),
      "They are for connections of another kind, whatever was granted, and are refused before any call.",
    ),
  });

const AUTHORIZE_URL =
  "OAuth: the page to send the person to. Their browser begins there, and only it can finish. Valid for ten minutes, until an account was connected.";

export const connectionSchemas = {
  Connection: connections.schema("One account of one user at one vendor. Never a secret.", {
    account,
    missingScopes: missing,
    parent,
  }),
  ConnectionDetails: connections.schema("A connection and the warnings about it.", {
    account,
    missingScopes: missing,
    parent,
    warnings: listOf(textSchema("One warning, for people."), "What threatens the connection although it works."),
    operations: object("What the connection may do, as far as its granted scopes are known.", {
      triggers: granted("triggers"),
      actions: granted("actions"),
    }),
  }),
  NewConnection: object(
    "A new connection.",
    {
      ...connections.shown,
      account,
      missingScopes: missing,
      parent,
      authorizeUrl: textSchema(AUTHORIZE_URL),
    },
    ["authorizeUrl"],
  ),
  DerivedConnection: object("What a connection can be derived for, as the vendor lists it now.", {
    id: textSchema("Its id at the vendor.", "ve9EPM428h8vShlRW1KT"),
    label: nullableSchema(textSchema("What it is called; null where the vendor does not say.")),
    connections: listOf(
      object("One connection.", {
        id: textSchema("Id."),
        user: textSchema("The user it belongs to."),
        status: connections.shown["status"]!,
      }),
      "The connections that stand for it, of those that the caller may see.",
    ),
  }),
  Derivation: object("What became of the connections that were to be derived.", {
    data: listOf(
      object("One of them.", {
        id: textSchema("Its id at the vendor."),
        label: nullableSchema(textSchema("What it is called; null where the vendor does not say.")),
        connection: { description: "It; null with an error.", anyOf: [ref("Connection"), { type: "null" }] },
        error: nullableSchema(
          object("Why there is none.", {
            code: textSchema("Stable code.", "not_found"),
            message: textSchema("The problem and its remedy."),
          }),
        ),
      }),
      "One for each, in the order in which they were named or are listed.",
    ),
    remaining: {
      type: "integer",
      minimum: 0,
      description: "How many more are listed for which the user has no connection.",
    },
  }),
  Removal: object("The connection is gone, and its grant is not.", {
    revoked: {
      type: "boolean",
      description: "False: another connection lives on the grant, or the vendor could not be made to end it.",
    },
  }),
  Reconnection: object("The new authorization.", { authorizeUrl: textSchema(AUTHORIZE_URL) }),
};

/** A connection by id. */
export function findConnection(sql: Sql, id: string): Promise<ConnectionRow | undefined> {
  return connections.find(sql, id);
}

/** Those of the ids that exist. */
export function connectionsByIds(sql: Sql, ids: readonly string[]): Promise<ConnectionRow[]> {
  return connections.byIds(sql, ids);
}

/** The connections of a user that hold OAuth tokens of their own which are not known to be dead. */
export function authorizedConnections(sql: Sql, user: string): Promise<ConnectionRow[]> {
  const authorized =
    "user_id = ? and auth_type = 'oauth2' and status <> 'reauth_required' and credentials is not null and parent is null";
  return connections.all(sql, `where ${authorized} order by id`, [user]);
}

export interface ConnectionChanges extends Partial<
  Pick<
    ConnectionRow,
    | "status"
    | "label"
    | "accountName"
    | "inputs"
    | "captured"
    | "scopes"
    | "asked"
    | "refused"
    | "credentials"
    | "expiresAt"
    | "error"
    | "proofs"
    | "moves"
    | "testAt"
    | "testUntil"
    | "parent"
    | "parentMoves"
    | "derived"
  >
> {
  /** In place of all that proved its grant before; inside a transaction. */
  grants?: readonly GrantProof[];
}

/**
 * Changes a connection if its version is still the one given, and raises the version. New credentials, and the end of the grant,
 * end the lease on its token; any other change leaves a renewal under way alone.
 * With an owner, only while that owner holds the lease. Returns whether it was changed.
 */
export async function changeConnection(
  sql: Sql,
  id: string,
  { version, owner }: { version: number; owner?: string },
  { grants, ...changes }: ConnectionChanges,
  now: number,
): Promise<boolean> {
  const endsLease = changes.credentials !== undefined || changes.status === "reauth_required";
  const released = endsLease ? { refreshOwner: null, refreshUntil: null } : {};
  const next = { ...changes, ...released, version: version + 1, updatedAt: now };
  const [held, holder] = owner === undefined ? ["", []] : [" and refresh_owner = ?", [owner]];
  const isChanged =
    (await connections.change(sql, next, `id = ? and version = ?${held}`, [id, version, ...holder])) === 1;
  if (isChanged && grants) await saveGrants(sql, id, grants);
  return isChanged;
}

/** Deletes a connection, the proofs of its grant and its authorizations under way; tokens that wait are given up apart. */
export async function deleteConnection(sql: Sql, id: string): Promise<void> {
  await saveGrants(sql, id, []);
  await sql.run("delete from oauth_states where connection = ? and tries is null", [id]);
  await connections.delete(sql, id);
}
