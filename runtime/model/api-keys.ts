import type { Sql } from "../store/database.ts";
import { fixed, hidden, name, nullable, text, time } from "./field.ts";
import { input, type InputOf } from "./input.ts";
import { listQuery } from "./page.ts";
import { text as textSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

/** Admin keys, without the keys: only a hash of each secret is kept. */
export const apiKeys = new Table("api_keys", {
  id: text("Id.", { example: "key_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  name: name("What the key is for.", { example: "deployment" }),
  hash: hidden(text("SHA-256 of the secret, in hex.")),
  createdAt: fixed(time("When it was created.")),
  lastUsedAt: nullable(time("When it was last used, to the minute.")),
  revokedAt: nullable(time("When it was revoked; null while it is valid.")),
});

export type ApiKeyRecord = RecordOf<typeof apiKeys.fields>;
export type ApiKeyView = ViewOf<typeof apiKeys.fields>;

export const newApiKey = input("api key", "A new admin key.", { name: apiKeys.fields.name }, {});
export type NewApiKey = InputOf<typeof newApiKey>;

export const apiKeyQuery = listQuery("API keys", {});

export const apiKeySchemas = {
  ApiKey: apiKeys.schema("An admin key, without the key."),
  NewApiKey: apiKeys.schema("A new admin key.", { key: textSchema("The key; shown here and never again.") }),
};

/** Revokes a valid key; returns whether there was one. */
export async function revokeApiKey(sql: Sql, id: string, now: number): Promise<boolean> {
  return (await apiKeys.change(sql, { revokedAt: now }, "id = ? and revoked_at is null", [id])) === 1;
}

/** Records a use, unless one after `since` is recorded already. */
export async function touchApiKey(sql: Sql, id: string, now: number, since: number): Promise<void> {
  const old = "id = ? and (last_used_at is null or last_used_at <= ?)";
  await apiKeys.change(sql, { lastUsedAt: now }, old, [id, since]);
}
