import { createHmac, createSecretKey, randomBytes, type KeyObject } from "node:crypto";

/** A new secret of 256 bits in the form receivers know. Source: Standard Webhooks 1.0, "Signature scheme". */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/** A secret ready to sign with: made once and kept, since that is most of the cost of signing a small body. */
export function signingKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret.slice("whsec_".length), "base64"));
}

/** The three headers of Standard Webhooks: one signature per key, so that receivers may hold any of them. */
export function signatureHeaders(
  id: string,
  at: number,
  body: Uint8Array,
  keys: readonly KeyObject[],
): Record<string, string> {
  const timestamp = Math.floor(at / 1000);
  const prefix = `${id}.${timestamp}.`;
  const signatures = keys.map((key) => `v1,${createHmac("sha256", key).update(prefix).update(body).digest("base64")}`);
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signatures.join(" ") };
}
