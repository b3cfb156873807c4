import { hash } from "node:crypto";
import { isObject } from "../core/json.ts";
import type { CompiledStream } from "../manifest/connector.ts";

/** A record of a page, with what is needed to compare it with what is known. */
export interface PolledRecord {
  key: string;
  /** Keys it had before, when the vendor tells. */
  previousKeys: readonly string[];
  /** Hash of what counts as its version: the fingerprint, else the vendor's version, else the content. */
  version: string;
  deleted: boolean;
  /** Key and version by which the version of the manifest before knew it; what is undefined was the same. */
  former?: { key: string | undefined; version: (() => string) | undefined };
  /** The watched values; null when the stream watches none. */
  watched: Record<string, unknown> | null;
  /** Names of the watched values that stay true. */
  stays: readonly string[];
  /** Key of the item in whose list it is, where there are several lists. */
  item: string | null;
  raw: unknown;
}

/** Eleven characters, 64 bits: enough to tell two versions of one record apart, small enough to keep for millions. */
export function shortHash(text: string): string {
  return hash("sha1", text, "base64url").slice(0, 11);
}

/** Reads a record; undefined when it has no key, so nothing can be said of it. */
export function toPolledRecord(stream: CompiledStream, raw: unknown, input?: unknown): PolledRecord | undefined {
  const key = stream.key(raw, input);
  if (key === undefined) return undefined;
  const deleted = stream.deleted?.(raw) ?? false;
  return {
    key,
    previousKeys: stream.previousKeys?.(raw) ?? [],
    version: deleted ? "" : versionOf(stream, raw),
    deleted,
    watched: stream.watch && !deleted ? stream.watch(raw) : null,
    stays: stream.definition.stays ?? [],
    item: itemOf(stream, raw),
    raw,
    ...(stream.former && { former: formerOf(stream.former, raw) }),
  };
}

/** Key of the item in whose list a record is; null where a stream is one list. */
export function itemOf({ each }: Pick<CompiledStream, "each">, raw: unknown): string | null {
  return each && isObject(raw) ? each.key(raw[each.into]) : null;
}

function formerOf({ key, version }: NonNullable<CompiledStream["former"]>, raw: unknown): PolledRecord["former"] {
  return { key: key?.(raw), version: version && (() => hashOf(version(raw), raw)) };
}

function versionOf(stream: CompiledStream, raw: unknown): string {
  return hashOf(stream.fingerprint ? stream.fingerprint(raw) : stream.version?.(raw), raw);
}

function hashOf(version: unknown, raw: unknown): string {
  return shortHash(typeof version === "string" ? version : JSON.stringify(version ?? raw));
}
