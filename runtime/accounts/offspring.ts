import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { changeConnection, findConnection, type ConnectionRow } from "../model/connections.ts";
import { derivedWhere, tokensDerivedFrom } from "../model/derived-connections.ts";
import { hasMoved } from "./carriers.ts";
import type { Derivations } from "./derivations.ts";
import { gone, NotInstalled } from "./minting.ts";
import type { Status } from "./status.ts";

/** What becomes of derived connections when something becomes of their parents. */
export interface Offspring {
  /** Ends all that are derived from a connection that is being removed: their tokens are destroyed. */
  end(parent: string): Promise<void>;
  /**
   * Ends what is derived from connections that lost their grant, and has what ended so work again once they are back. Gives when to
   * look again, milliseconds since the epoch; undefined when nothing is left to do.
   */
  follow(): Promise<number | undefined>;
}

/** How many are changed in a row. */
const BATCH = 50;
/** After a failure that may pass; milliseconds. */
const PAUSE_MS = 60_000;

/** Makes the service that has derived connections follow their parents. */
export function createOffspring(
  { db, clock, log }: Pick<Context, "db" | "clock" | "log">,
  { status, derivations }: { status: Status; derivations: Pick<Derivations, "again"> },
): Offspring {
  const each = async (
    read: (after: string | undefined) => Promise<ConnectionRow[]>,
    work: (row: ConnectionRow) => Promise<unknown>,
  ): Promise<void> => {
    for (let after: string | undefined; ;) {
      const rows = await read(after);
      for (const row of rows) await work(row);
      if (rows.length < BATCH) return;
      after = rows.at(-1)!.id;
    }
  };

  const note = (child: ConnectionRow, reason: "uninstalled" | "parent_moved"): Promise<boolean> => {
    const { message } = gone(child.id, reason);
    const error = { code: "reauth_required", reason, message, at: clock.now() };
    return changeConnection(db, child.id, child, { error }, clock.now());
  };

  /** False when it may work another time. */
  const revive = async (child: ConnectionRow): Promise<boolean> => {
    if (child.error?.reason !== "parent_lost") return true;
    try {
      const parent = await findConnection(db, child.parent!);
      if (!parent) return true;
      if (hasMoved(parent, child)) await note(child, "parent_moved");
      else await derivations.again(parent, child);
      return true;
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      if (error instanceof NotInstalled) return note(child, "uninstalled").then(() => true);
      log.warn({ connection: child.id, error }, "a derived connection could not be brought back; it is tried again");
      return error.code === "reauth_required";
    }
  };

  return {
    end: (parent) =>
      each(
        (after) => tokensDerivedFrom(db, parent, { limit: BATCH, after }),
        (row) => status.end(row, gone(row.id, "parent_removed")),
      ),
    follow: async () => {
      await each(
        (after) => derivedWhere(db, ["active", "reauth_required"], { limit: BATCH, after }),
        (row) => status.pause(row, { version: row.version }, gone(row.id, "parent_lost")),
      );
      let isDone = true;
      await each(
        (after) => derivedWhere(db, ["reauth_required", "active"], { limit: BATCH, after }),
        async (row) => void (isDone = (await revive(row)) && isDone),
      );
      return isDone ? undefined : clock.now() + PAUSE_MS;
    },
  };
}
