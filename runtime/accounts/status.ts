import type { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import {
  changeConnection,
  type ConnectionChanges,
  type ConnectionRow,
  type StatusChange,
} from "../model/connections.ts";
import { connectionEvent } from "../model/operational.ts";
import type { Tx } from "../store/database.ts";

/** Follows every change of status inside the transaction that makes it: where polling is paused, resumed and ended. */
export type OnStatus = (tx: Tx, change: StatusChange) => Promise<void>;

/** Which state of the row a change is meant for. */
export interface Expected {
  version: number;
  owner?: string;
}

/**
 * Makes a connection `reauth_required`, with one event, because its grant is gone.
 * False when the row changed meanwhile: who changed it knew more.
 */
export type PauseConnection = (row: ConnectionRow, expected: Expected, error: HooklineError) => Promise<boolean>;

export interface Status {
  pause: PauseConnection;
  /** Makes a connection `active` with these credentials, with one event. False when the row changed meanwhile. */
  activate(row: ConnectionRow, changes: ConnectionChanges): Promise<boolean>;
  /** Announces, inside `tx`, that a connection is active or removed. */
  announce(tx: Tx, change: StatusChange): Promise<void>;
}

/** Makes the service that changes the status of connections and reports it. */
export function createStatus({ db, clock, emit }: Pick<Context, "db" | "clock" | "emit">, onStatus: OnStatus): Status {
  const announce = async (tx: Tx, change: StatusChange, news?: { reason: string; code?: string }): Promise<void> => {
    await onStatus(tx, change);
    const { status } = change;
    if (news === undefined || status === "removed") return;
    await emit(tx, [connectionEvent({ ...change, status }, news, clock.now())]);
  };

  const change = (
    row: ConnectionRow,
    expected: Expected,
    status: "active" | "reauth_required",
    changes: ConnectionChanges,
    news: { reason: string; code?: string },
  ) =>
    db.transaction(async (tx) => {
      if (!(await changeConnection(tx, row.id, expected, { ...changes, status }, clock.now()))) return false;
      await announce(tx, { id: row.id, connector: row.connector, user: row.user, status }, news);
      return true;
    });

  return {
    pause: (row, expected, error) =>
      change(
        row,
        expected,
        "reauth_required",
        { error: { code: "reauth_required", message: error.message, at: clock.now() } },
        { reason: error.message, code: "reauth_required" },
      ),
    activate: (row, changes) =>
      change(row, { version: row.version }, "active", { ...changes, error: null }, { reason: READY }),
    announce: (tx, change) => announce(tx, change, change.status === "active" ? { reason: READY } : undefined),
  };
}

const READY = "The connection is ready; its streams are read again.";
