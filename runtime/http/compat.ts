import { HooklineError } from "../core/errors.ts";
import { ownerIn, scopeOf, type Principal } from "../model/principal.ts";
import { routesOf } from "../model/route.ts";
import type { Services } from "./services.ts";

export * from "../model/route.ts";
export const { userRoute, adminRoute, publicRoute } = routesOf<Services>();

export const userNamed = (principal: Principal, named: string | undefined) => ownerIn(scopeOf(principal), named);

export const pageQuery = {
  limit: { type: "integer", minimum: 1, maximum: 200, default: 50, description: "Most items in the answer." },
  cursor: { type: "string", maxLength: 200, description: "`nextCursor` of the page before; none for the first page." },
} as const;

export interface PageQuery {
  limit?: number;
  cursor?: string;
}

export function readPage({ limit = 50, cursor }: PageQuery): { limit: number; cursor?: string } {
  if (cursor === undefined) return { limit };
  const id = Buffer.from(cursor, "base64url").toString("latin1");
  if (/^[a-z]+_[0-9a-f]{32}$/.test(id)) return { limit, cursor: id };
  const message = "is not valid; pass the `nextCursor` of the previous page";
  throw new HooklineError("invalid_input", `cursor: ${message}`, { faults: [{ pointer: "/query/cursor", message }] });
}

export function pageOf<T>({ data, nextCursor }: { data: T[]; nextCursor: string | null }) {
  return { data, nextCursor: nextCursor === null ? null : Buffer.from(nextCursor).toString("base64url") };
}

export function cutPage<T extends { id: string }>(found: readonly T[], limit: number) {
  const data = found.slice(0, limit);
  return { data, nextCursor: found.length > limit ? data.at(-1)!.id : null };
}
