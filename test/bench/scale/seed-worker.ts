/** Fills a store, in a process of its own so that what it takes is not counted as the runtime's. */
import type { Composed } from "../../../runtime/compose.ts";
import { sealCredentials } from "../../../runtime/accounts/credentials.ts";
import { newId } from "../../../runtime/core/ids.ts";
import { createDispatch } from "../../../runtime/deliver/dispatch.ts";
import { pollJob } from "../../../runtime/poll/jobs.ts";
import { nextRun } from "../../../runtime/poll/schedule.ts";
import type { NewEvent } from "../../../runtime/model/events.ts";
import { contact, resourceOf } from "../contacts.ts";
import { copies, inChunks, type Row } from "./copies.ts";
import { openRuntime, type Transport } from "./runtime.ts";

export interface Seed {
  store: string;
  vendor: string;
  transport: Transport;
  /** Connections, each with a subscription whose stream has been read before. */
  connections: number;
  everySeconds: number;
  /** Whether all are to be polled at once, instead of when their time comes. */
  due: boolean;
  /** Webhooks that wait to be sent, spread over many endpoints. */
  deliveries: number;
}

export interface Seeded {
  /** When the first poll may come due, milliseconds since the epoch. */
  from: number;
}

/** More than it takes to enqueue one. */
const ENQUEUE_MS = 0.2;
/** So many that their own limits do not hold the processes back. */
const ENDPOINTS = 16;
const READ_MS = 50;

// Nothing goes on without the bench.
process.once("disconnect", () => process.exit());
process.once("message", (seed: Seed) => void fill(seed));

async function fill(seed: Seed): Promise<void> {
  const runtime = await openRuntime(seed);
  const from = await addSubscriptions(runtime, seed);
  if (seed.deliveries > 0) await addDeliveries(runtime, seed);
  await runtime.close();
  process.send!({ from } satisfies Seeded);
  process.disconnect();
}

/** One is made and read as always; the others are copies of its rows. Returns from when on they are polled. */
async function addSubscriptions(runtime: Composed, { connections, everySeconds, due }: Seed): Promise<number> {
  const { db, engine, vault } = runtime;
  const { id: connection } = await runtime.accounts.create({
    connector: "google-contacts",
    user: "u_1",
    credentials: { accessToken: "bench" },
  });
  await runtime.subscriptions.create({ connection, trigger: "contact_created", everySeconds });
  await engine.start();
  const stream = async (): Promise<Row> => (await db.get<Row>("select * from streams"))!;
  while ((await stream())["baselined_at"] === null) await new Promise((resolve) => setTimeout(resolve, READ_MS));
  await engine.stop();
  const rows = {
    connection: (await db.get<Row>("select * from connections"))!,
    subscription: (await db.get<Row>("select * from subscriptions"))!,
    stream: await stream(),
  };
  const first = Number(rows.stream["id"]) + 1;
  await inChunks(db, connections - 1, async (tx, numbers) => {
    const one = numbers.map((i) => ({ connection: `${connection}_${i}`, stream: first + i, user_id: `u_${i}` }));
    await copies(
      tx,
      "connections",
      rows.connection,
      one.map(({ connection: id, user_id }) => ({
        id,
        user_id,
        credentials: sealCredentials(
          vault,
          { id, user: user_id },
          { type: "oauth2", accessToken: `bench ${id}`, refreshAt: null },
        ),
      })),
    );
    await copies(
      tx,
      "streams",
      rows.stream,
      one.map(({ connection, stream: id }) => ({ connection, id })),
    );
    await copies(
      tx,
      "subscriptions",
      rows.subscription,
      one.map((own) => ({ ...own, id: `sub_${own.stream}` })),
    );
  });
  // Not before all of them wait: what came due meanwhile would be made up for in the time that is measured.
  const from = due ? Date.now() : Date.now() + connections * ENQUEUE_MS;
  await inChunks(db, connections - 1, (tx, numbers) =>
    engine.enqueue(
      tx,
      numbers.map((i) => {
        const runAt = due ? from : nextRun({ everySeconds }, first + i, from);
        return pollJob(first + i, `${connection}_${i}`, runAt);
      }),
    ),
  );
  return from;
}

async function addDeliveries(runtime: Composed, { deliveries, vendor }: Seed): Promise<void> {
  const { db, engine, endpoints, clock, log } = runtime;
  const ids: string[] = [];
  for (let i = 0; i < ENDPOINTS; i++) ids.push((await endpoints.create({ url: vendor, events: ["contact.*"] })).id);
  const emit = createDispatch({ engine, clock, log, targets: [] });
  const { connection, id: stream } = (await db.get<{ connection: string; id: number }>(
    "select * from streams limit 1",
  ))!;
  await inChunks(db, deliveries, async (tx, numbers) => {
    const events = numbers.map((i): NewEvent => {
      const record = contact(i);
      return {
        id: newId("evt"),
        type: "contact.created",
        connection,
        user: "u_1",
        subscription: null,
        stream,
        recordKey: record.resourceName!,
        sequence: i,
        at: Date.now(),
        data: { change: "created", sequence: i, resource: resourceOf(record), record },
        target: { endpoint: ids[i % ENDPOINTS] },
      };
    });
    await emit(tx, events);
  });
}
