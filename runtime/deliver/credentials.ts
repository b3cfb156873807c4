import type { KeyObject } from "node:crypto";
import type { SealContext, Vault } from "../core/crypto.ts";
import { OpenedCache } from "../core/opened.ts";
import { rememberSecret } from "../core/secrets.ts";
import { endpoints, type EndpointRecord } from "../model/endpoints.ts";
import { signingKey } from "./sign.ts";

/** What is sealed of an endpoint. */
export interface EndpointSecrets {
  /** Newest first; the ones before it are signed with as well until they expire. */
  secrets: { secret: string; expiresAt: number | null }[];
  headers: Record<string, string>;
}

/** What an attempt needs of them. */
export interface Credentials {
  headers: Record<string, string>;
  /** The keys that are valid at a time, newest first. */
  keys(now: number): KeyObject[];
}

type Owned = Pick<EndpointRecord, "id" | "user">;
type Sealed = Owned & Pick<EndpointRecord, "sealed">;

/** Seals an endpoint's secrets and headers for its row. */
export function sealSecrets(vault: Vault, endpoint: Owned, secrets: EndpointSecrets): Uint8Array {
  return vault.seal(JSON.stringify(secrets), placeOf(endpoint));
}

/**
 * Opens what is sealed of an endpoint.
 * @throws HooklineError `decryption_failed`
 */
export function openSecrets(vault: Vault, { sealed, ...of }: Sealed): EndpointSecrets {
  return JSON.parse(vault.open(sealed!, placeOf(of))) as EndpointSecrets;
}

const placeOf = ({ id, user }: Owned): SealContext => endpoints.placeOf("sealed", [id], user);

/**
 * A function that opens an endpoint's secrets, once as long as they stay the same.
 * @throws HooklineError `decryption_failed`, when it is called
 */
export function credentialsOpener(vault: Vault): (endpoint: Sealed) => Credentials {
  const cache = new OpenedCache((of, sealed) => {
    const { id, user } = JSON.parse(of) as Owned;
    return toCredentials(openSecrets(vault, { id, user, sealed }));
  });
  return ({ id, user, sealed }) => cache.get(JSON.stringify({ id, user }), sealed!);
}

function toCredentials({ secrets, headers }: EndpointSecrets): Credentials {
  for (const secret of [...secrets.map(({ secret }) => secret), ...Object.values(headers)]) rememberSecret(secret);
  const keys = secrets.map(({ secret, expiresAt }) => ({ key: signingKey(secret), expiresAt: expiresAt ?? Infinity }));
  return { headers, keys: (now) => keys.filter(({ expiresAt }) => expiresAt > now).map(({ key }) => key) };
}
