import type { SealContext, Vault } from "../core/crypto.ts";
import { storableText } from "../core/json.ts";
import type { CompiledAuthentication } from "../manifest/connector.ts";
import { connections, type ConnectionRow } from "../model/connections.ts";

/** Proofs of an identity by their names in the manifest, best first. */
export type Proofs = Readonly<Record<string, string>>;

/** Which account a connection leads to, and whose grant it holds, as far as that is proved. */
export interface Identity {
  readonly account: Proofs;
  readonly grant: Proofs;
}

/** What proofs are read from: the test's answer, the token endpoint's, and what was captured of earlier ones. */
export interface Evidence {
  response?: unknown;
  token?: { body: unknown; claims: Readonly<Record<string, unknown>> };
  connection: Readonly<Record<string, unknown>>;
}

/** How two identities relate; "unproved" when no proof is there of both. */
export type Relation = "same" | "other" | "unproved";

/** A longer value is no key. */
const LONGEST = 500;

export const NOTHING_PROVED: Identity = { account: {}, grant: {} };

/** What the evidence proves by a manifest. */
export function identityOf(authentication: CompiledAuthentication | undefined, evidence: Evidence): Identity {
  const scope = { ...evidence };
  const read = (proofs: CompiledAuthentication["account"] | undefined): Proofs =>
    Object.fromEntries(
      [...(proofs ?? [])].flatMap(([name, value]) => {
        const text = keyText(value(scope));
        return text === undefined ? [] : [[name, text]];
      }),
    );
  return { account: read(authentication?.account), grant: read(authentication?.grant) };
}

/** Compares by the first proof, in the order of `found`, that both have. */
export function relate(known: Proofs, found: Proofs): Relation {
  const name = Object.keys(found).find((one) => Object.hasOwn(known, one));
  if (name === undefined) return "unproved";
  return known[name] === found[name] ? "same" : "other";
}

/** The proofs found, and those known before that were not found again. */
export function together(known: Identity, found: Identity): Identity {
  const join = (before: Proofs, now: Proofs): Proofs => ({ ...now, ...before, ...now });
  return { account: join(known.account, found.account), grant: join(known.grant, found.grant) };
}

/** Whether these proofs are known, each with its value. */
export function hasAll(known: Proofs, found: Proofs): boolean {
  return Object.entries(found).every(([name, value]) => known[name] === value);
}

/** Whether there is no proof at all. */
export function isEmpty(proofs: Proofs): boolean {
  return Object.keys(proofs).length === 0;
}

/** Proofs encrypted for the row of their connection; null where nothing is proved. */
export function sealProofs(vault: Vault, connection: Owned, identity: Identity): Uint8Array | null {
  if (isEmpty(identity.account) && isEmpty(identity.grant)) return null;
  return vault.seal(JSON.stringify(identity), proofsPlace(connection));
}

/** What is known of a connection. @throws HooklineError `decryption_failed` */
export function openProofs(vault: Vault, { proofs, ...of }: Owned & Pick<ConnectionRow, "proofs">): Identity {
  return proofs == null ? NOTHING_PROVED : (JSON.parse(vault.open(proofs, proofsPlace(of))) as Identity);
}

type Owned = Pick<ConnectionRow, "id" | "user">;

const proofsPlace = ({ id, user }: Owned): SealContext => connections.placeOf("proofs", [id], user);

/** A number that JSON cannot carry exactly, and a text that cannot be stored as it is, would each stand for several accounts. */
function keyText(value: unknown): string | undefined {
  if (typeof value !== "string" && !Number.isSafeInteger(value)) return undefined;
  const text = String(value).trim();
  return text === "" || text.length > LONGEST || text !== storableText(text) ? undefined : text;
}
