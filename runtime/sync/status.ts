import { isoTime } from "../core/time.ts";
import type { Connector } from "../manifest/connector.ts";
import { connectionsByIds } from "../model/connections.ts";
import { streamsByIds } from "../model/streams.ts";
import type { Sql } from "../store/database.ts";
import { showFailure } from "./model/failure.ts";
import { countLinks } from "./model/links.ts";
import { subscriptionsOfSync, syncs, type SideView, type SyncRecord, type SyncView } from "./model/syncs.ts";
import { bySide, type Side } from "./sides.ts";

/** A sync as it is shown, with the state of both sides and of its links. */
export async function showSync(
  sql: Sql,
  sync: SyncRecord,
  connectors: ReadonlyMap<string, Connector>,
): Promise<SyncView> {
  const rows = new Map((await connectionsByIds(sql, [sync.left, sync.right])).map((row) => [row.id, row]));
  const subscriptions = await subscriptionsOfSync(sql, sync.id);
  const streams = await streamsByIds(sql, [...new Set(subscriptions.map(({ stream }) => stream))]);
  const showSide = (side: Side): SideView => {
    const connection = sync[side];
    const row = rows.get(connection);
    const name = row && connectors.get(row.connector)?.resources.get(sync.resource)?.definition.stream;
    const read = streams.find((one) => one.connection === connection && one.stream === name);
    return {
      connection,
      connector: row?.connector ?? null,
      account: row?.label ?? null,
      authorized: row?.status === "active",
      lastReadAt: isoTime(read?.lastSuccessAt ?? null),
      nextReadAt: isoTime(read?.nextPollAt ?? null),
      syncToken: { known: (read?.cursor ?? null) !== null, since: isoTime(read?.cursorAt ?? null) },
      lastError: read?.lastError ? showFailure(read.lastError) : null,
    };
  };
  const enabled = sync.status === "active";
  return {
    ...syncs.view(sync),
    enabled,
    status: !enabled ? "paused" : sync.phase === "matching" ? "matching" : "active",
    ...bySide(showSide),
    links: await countLinks(sql, sync.id),
  };
}
