import type { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import {
  changeConnection,
  findConnection,
  isLostReason,
  type ConnectionChanges,
  type ConnectionError,
  type ConnectionRow,
  type StatusChange,
} from "../model/connections.ts";
import { connectionEvent } from "../model/operational.ts";
import { movesOf } from "./moved.ts";
import type { Tx } from "../store/database.ts";
import { renamed } from "./verify.ts";

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
  /**
   * Makes a connection `active` with these credentials, with one event. `moved`: it leads to another account from now on.
   * False when the row changed meanwhile. `within` is done in the same transaction, and undoes it by throwing.
   */
  activate(
    row: ConnectionRow,
    changes: ConnectionChanges,
    more?: { moved?: true; within?: (tx: Tx) => Promise<void> },
  ): Promise<boolean>;
  /** Has a connection that was never active wait for the vendor, likewise. False when the row changed meanwhile. */
  wait(row: ConnectionRow, changes: ConnectionChanges, within?: (tx: Tx) => Promise<void>): Promise<boolean>;
  /** Destroys what a connection that was never active has of its account. False when the row changed meanwhile. */
  drop(row: ConnectionRow, error: HooklineError): Promise<boolean>;
  /** Destroys the tokens of a connection that nothing is derived for any more; it stays, `reauth_required`, with one event. */
  end(row: ConnectionRow, error: HooklineError): Promise<boolean>;
  /** The newest row of a connection. */
  current(id: string): Promise<ConnectionRow | undefined>;
  /** Announces, inside `tx`, that a connection is active or removed. */
  announce(tx: Tx, change: StatusChange): Promise<void>;
}

export interface StatusNeeds {
  onStatus: OnStatus;
  /** Told inside the transaction when a connection begins to wait for a test, and until when; milliseconds since the epoch. */
  onWaiting?: (tx: Tx, at: number) => Promise<void>;
}

/** Makes the service that changes the status of connections and reports it. */
export function createStatus(
  { db, clock, emit }: Pick<Context, "db" | "clock" | "emit">,
  { onStatus, onWaiting }: StatusNeeds,
): Status {
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
    { moved, within }: { moved?: true; within?: (tx: Tx) => Promise<void> } = {},
  ) =>
    db.transaction(async (tx) => {
      if (!(await changeConnection(tx, row.id, expected, { ...changes, status }, clock.now()))) return false;
      const told = { id: row.id, connector: row.connector, user: row.user, status, ...(moved && { moved }) };
      await announce(tx, told, news);
      await within?.(tx);
      return true;
    });

  const keepPending = (
    { id, version }: ConnectionRow,
    expected: Partial<Expected>,
    changes: ConnectionChanges,
    within?: (tx: Tx) => Promise<void>,
  ) =>
    db.transaction(async (tx) => {
      const isChanged = await changeConnection(tx, id, { version, ...expected }, changes, clock.now());
      if (isChanged && changes.testAt != null) await onWaiting?.(tx, changes.testAt);
      if (isChanged) await within?.(tx);
      return isChanged;
    });

  const drop = (row: ConnectionRow, expected: Partial<Expected>, error: HooklineError) =>
    keepPending(row, expected, {
      ...NOTHING_LEFT,
      ...renamed(row, null, true),
      error: { code: error.code, message: error.message, at: clock.now() },
    });

  return {
    // What was never active is not lost: nothing hangs on it, and nobody is told.
    pause: (row, expected, error) =>
      row.status === "pending"
        ? drop(row, expected, error)
        : change(
            row,
            expected,
            "reauth_required",
            { error: lostError(error, clock.now()) },
            { reason: error.message, code: "reauth_required" },
          ),
    activate: (row, changes, more) =>
      change(
        row,
        { version: row.version },
        "active",
        { ...changes, ...NO_TEST, error: null, ...(more?.moved && { moves: movesOf(row) + 1 }) },
        { reason: more?.moved ? MOVED : READY },
        more,
      ),
    wait: (row, changes, within) => keepPending(row, {}, changes, within),
    drop: (row, error) => drop(row, {}, error),
    end: (row, error) =>
      change(
        row,
        { version: row.version },
        "reauth_required",
        { credentials: null, expiresAt: null, grants: [], error: lostError(error, clock.now()) },
        { reason: error.message, code: "reauth_required" },
      ),
    current: (id) => findConnection(db, id),
    announce: (tx, change) => announce(tx, change, change.status === "active" ? { reason: READY } : undefined),
  };
}

function lostError({ data, message }: HooklineError, at: number): ConnectionError {
  const reason = isLostReason(data.reason) ? { reason: data.reason } : {};
  return { code: "reauth_required", ...reason, message, at };
}

const NO_TEST = { testAt: null, testUntil: null } as const;
const NOTHING_LEFT: ConnectionChanges = {
  ...NO_TEST,
  credentials: null,
  expiresAt: null,
  captured: {},
  scopes: [],
  refused: null,
  proofs: null,
  grants: [],
};
const MOVED = "The connection leads to another account now; its streams begin anew.";
const READY = "The connection is ready; its streams are read again.";
