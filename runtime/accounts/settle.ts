import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { GrantProof } from "../model/grants.ts";
import type { Accept } from "./connect.ts";
import { openCredentials } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { waiting } from "./proving.ts";
import type { Status } from "./status.ts";

/**
 * Makes what stores the tokens of an authorization: the connection becomes active, or waits for the vendor. The grant of an
 * account that it leaves is ended unless another connection lives on it.
 */
export function createSettle(
  { db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">,
  { status, grants }: { status: Status; grants: Grants },
): Accept {
  const endLeft = async (row: ConnectionRow, proofs: GrantProof[]): Promise<void> => {
    const { id, user, connector, credentials } = row;
    try {
      if (await grants.isHeld(db, { user, connector, proofs })) return;
      await grants.end(row, openCredentials(vault, row, credentials!));
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      log.warn({ connection: id, error }, "the grant of the account that a connection left could not be revoked");
    }
  };

  return async (row, { changes, moved, failure }, within) => {
    const mayLeave = row.credentials !== null && (moved === true || row.status === "pending");
    const left = mayLeave ? await grants.proofsOf(db, row) : undefined;
    const isSettled = failure
      ? await status.wait(row, { ...changes, ...waiting(failure, clock.now()) }, within)
      : await status.activate(row, changes, { ...(moved && { moved }), within });
    if (isSettled && left) await endLeft(row, left);
    return isSettled;
  };
}
