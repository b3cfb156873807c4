import type { Context } from "../engine/context.ts";
import type { StatusChange } from "../model/connections.ts";
import { deleteStream, expectReads, streamsOfConnection } from "../model/streams.ts";
import { activeSubscriptions, deleteSubscriptionsOf } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";
import { pollJob } from "./jobs.ts";
import { LEAST_MS } from "./pace.ts";

/** Follows a change of a connection, in the transaction that makes it. */
export type FollowConnection = (tx: Tx, change: StatusChange) => Promise<void>;

/**
 * What becomes of streams with their connection: all are read once it works again, and a connection that is removed takes its
 * subscriptions and all that is known along. While it does not work, a poll that comes due plans no other.
 */
export function createConnectionFollower({ engine, clock }: Pick<Context, "engine" | "clock">): FollowConnection {
  return async (tx, { id, status }) => {
    if (status === "reauth_required") return;
    const streams = (await streamsOfConnection(tx, id)).map((stream) => stream.id);
    if (status === "removed") {
      for (const stream of streams) {
        await deleteSubscriptionsOf(tx, stream);
        await deleteStream(tx, stream);
      }
      return;
    }
    const now = clock.now();
    const used = [...new Set((await activeSubscriptions(tx, streams)).map(({ stream }) => stream))];
    await expectReads(tx, used, now, now + LEAST_MS);
    await engine.enqueue(
      tx,
      used.map((stream) => pollJob(stream, id, now)),
    );
  };
}
