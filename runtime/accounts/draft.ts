import { newId } from "../core/ids.ts";
import type { NewConnection } from "../model/connection-input.ts";
import type { ConnectionRow } from "../model/connections.ts";

/** A connection that nobody has authorized yet. `now`: milliseconds since the epoch. */
export function draftOf(
  given: NewConnection & { user: string },
  authType: ConnectionRow["authType"],
  now: number,
): ConnectionRow {
  return {
    id: newId("con", now),
    connector: given.connector,
    user: given.user,
    status: "pending",
    label: null,
    accountName: null,
    moves: null,
    proofs: null,
    inputs: given.inputs ?? {},
    captured: {},
    scopes: [],
    asked: null,
    refused: null,
    authType,
    credentials: null,
    expiresAt: null,
    version: 1,
    refreshOwner: null,
    refreshUntil: null,
    error: null,
    testAt: null,
    testUntil: null,
    parent: null,
    parentMoves: null,
    derived: null,
    createdAt: now,
    updatedAt: now,
  };
}
