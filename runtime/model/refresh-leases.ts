import type { Sql } from "../store/database.ts";
import { connections } from "./connections.ts";

/** Takes the lease on a connection's token unless somebody holds it or the version moved on. Returns whether it was taken. */
export async function leaseRefresh(
  sql: Sql,
  id: string,
  version: number,
  lease: { owner: string; until: number },
  now: number,
): Promise<boolean> {
  const free = "id = ? and version = ? and (refresh_owner is null or refresh_until <= ?)";
  const taken = { refreshOwner: lease.owner, refreshUntil: lease.until };
  return (await connections.change(sql, taken, free, [id, version, now])) === 1;
}

/** Hands a lease on to another owner and time. Returns whether it was still held. */
export async function passRefresh(
  sql: Sql,
  id: string,
  owner: string,
  next: { owner: string; until: number },
): Promise<boolean> {
  const passed = { refreshOwner: next.owner, refreshUntil: next.until };
  return (await connections.change(sql, passed, "id = ? and refresh_owner = ?", [id, owner])) === 1;
}
