import type { Log } from "../core/log.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { Emit } from "../model/events.ts";
import type { ListedBy } from "../model/quarantine.ts";
import type { Checkpoint, StreamRecord } from "../model/streams.ts";
import type { Source } from "../read/fetch.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Subscriber } from "./subscriber.ts";

/** Commits work of a read, unless another process has taken the stream over, or it is gone: then it throws, and nothing is written. */
export type Transaction = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

/** What one read of a stream works with that changes nothing of what is known. */
export interface ReadOnlyReading {
  db: Database;
  log: Log;
  /** Milliseconds since the epoch. */
  now: () => number;
  connector: string;
  user: string;
  stream: StreamRecord;
  compiled: CompiledStream;
  /** Hash of everything that the cursor depends on. */
  requestHash: string;
  subscribers: readonly Subscriber[];
  source: Source;
  /** Whether held deletions are believed after a day in which all reads agreed. */
  releasesDeletions: boolean;
}

/** What one poll of a stream works with. */
export interface Reading extends ReadOnlyReading {
  transaction: Transaction;
  emit: Emit;
}

/** The read that records are of, as far as it is known: of one that is over, only what the quarantine keeps. */
export type ReadOf = ListedBy &
  Partial<
    Pick<
      Checkpoint,
      "complete" | "each" | "holds" | "recovering" | "toldSince" | "lostUnread" | "hasUnkeyed" | "hasPassedOver"
    >
  >;

/** The subscribers of a read that ask for records that were there before them. */
export function backfilling(subscribers: readonly Subscriber[], joining: readonly string[]): Subscriber[] {
  return subscribers.filter(
    ({ subscription }) => joining.includes(subscription.id) && subscription.firstPoll !== "baseline",
  );
}
