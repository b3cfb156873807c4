import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import { rememberSecret } from "../core/secrets.ts";
import { apiKeyById, insertApiKey, touchApiKey, type ApiKeyRecord } from "../model/api-keys.ts";
import type { Sql } from "../store/database.ts";

interface Where {
  db: Sql;
  clock: Clock;
}

/** `hl_<id>_<secret>`: the id finds the row, the secret is 256 random bits, so one plain hash of it is enough. */
const FORM = /^hl_([0-9a-f]{32})_([\w-]{43})$/;
/** How exact `lastUsedAt` is. */
const TOUCH_MS = 60_000;

/** A new admin key. `key` is shown once: only a hash of it is stored. */
export async function createApiKey({ db, clock }: Where, name: string): Promise<{ record: ApiKeyRecord; key: string }> {
  const now = clock.now();
  const id = newId("key", now);
  const secret = randomBytes(32).toString("base64url");
  const record = { id, name, hash: sha256(secret).toString("hex"), createdAt: now, lastUsedAt: null, revokedAt: null };
  await insertApiKey(db, record);
  const key = `hl_${id.slice("key_".length)}_${secret}`;
  rememberSecret(key);
  return { record, key };
}

/** Whether a text is a stored key that is valid. */
export async function isStoredKey({ db, clock }: Where, text: string): Promise<boolean> {
  const [, id, secret] = FORM.exec(text) ?? [];
  if (id === undefined || secret === undefined) return false;
  rememberSecret(text);
  const found = await apiKeyById(db, `key_${id}`);
  const matches = timingSafeEqual(sha256(secret), Buffer.from(found?.hash ?? EMPTY_HASH, "hex"));
  if (!found || !matches || found.revokedAt !== null) return false;
  const now = clock.now();
  if ((found.lastUsedAt ?? 0) <= now - TOUCH_MS) await touchApiKey(db, found.id, now, now - TOUCH_MS);
  return true;
}

/** Whether two secrets are the same, in a time that does not tell how much of them is. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

const EMPTY_HASH = "0".repeat(64);
