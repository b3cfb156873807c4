import type { Sql } from "../store/database.ts";
import { failure, type Failure } from "./failure.ts";
import { saveGrants, type GrantProof } from "./grants.ts";
import { count, fixed, hidden, name, nullable, oneOf, sealed, text, time, value } from "./field.ts";
import { listOf, nullable as nullableSchema, object, text as textSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

const STATUSES = ["pending", "active", "reauth_required"] as const;
const AUTH_TYPES = ["oauth2", "bearer", "apiKey", "basic", "none"] as const;

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
  reason?: "refresh_unknown";
}

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
          enum: ["refresh_unknown"],
          description:
            "Only with `reauth_required`. refresh_unknown: the vendor's answer to the renewal of the token was lost, and with it the only refresh token that counts.",
        },
      },
      ["reason"],
    ),
  ),
  testAt: hidden(
    nullable(time("When the test of a pending connection is repeated; null unless it has tokens to test.")),
  ),
  testUntil: hidden(nullable(time("When that is given up."))),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
});

export type ConnectionRow = RecordOf<typeof connections.fields>;

/** A connection as it is shown: never a secret. */
export interface ConnectionView extends ViewOf<typeof connections.fields> {
  /** The account by its id at the vendor, which no renaming changes; null while it is not proved. */
  account: { id: string; label: string | null } | null;
  missingScopes: string[];
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
const granted = (what: string) =>
  object(`Its ${what}, by name.`, {
    granted: listOf(textSchema("Name."), "They need no scope, or theirs were granted."),
    missing: listOf(
      object("One that is refused.", {
        name: textSchema("Name."),
        scopes: listOf(textSchema("Scope."), "What a reconnect has to ask for."),
      }),
      "They are refused before any call, until a reconnect asks for their scopes.",
    ),
    unknown: listOf(
      textSchema("Name."),
      "It is not known what was granted: keys, private tokens and tokens granted elsewhere do not say; nothing was granted yet.",
    ),
  });

const AUTHORIZE_URL =
  "OAuth: the page to send the person to. Their browser begins there, and only it can finish. Valid for ten minutes, until an account was connected.";

export const connectionSchemas = {
  Connection: connections.schema("One account of one user at one vendor. Never a secret.", {
    account,
    missingScopes: missing,
  }),
  ConnectionDetails: connections.schema("A connection and the warnings about it.", {
    account,
    missingScopes: missing,
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
      authorizeUrl: textSchema(AUTHORIZE_URL),
    },
    ["authorizeUrl"],
  ),
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

/** The connections of a user that hold OAuth tokens which are not known to be dead. */
export function authorizedConnections(sql: Sql, user: string): Promise<ConnectionRow[]> {
  const authorized = "user_id = ? and auth_type = 'oauth2' and status <> 'reauth_required' and credentials is not null";
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
    | "credentials"
    | "expiresAt"
    | "error"
    | "proofs"
    | "moves"
    | "testAt"
    | "testUntil"
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

/** Takes the lease on a connection's token unless somebody holds it or the version moved on. Returns whether it was taken. */
export async function leaseRefresh(
  sql: Sql,
  id: string,
  version: number,
  lease: { owner: string; until: number },
  now: number,
): Promise<boolean> {
  const free = "id = ? and version = ? and (refresh_owner is null or refresh_until <= ?)";
  const taken = { refreshOwner: lease.owner, refreshUntil: lease.until };
  return (await connections.change(sql, taken, free, [id, version, now])) === 1;
}

/** Hands a lease on to another owner and time. Returns whether it was still held. */
export async function passRefresh(
  sql: Sql,
  id: string,
  owner: string,
  next: { owner: string; until: number },
): Promise<boolean> {
  const passed = { refreshOwner: next.owner, refreshUntil: next.until };
  return (await connections.change(sql, passed, "id = ? and refresh_owner = ?", [id, owner])) === 1;
}

/** Deletes a connection, the proofs of its grant and its authorizations under way. */
export async function deleteConnection(sql: Sql, id: string): Promise<void> {
  await saveGrants(sql, id, []);
  await sql.run("delete from oauth_states where connection = ?", [id]);
  await connections.delete(sql, id);
}
