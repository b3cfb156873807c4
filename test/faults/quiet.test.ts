import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { VendorClient } from "../../runtime/accounts/client.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createLog } from "../../runtime/core/log.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { connections, type ConnectionRow } from "../../runtime/model/connections.ts";
import type { NewEvent } from "../../runtime/model/events.ts";
import { workPolls } from "../../runtime/poll/poller.ts";
import { watchPolls } from "../../runtime/poll/watch.ts";
import { createWiring } from "../../runtime/poll/wiring.ts";
import { simulate, type Simulator } from "../fixtures/simulator.ts";
import { SIZES, steadySeed } from "../fixtures/tier.ts";
import { vendorManifest } from "../poll/vendor.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Schedules of subscriptions, in turn: some are quiet for hours. */
const SCHEDULES = [
  { everySeconds: 60 },
  { everySeconds: 300 },
  { everySeconds: 900 },
  { everySeconds: 3600 },
  { schedule: "0 9 * * 1-5", timeZone: "Europe/Berlin" },
  { schedule: "*/10 6-18 * * *" },
];
/** One request in so many fails. */
const FAILS = 20;
/** What fails three times in a row has failed for three intervals, where the vendor limits: that is an alarm. */
const MOST_IN_A_ROW = 2;

let simulator: Simulator;
afterEach(() => simulator.close());

/** The same number for the same text, from 0 up to 1. */
function chance(...of: readonly unknown[]): number {
  return createHash("sha256").update(of.join(" ")).digest().readUInt32LE(0) / 2 ** 32;
}

const connection = (id: string, now: number): ConnectionRow => ({
  id,
  connector: "acme",
  user: "u_1",
  status: "active",
  label: null,
  accountName: null,
  moves: null,
  proofs: null,
  parent: null,
  parentMoves: null,
  derived: null,
  testAt: null,
  testUntil: null,
  asked: null,
  refused: null,
  inputs: {},
  captured: {},
  scopes: [],
  authType: "none",
  credentials: null,
  expiresAt: null,
  version: 1,
  refreshOwner: null,
  refreshUntil: null,
  error: null,
  createdAt: now,
  updatedAt: now,
});

describe("quiet and busy subscriptions", () => {
  const { subscriptions, days } = SIZES.quiet;

  it(`of which ${subscriptions} are read for ${days} days cause no false alarm, whatever passes by itself`, async () => {
    const seed = steadySeed(7);
    const connectors = new Map([["acme", compileConnector(await loadManifest(vendorManifest()))]]);
    const told = new Map<string, Set<unknown>>();
    const failures = new Map<string, number>();
    let requests = 0;
    const polls = { ok: 0, failed: 0 };
    const context = (engine: Simulator["engine"], { db, clock }: Pick<Simulator, "db" | "clock">) => ({
      db,
      engine,
      connectors,
      clock,
      log: createLog({ level: "silent" }),
      random: () => 0.5,
      emit: async (_tx: unknown, events: readonly NewEvent[]) => {
        for (const { type, data } of events) told.set(type, (told.get(type) ?? new Set()).add(data["error"]));
      },
    });
    simulator = await simulate((engine, running) => {
      const { clock } = running;
      const send = async (id: string): Promise<Awaited<ReturnType<VendorClient["send"]>>> => {
        const luck = chance(seed, id, ++requests);
        const inARow = failures.get(id) ?? 0;
        const isFailing = luck < 1 / FAILS && inARow < MOST_IN_A_ROW;
        failures.set(id, isFailing ? inARow + 1 : 0);
        if (isFailing) {
          const code = luck < 0.5 / FAILS ? "rate_limited" : "vendor_error";
          throw new HooklineError(code, "not now", { retry: luck < 0.25 / FAILS ? { after: 30_000 } : {} });
        }
        if (luck > 0.99) await running.wait(MINUTE);
        const isBusy = chance(seed, id) > 0.5;
        const version = isBusy ? Math.floor(clock.now() / HOUR) : 0;
        return { status: 200, headers: {}, url: "", body: { items: [{ id: "a", version }], next: "token" } };
      };
      const clientOf = async (row: string | ConnectionRow): Promise<VendorClient> => {
        const { id } = row as ConnectionRow;
        const client = { id, send: () => send(id), as: async () => client } as unknown as VendorClient;
        return client;
      };
      const variablesOf = async () => ({ workspace: {}, user: {} });
      const onPoll = ({ outcome }: { outcome: "ok" | "failed" }) => void polls[outcome]++;
      workPolls(context(engine, running), { clientOf, variablesOf, releasesDeletions: true, concurrency: 32, onPoll });
      watchPolls(context(engine, running));
    });
    const { db, engine, clock } = simulator;
    const wiring = createWiring(context(engine, simulator));
    for (let n = 0; n < subscriptions; n++) {
      const id = `con_${n}`;
      await connections.insert(db, connection(id, clock.now()));
      const trigger = n % 2 === 0 ? "sync_any" : "snapshot_any";
      const schedule = SCHEDULES[n % SCHEDULES.length]!;
      await db.transaction((tx) => wiring.create(tx, { connection: id, trigger, ...schedule }));
    }
    for (let hour = 0; hour < days * 24; hour++) {
      await simulator.advance(HOUR);
      // Once a day the clock is set: for good on one day, and only for a moment on the next.
      if (hour % 24 === 12) simulator.setWall(HOUR);
      if (hour % 48 === 12) {
        await simulator.advance(10_000);
        simulator.setWall(-HOUR);
      }
    }
    expect(polls.failed).toBeGreaterThan(polls.ok / FAILS / 4);
    expect(polls.ok).toBeGreaterThan(subscriptions * days);
    expect([...told].filter(([type]) => type !== "item.any")).toEqual([]);
    expect(told.has("item.any")).toBe(true);
    const late = await db.get<{ n: number }>("select count(*) as n from streams where last_success_at < ?", [
      clock.now() - 4 * DAY,
    ]);
    expect(late!.n).toBe(0);
  });
});
