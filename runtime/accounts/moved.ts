import { HooklineError } from "../core/errors.ts";
import type { ConnectionRow } from "../model/connections.ts";

type Moved = Pick<ConnectionRow, "moves">;

/** How often a connection was moved to another account: as long as it stays the same, so does the account. */
export function movesOf({ moves }: Moved): number {
  return moves ?? 0;
}

/**
 * Work that was begun with one account is not finished with another: what it holds to be known is the first one's. `before`: how
 * often the connection had been moved when the work began.
 * @throws HooklineError `account_moved`
 */
export function assertSameAccount(now: Pick<ConnectionRow, "id"> & Moved, before: number): void {
  if (movesOf(now) === before) return;
  throw new HooklineError("account_moved", `${now.id} was moved to another account meanwhile; begin again`);
}
