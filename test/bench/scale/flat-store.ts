import { systemClock as clock } from "../../../runtime/core/clock.ts";
import { newId } from "../../../runtime/core/ids.ts";
import { createLog } from "../../../runtime/core/log.ts";
import { createDispatch } from "../../../runtime/deliver/dispatch.ts";
import type { Engine, JobFacts, Outcome } from "../../../runtime/engine/engine.ts";
import { openEngine } from "../../../runtime/engine/open.ts";
import { pollJob } from "../../../runtime/poll/jobs.ts";
import { connectionsByIds } from "../../../runtime/model/connections.ts";
import type { Database, Sql } from "../../../runtime/store/database.ts";
import type { NewEvent } from "../../../runtime/model/events.ts";
import { knownByKeys, remember } from "../../../runtime/model/known.ts";
import { migrate } from "../../../runtime/store/migrate.ts";
import { openDatabase } from "../../../runtime/store/open.ts";
import { saveStream, streamsByIds, type StreamRecord } from "../../../runtime/model/streams.ts";
import { activeSubscriptions } from "../../../runtime/model/subscriptions.ts";
import { copies, inChunks } from "./copies.ts";
import { CONNECTION, ENDPOINT, STREAM, SUBSCRIPTION } from "./rows.ts";

/** How much a store holds. */
export interface Sizes {
  subscriptions: number;
  /** Records known of each subscription's stream. */
  knownEach: number;
  /** Deliveries that wait for their next attempt. */
  delayed: number;
}

/** How long the parts of one turn took, milliseconds. */
export interface Turn {
  claimMs: number;
  commitMs: number;
  deliverMs: number;
}

export interface FilledStore {
  /** Polls that have come due are claimed, each finds changes and commits them, and what follows is delivered. */
  turn(): Promise<Turn>;
  close(): Promise<void>;
}

const POLLS = 128;
const CHANGED = 10;
const EVENTS = 2;
const ENDPOINTS = 100;
const LATER_MS = 3_600_000;

const log = createLog({ level: "silent" });

/** Opens a store that was empty and fills it, by the statements and the engine the runtime uses. */
export async function openFilled(url: string, sizes: Sizes): Promise<FilledStore> {
  const db = await openDatabase(url, { log });
  await migrate(db);
  const engine = await openEngine({ db, clock, log });
  await fill(db, engine, sizes);
  // As the server does by itself a minute later.
  if (db.dialect === "postgres") await db.run("analyze");
  const emit = createDispatch({ engine, clock, log, targets: [] });

  let gate = Promise.withResolvers<void>();
  let claimed = meeting(POLLS);
  let committed = meeting(POLLS);
  let delivered = meeting(POLLS * EVENTS);
  engine.work<StreamRecord>(
    "poll",
    { concurrency: POLLS, perGroup: 2, deadlineMs: 60_000, load: loadPolls },
    async (_job, stream): Promise<Outcome> => {
      claimed.arrive();
      await gate.promise;
      const now = clock.now();
      return {
        runAgainAt: now + LATER_MS,
        attempt: "reset",
        commit: async (tx) => {
          const keys = Array.from({ length: CHANGED }, (_, i) => keyOf(i));
          const known = await knownByKeys(tx, stream!.id, keys);
          await remember(
            tx,
            stream!.id,
            [...known.values()].map((one) => ({ ...one, version: String(now), seen: now })),
          );
          await emit(
            tx,
            keys.slice(0, EVENTS).map((key, i) => changeOf(stream!, key, stream!.sequence + i + 1)),
          );
          await saveStream(tx, { ...stream!, sequence: stream!.sequence + EVENTS, lastPollAt: now });
          tx.afterCommit(() => committed.arrive());
        },
      };
    },
  );
  engine.work("deliver", { concurrency: POLLS * EVENTS, perGroup: 32, deadlineMs: 60_000 }, async () => ({
    done: true,
    commit: async (tx) => tx.afterCommit(() => delivered.arrive()),
  }));
  await engine.start();

  let turns = 0;
  return {
    turn: async () => {
      gate = Promise.withResolvers();
      [claimed, committed, delivered] = [meeting(POLLS), meeting(POLLS), meeting(POLLS * EVENTS)];
      const first = (turns++ * 7919 * POLLS) % sizes.subscriptions;
      const due = Array.from({ length: POLLS }, (_, i) => ((first + i) % sizes.subscriptions) + 1);
      await db.transaction((tx) =>
        engine.enqueue(
          tx,
          due.map((id) => pollJob(id, `con_${id}`, clock.now())),
        ),
      );
      const began = performance.now();
      await claimed.complete;
      const opened = performance.now();
      gate.resolve();
      await committed.complete;
      const told = performance.now();
      await delivered.complete;
      return { claimMs: opened - began, commitMs: told - opened, deliverMs: performance.now() - told };
    },
    close: async () => {
      await engine.stop();
      await db.close();
    },
  };
}

