import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { notFound } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Context } from "../engine/context.ts";
import {
  apiKeyQuery,
  apiKeys,
  newApiKey,
  revokeApiKey,
  touchApiKey,
  type ApiKeyRecord,
  type ApiKeyView,
  type NewApiKey,
} from "../model/api-keys.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";

/** Admin keys of the HTTP API. */
export interface ApiKeys {
  /** `key` is shown here and never again: only a hash of it is stored. @throws HooklineError `invalid_input` */
  create(key: NewApiKey): Promise<ApiKeyView & { key: string }>;
  /** Revoked ones too, oldest first. @throws HooklineError `invalid_input` */
  list(query?: InputOf<typeof apiKeyQuery>): Promise<Page<ApiKeyView>>;
  /** @throws HooklineError `not_found` when no valid key has this id */
  revoke(id: string): Promise<void>;
  /** Whether a text is a stored key that is valid; a use is recorded to the minute. */
  isValid(key: string): Promise<boolean>;
}

/** `hl_<id>_<secret>`: the id finds the row, the secret is 256 random bits, so one plain hash of it is enough. */
const FORM = /^hl_([0-9a-f]{32})_([\w-]{43})$/;
/** How exact `lastUsedAt` is. */
const TOUCH_MS = 60_000;

/** Makes the service of admin API keys. */
export function createApiKeys({ db, clock }: Pick<Context, "db" | "clock">): ApiKeys {
  return {
    async create(given) {
      const { name } = newApiKey.check(given);
      const now = clock.now();
      const id = newId("key", now);
      const secret = randomBytes(32).toString("base64url");
      const hash = sha256(secret).toString("hex");
      const record: ApiKeyRecord = { id, name, hash, createdAt: now, lastUsedAt: null, revokedAt: null };
      await apiKeys.insert(db, record);
      const key = `hl_${id.slice("key_".length)}_${secret}`;
      rememberSecret(key);
      return { ...apiKeys.view(record), key };
    },

    async list(query) {
      const { limit, after } = readPage(apiKeyQuery.check(query));
      const found = await apiKeys.page(db, {}, { after, limit: limit + 1 });
      return toPage(found, limit, (record) => apiKeys.view(record));
    },

    async revoke(id) {
      if (!(await revokeApiKey(db, id, clock.now()))) throw notFound("API key", id);
    },

    async isValid(key) {
      const [, id, secret] = FORM.exec(key) ?? [];
      if (id === undefined || secret === undefined) return false;
      const found = await apiKeys.find(db, `key_${id}`);
      const matches = timingSafeEqual(sha256(secret), Buffer.from(found?.hash ?? EMPTY_HASH, "hex"));
      if (!found || !matches || found.revokedAt !== null) return false;
      // Only now: texts that anybody may send would drive out the secrets there are.
      rememberSecret(key);
      const now = clock.now();
      if ((found.lastUsedAt ?? 0) <= now - TOUCH_MS) await touchApiKey(db, found.id, now, now - TOUCH_MS);
      return true;
    },
  };
}

/** Whether two secrets are the same, in a time that does not depend on how much of them is. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

const EMPTY_HASH = "0".repeat(64);
