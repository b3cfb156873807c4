import type { Context } from "../engine/context.ts";
import { erasureJob } from "../engine/eraser.ts";
import type { StatusChange } from "../model/connections.ts";
import { beginAgain, continueSequence, deleteStream, expectReads, streamsOfConnection } from "../model/streams.ts";
import type { StreamRecord } from "../model/streams.ts";
import { activeSubscriptions, deleteSubscriptionsOf, readFrom } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";
import { pollJob } from "./jobs.ts";
import { LEAST_MS } from "./pace.ts";
import { forgottenGaps } from "./told-until.ts";

/** Follows a change of a connection, in the transaction that makes it. */
export type FollowConnection = (tx: Tx, change: StatusChange) => Promise<void>;

/**
 * What becomes of streams with their connection: all are read once it works again, and a connection that is removed takes its
 * subscriptions and all that is known along. One that has moved to another account has all its streams begin again with a
 * silent poll, and a gap is reported to each subscription. While it does not work, a poll that comes due plans no other.
 */
export function createConnectionFollower({
  engine,
  clock,
  emit,
  connectors,
}: Pick<Context, "engine" | "clock" | "emit" | "connectors">): FollowConnection {
  /** The job of its next poll comes now, and ends. */
  const drop = async (tx: Tx, stream: number, connection: string): Promise<void> => {
    const now = clock.now();
    const isLeft = await deleteStream(tx, stream);
    await engine.enqueue(tx, [pollJob(stream, connection, now), ...(isLeft ? [erasureJob(now)] : [])]);
  };

  /** Under a new number, so that a poll of the first account that still runs writes nothing into it. */
  const restart = async (tx: Tx, connector: string, old: StreamRecord): Promise<void> => {
    const stream = await beginAgain(tx, old);
    const readers = await readFrom(tx, old.id, stream.id);
    for (const { id } of readers) await continueSequence(tx, stream.id, id);
    const compiled = connectors.get(connector)?.streams.get(old.stream);
    const subject = { connector, stream: old, compiled };
    const gaps = await forgottenGaps(tx, subject, readers, "account_moved", clock.now());
    await drop(tx, old.id, old.connection);
    await emit(tx, gaps);
  };

  return async (tx, { id, connector, status, moved }) => {
    if (status === "reauth_required") return;
    if (moved) for (const stream of await streamsOfConnection(tx, id)) await restart(tx, connector, stream);
    const streams = (await streamsOfConnection(tx, id)).map((stream) => stream.id);
    if (status === "removed") {
      for (const stream of streams) {
        await deleteSubscriptionsOf(tx, stream);
        await drop(tx, stream, id);
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
