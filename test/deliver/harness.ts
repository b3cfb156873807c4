import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { derivedId, newId } from "../../runtime/core/ids.ts";
import { createLog, type Log } from "../../runtime/core/log.ts";
import { createNetwork, type Network } from "../../runtime/core/network.ts";
import { createConsumers } from "../../runtime/deliver/consumers.ts";
import { workDeliveries } from "../../runtime/deliver/deliver.ts";
import { createDeliveries } from "../../runtime/deliver/deliveries.ts";
import { createDispatch } from "../../runtime/deliver/dispatch.ts";
import { createEndpoints } from "../../runtime/deliver/endpoints.ts";
import { createEvents } from "../../runtime/deliver/events.ts";
import type { Target } from "../../runtime/engine/module.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import type { Connector } from "../../runtime/manifest/connector.ts";
import { deliveries, type DeliveryRecord } from "../../runtime/model/deliveries.ts";
import { events, type EventRecord, type NewEvent } from "../../runtime/model/events.ts";
import { changeJob } from "../../runtime/sync/jobs.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { keepInStep, storeOfTest } from "../postgres.ts";

/** What events of subscriptions are for besides endpoints, as the modules say. */
const shippedTargets: Target[] = [
  { prefix: "flow_", job: (flow, _event, event) => ({ queue: "flow", data: { flow, event }, group: flow }) },
  { prefix: "sync_", job: changeJob },
];
export { soon } from "../fixtures/wait.ts";

export interface HarnessOptions {
  /** One of its own unless given. */
  store?: string;
  clock?: ManualClock;
  concurrency?: number;
  perEndpoint?: number;
  /** Ends attempts sooner than the interface says. */
  deadlineMs?: number;
  /** The loaded connectors; default none. */
  connectors?: ReadonlyMap<string, Connector>;
  /** What subscriptions may name beside endpoints; default flows and syncs. */
  targets?: readonly Target[];
  log?: Log;
}

export const KEY = Buffer.alloc(32, 7).toString("base64");
export const quietLog = createLog({ level: "silent" });

/** Everything the room needs, real but for the clock; closed when the test ends. */
export async function makeHarness(options: HarnessOptions = {}) {
  const { clock = new ManualClock(Date.now()), concurrency = 64, perEndpoint = 8 } = options;
  const { connectors = new Map<string, Connector>(), targets = shippedTargets, log = quietLog } = options;
  const database = await openDatabase(options.store ?? (await storeOfTest()), { log: quietLog });
  await migrate(database);
  const engine = await openEngine({ db: database, clock, log: quietLog });
  keepInStep(database, engine, clock);
  const real = createNetwork({ allowPrivate: true, allow: [], trusted: [] });
  const network: Network = {
    ...real,
    request: (url, request) => real.request(url, { ...request, deadlineMs: options.deadlineMs ?? request.deadlineMs }),
  };
  const vault = createVault([KEY]);
  const emit = createDispatch({ engine, clock, log, targets });
  const consumers = createConsumers({ db: database, connectors, clock, log });
  workDeliveries({
    engine,
    network,
    vault,
    clock,
    emit,
    consumers,
    concurrency,
    perEndpoint,
    random: () => 0.5,
  });
  const harness = {
    database,
    engine,
    network,
    clock,
    vault,
    consumers,
    endpoints: createEndpoints({ db: database, engine, connectors, network, vault, clock, log }),
    deliveries: createDeliveries({ db: database, engine, clock }),
    events: createEvents({ db: database, connectors }),
    async emit(...events: Partial<NewEvent>[]): Promise<void> {
      await database.transaction((tx) =>
        emit(
          tx,
          events.map((event) => ({ ...change(), ...event })),
        ),
      );
    },
    async start(): Promise<void> {
      await consumers.start();
      await engine.start();
    },
    /** Lets time pass, and what is due by then begin. */
    async pass(milliseconds: number): Promise<void> {
      await engine.tick(); // What has ended has ended before.
      clock.advance(milliseconds);
      await engine.tick();
    },
    stored: (): Promise<EventRecord[]> => events.all(database, "order by position"),
    made: (): Promise<DeliveryRecord[]> => deliveries.all(database, "order by id"),
    stop: stopOnce(async () => {
      await engine.stop(0);
      await database.close();
      await network.close();
    }),
  };
  onTestFinished(harness.stop);
  return harness;
}

export type Harness = Awaited<ReturnType<typeof makeHarness>>;

function stopOnce(stop: () => Promise<void>): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => (stopped ??= stop());
}

let sequence = 0;

export function change(): NewEvent {
  sequence++;
  return {
    id: derivedId("evt", [newId("evt")]),
    type: "contact.created",
    connection: "con_1",
    user: "u_1",
    subscription: "sub_1",
    stream: 1,
    recordKey: `people/c${sequence}`,
    sequence,
    at: Date.parse("2026-01-02T03:04:05.678Z"),
    data: { change: "created", sequence },
    target: {},
  };
}

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What a receiver does with a request it has read. */
export type Answer = (response: ServerResponse, received: Received, count: number) => void;

export const status =
  (code: number, headers: Record<string, string> = {}, body = ""): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body);

/** A consumer's server. It answers 200 until told otherwise. */
export async function receiver(answer: Answer = status(200)) {
  const requests: Received[] = [];
  const state = { answer };
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const received = { path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() };
      requests.push(received);
      state.answer(response, received, requests.length);
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests,
    answerWith(next: Answer): void {
      state.answer = next;
    },
  };
}

/** The headers as a verifier wants them. */
export function webhookHeaders({ headers }: Received): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
