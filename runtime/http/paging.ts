import { HooklineError } from "../core/errors.ts";

/** Query parameters of every list. */
export const pageQuery = {
  limit: { type: "integer", minimum: 1, maximum: 200, default: 50, description: "Most items in the answer." },
  cursor: { type: "string", maxLength: 200, description: "`nextCursor` of the page before; none for the first page." },
} as const;

export interface PageQuery {
  limit?: number;
  cursor?: string;
}

const DEFAULT_LIMIT = 50;

/** Cursors are ids in disguise, so that nobody comes to rely on what is in them. Throws `invalid_input` for anything else. */
export function readPage({ limit = DEFAULT_LIMIT, cursor }: PageQuery): { limit: number; cursor?: string } {
  if (cursor === undefined) return { limit };
  const id = Buffer.from(cursor, "base64url").toString("latin1");
  if (/^[a-z]+_[0-9a-f]{32}$/.test(id)) return { limit, cursor: id };
  const message = "is no cursor; use nextCursor of the page before, or leave it out";
  throw new HooklineError("invalid_input", `cursor: ${message}`, { faults: [{ pointer: "/query/cursor", message }] });
}

/** A page as it is answered. */
export function pageOf<T>({ data, nextCursor }: { data: T[]; nextCursor: string | null }): {
  data: T[];
  nextCursor: string | null;
} {
  return { data, nextCursor: nextCursor === null ? null : Buffer.from(nextCursor).toString("base64url") };
}

/** A page out of a list that was read one item too far. */
export function cutPage<T extends { id: string }>(
  found: readonly T[],
  limit: number,
): { data: T[]; nextCursor: string | null } {
  const data = found.slice(0, limit);
  return { data, nextCursor: found.length > limit ? data.at(-1)!.id : null };
}
