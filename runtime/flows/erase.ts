import { derivedId } from "../core/ids.ts";
import type { Context } from "../engine/context.ts";
import type { Erased, Eraser } from "../engine/eraser.ts";
import { eraseEvents } from "../deliver/erase.ts";
import type { SqlValue } from "../store/database.ts";
import { deleteHead, flows } from "./model/flows.ts";
import { cancelRunsOf, deleteSteps, runs } from "./model/runs.ts";
import { runJob } from "./start.ts";
import type { FlowTriggers } from "./subscribe.ts";

/** Erases flows, and the runs that are of a user or were started by what came of a connection. */
export function createFlowsEraser(core: Pick<Context, "engine" | "clock">, triggers: FlowTriggers): Eraser {
  return {
    end: async (tx, user) => {
      const all = await flows.all(tx, "where user_id = ?", [user]);
      for (const { id } of all) {
        await triggers.remove(tx, id);
        await deleteHead(tx, id);
      }
      const [ofUser, params] = whose({ user, connection: null });
      const { n } = (await tx.get<{ n: number }>(`select count(*) as n from runs where ${ofUser}`, params))!;
      await cancelRunsOf(tx, ofUser, params, core.clock.now());
      return { flows: all.length, runs: n };
    },
    some: async (tx, erased, limit) => {
      const [ofThem, params] = whose(erased);
      const some = await runs.all(tx, `where ${ofThem} limit ?`, [...params, RUNS]);
      if (some.length === 0) return false;
      const ids = some.map(({ id }) => id);
      if ((await deleteSteps(tx, ids, limit)) === limit) return true;
      // A failed run of the workspace's flows was told to the workspace, in the words of its failure.
      await eraseEvents(
        tx,
        core,
        ids.map((id) => derivedId("evt", ["flow.failed", id])),
      );
      await tx.run(`delete from runs where ${tx.oneOf("id")}`, [JSON.stringify(ids)]);
      // The jobs of those that had not ended may wait for days; now they come, and end.
      const open = some.filter(({ status }) => status !== "succeeded" && status !== "failed");
      await core.engine.enqueue(tx, open.map(runJob));
      return true;
    },
  };
}

/** Runs per transaction; each may have many steps. */
const RUNS = 100;

/** Which runs hold data of a user, those of other flows than theirs too, or of one of their connections. */
function whose({ user, connection }: Erased): [condition: string, params: SqlValue[]] {
  return connection === null
    ? ["(user_id = ? or for_user = ?)", [user, user]]
    : ["(user_id = ? or for_user = ?) and connection = ?", [user, user, connection]];
}
