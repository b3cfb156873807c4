import type { KeyObject } from "node:crypto";
import type { SealContext, Vault } from "../core/crypto.ts";
import { OpenedCache } from "../core/opened.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { EndpointRecord } from "../model/endpoints.ts";
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

type Sealed = Pick<EndpointRecord, "id" | "sealed">;

/** Seals an endpoint's secrets and headers for its row. */
export function sealSecrets(vault: Vault, id: string, secrets: EndpointSecrets): Uint8Array {
  return vault.seal(JSON.stringify(secrets), context(id));
}

/**
 * Opens what is sealed of an endpoint.
 * @throws HooklineError `decryption_failed`
 */
export function openSecrets(vault: Vault, { id, sealed }: Sealed): EndpointSecrets {
  return JSON.parse(vault.open(sealed!, context(id))) as EndpointSecrets;
}

const context = (row: string): SealContext => ({ table: "endpoints", row, field: "sealed" });

/**
 * A function that opens an endpoint's secrets, once as long as they stay the same.
 * @throws HooklineError `decryption_failed`, when it is called
 */
export function credentialsOpener(vault: Vault): (endpoint: Sealed) => Credentials {
  const cache = new OpenedCache((id, sealed) => toCredentials(openSecrets(vault, { id, sealed })));
  return ({ id, sealed }) => cache.get(id, sealed!);
}

function toCredentials({ secrets, headers }: EndpointSecrets): Credentials {
  for (const secret of [...secrets.map(({ secret }) => secret), ...Object.values(headers)]) rememberSecret(secret);
  const keys = secrets.map(({ secret, expiresAt }) => ({ key: signingKey(secret), expiresAt: expiresAt ?? Infinity }));
  return { headers, keys: (now) => keys.filter(({ expiresAt }) => expiresAt > now).map(({ key }) => key) };
}
