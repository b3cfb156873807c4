import type { ApiKeyRecord } from "../model/api-keys.ts";

/** RFC 3339, or null for no time. */
export function isoTime(time: number): string;
export function isoTime(time: number | null): string | null;
export function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** An admin key as it is shown, without its hash. */
export function apiKeyView({ id, name, createdAt, lastUsedAt, revokedAt }: ApiKeyRecord): object {
  return { id, name, createdAt: isoTime(createdAt), lastUsedAt: isoTime(lastUsedAt), revokedAt: isoTime(revokedAt) };
}