const keyOf = (i: number): string => `people/c${4_000_000_000_000_000_000n + BigInt(i)}`;

/** As the poller does. */
async function loadPolls(sql: Sql, jobs: readonly JobFacts[]): Promise<Map<number, StreamRecord>> {
  const ids = jobs.map(({ data }) => data["stream"] as number);
  const streams = new Map((await streamsByIds(sql, ids)).map((stream) => [stream.id, stream]));
  await connectionsByIds(
    sql,
    [...streams.values()].map(({ connection }) => connection),
  );
  await activeSubscriptions(sql, ids);
  return new Map(jobs.map(({ id, data }) => [id, streams.get(data["stream"] as number)!]));
}

function changeOf({ id, connection }: StreamRecord, key: string, sequence: number): NewEvent {
  return {
    id: newId("evt"),
    type: "contact.updated",
    connection,
    user: "u_1",
    subscription: `sub_${id}`,
    stream: id,
    recordKey: key,
    sequence,
    at: clock.now(),
    data: { change: "updated", sequence, resource: { id: key, firstName: "Ada", lastName: "Lovelace" } },
    target: { endpoint: `ep_${id % ENDPOINTS}` },
  };
}

async function fill(db: Database, engine: Engine, { subscriptions, knownEach, delayed }: Sizes): Promise<void> {
  const later = clock.now() + LATER_MS;
  await inChunks(db, ENDPOINTS, (tx, numbers) =>
    copies(
      tx,
      "endpoints",
      ENDPOINT,
      numbers.map((i) => ({ id: `ep_${i}` })),
    ),
  );
  await inChunks(db, subscriptions, async (tx, numbers) => {
    const ids = numbers.map((i) => i + 1);
    await copies(
      tx,
      "connections",
      CONNECTION,
      ids.map((id) => ({ id: `con_${id}` })),
    );
    await copies(
      tx,
      "streams",
      STREAM,
      ids.map((id) => ({ id, connection: `con_${id}` })),
    );
    await copies(
      tx,
      "subscriptions",
      SUBSCRIPTION,
      ids.map((id) => ({ id: `sub_${id}`, connection: `con_${id}`, stream: id })),
    );
    await engine.enqueue(
      tx,
      ids.map((id) => pollJob(id, `con_${id}`, later + id)),
    );
    const known = { version: "0123456789abcdef", seen: later, watched: null };
    await copies(
      tx,
      "known",
      known,
      ids.flatMap((stream) => Array.from({ length: knownEach }, (_, i) => ({ stream, key: keyOf(i) }))),
    );
  });
  await inChunks(db, delayed, (tx, numbers) =>
    engine.enqueue(
      tx,
      numbers.map((i) => ({
        queue: "deliver",
        data: { delivery: `dlv_${i}` },
        group: `ep_${i % ENDPOINTS}`,
        unique: `dlv_${i}`,
        runAt: later + i,
      })),
    ),
  );
}

/** Complete when so many have arrived. */
function meeting(size: number): { arrive(): void; complete: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = size;
  return {
    arrive: () => {
      if (--missing === 0) resolve();
    },
    complete: promise,
  };
}
