import type { Connector } from "../manifest/connector.ts";
import { connectionsByIds, type ConnectionRow } from "../model/connections.ts";
import type { Sql } from "../store/database.ts";
import { streamsByIds, type StreamRecord } from "../model/streams.ts";
import { countLinks, type LinkState } from "./model/links.ts";
import { subscriptionsOfSync, type Side, type SyncRecord } from "./model/syncs.ts";

/** How one side of a sync fares. Times in milliseconds since the epoch. */
export interface SideStatus {
  connection: string;
  connector: string | null;
  /** How the account is called. */
  account: string | null;
  /** Whether the vendor still accepts the connection. */
  authorized: boolean;
  /** When its changes were last read. */
  lastReadAt: number | null;
  nextReadAt: number | null;
  /** Whether the place is known from which the next read tells changes (the sync token), and since when. */
  cursor: { known: boolean; since: number | null };
  lastError: { code: string; message: string; at: number } | null;
}

/** A sync and how it fares. */
export interface SyncStatus extends SyncRecord {
  enabled: boolean;
  sides: Record<Side, SideStatus>;
  /** Links by state, and those that could not be brought over. */
  links: Record<LinkState | "failed", number>;
}

const NO_LINKS = { new: 0, synced: 0, creating: 0, alone: 0, detached: 0 };

export async function statusOf(
  sql: Sql,
  sync: SyncRecord,
  connectors: ReadonlyMap<string, Connector>,
): Promise<SyncStatus> {
  const rows = new Map((await connectionsByIds(sql, [sync.left, sync.right])).map((row) => [row.id, row]));
  const streams = await streamsByIds(sql, [
    ...new Set((await subscriptionsOfSync(sql, sync.id)).map(({ stream }) => stream)),
  ]);
  const sideOf = (side: Side): SideStatus => {
    const row = rows.get(sync[side]);
    const resource = row && connectors.get(row.connector)?.resources.get(sync.resource);
    const own = streams.filter(({ connection }) => connection === sync[side]);
    return sideStatus(
      sync[side],
      row,
      own.find(({ stream }) => stream === resource?.definition.stream),
    );
  };
  const { states, failed } = await countLinks(sql, sync.id);
  return {
    ...sync,
    enabled: sync.status === "active",
    sides: { left: sideOf("left"), right: sideOf("right") },
    links: { ...NO_LINKS, ...states, failed },
  };
}

function sideStatus(connection: string, row: ConnectionRow | undefined, stream: StreamRecord | undefined): SideStatus {
  return {
    connection,
    connector: row?.connector ?? null,
    account: row?.label ?? null,
    authorized: row?.status === "active",
    lastReadAt: stream?.lastSuccessAt ?? null,
    nextReadAt: stream?.nextPollAt ?? null,
    cursor: { known: stream !== undefined && stream.cursor !== null, since: stream?.cursorAt ?? null },
    lastError: stream?.lastError ?? null,
  };
}
