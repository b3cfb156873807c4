import type { VendorClient } from "../../../runtime/accounts/client.ts";
import { ManualClock } from "../../../runtime/core/clock.ts";
import { createLog } from "../../../runtime/core/log.ts";
import { createDispatch } from "../../../runtime/deliver/dispatch.ts";
import type { Engine, Handler, Job, WorkOptions } from "../../../runtime/engine/engine.ts";
import { compileConnector, type Connector } from "../../../runtime/manifest/connector.ts";
import { loadManifest } from "../../../runtime/manifest/load.ts";
import { connections } from "../../../runtime/model/connections.ts";
import { streamsByIds, type StreamRecord } from "../../../runtime/model/streams.ts";
import { subscriptions, subscriptionsOfStream } from "../../../runtime/model/subscriptions.ts";
import { workPolls } from "../../../runtime/poll/poller.ts";
import { createWiring, type Wiring } from "../../../runtime/poll/wiring.ts";
import { shortHash } from "../../../runtime/read/records.ts";
import type { Database, Tx } from "../../../runtime/store/database.ts";
import { migrate } from "../../../runtime/store/migrate.ts";
import { openDatabase } from "../../../runtime/store/open.ts";
import type { TransportRequest } from "../../../runtime/vendor/transports/transport.ts";
import { HostileVendor, noIncidents, type Fault } from "./faults.ts";
import type { History, Step, Turn } from "./history.ts";
import { judge, UNREAD, type Success, type Told, type ToldGap } from "./judge.ts";
import { stateOf } from "./sessions.ts";
import { modelManifest } from "./streams.ts";
import { ModelVendor, type Item } from "./vendor.ts";

/** What a process does no more once it has died. */
class Death extends Error {}

const log = createLog({ level: "silent" });
/** The same in each history, so that it is repeated exactly: the times of polls depend on it. */
const STREAM = 1;
const CONNECTION = "con_1";
/** Polls within which a stream has to be at rest once all faults have ended. */
const MOST_POLLS = 300;
const START = Date.parse("2026-01-01T00:00:00Z");

/** A store that one history after the other is lived in. */
export interface World {
  /** What is wrong with what was told in a history, in words. */
  live(history: History): Promise<string[]>;
  close(): Promise<void>;
}

/** `store`: a URL as the runtime takes it. */
export async function openWorld(store: string): Promise<World> {
  const db = await openDatabase(store, { log });
  await migrate(db);
  const connector = compileConnector(await loadManifest(modelManifest()));
  await connections.insert(db, {
    id: CONNECTION,
    connector: "model",
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
    createdAt: START,
    updatedAt: START,
  });
  return {
    live: (history) => new Life(db, connector, history).live(),
    close: () => db.close(),
  };
}

/** A subscription of the stream, and what its events are judged by. */
interface Subscribed {
  id: string;
  tellsAll: boolean;
  from: number;
  /** When the first read for it ended. */
  to: number;
  isPaused: boolean;
  wasPaused: boolean;
  /** Whether it was paused before its first read had ended. */
  beganAgain: boolean;
}

class Life {
  readonly #db: Database;
  readonly #connector: Connector;
  readonly #history: History;
  readonly #clock = new ManualClock(START);
  readonly #vendor: ModelVendor;
  readonly #hostile: HostileVendor;
  readonly #successes: Success[] = [];
  #dueAt = START;
  #interruptions = 0;
  #death: Step["death"] = null;
  #isDead = false;
  /** Where the stream is, as it was committed last. */
  #place = "";
  readonly #subscribed: Subscribed[] = [];
  #poll!: (job: Job) => Promise<Awaited<ReturnType<Handler<unknown>>>>;

  constructor(db: Database, connector: Connector, history: History) {
    this.#db = db;
    this.#connector = connector;
    this.#history = history;
    this.#vendor = new ModelVendor(history.kind, this.#clock, history);
    this.#hostile = new HostileVendor(this.#vendor, connector);
  }

  async live(): Promise<string[]> {
    const { records, steps } = this.#history;
    for (let n = 0; n < records; n++) this.#vendor.edit({ kind: "create", pick: 3 * n + 1 + (n % 2), after: 1 });
    await this.#forget();
    this.#start();
    await this.#stand();
    await this.#subscribe(this.#history.tellsAll);
    const violations: string[] = [];
    for (const [i, step] of steps.entries()) {
      this.#hostile.broken = this.#brokenAt(i);
      violations.push(...(await this.#step(step)));
      if (violations.length > 0) break;
    }
    if (violations.length === 0) violations.push(...(await this.#rest("long")));
    return violations;
  }

  #brokenAt(step: number): { list: string; fault: Fault } | null {
    const { breaks } = this.#history;
    if (!breaks || !this.#vendor.strategy.hasLists) return null;
    return step >= breaks.from && step < breaks.from + breaks.steps ? breaks : null;
  }

  async #step({ pauseMs, edits, turn, plans, death, forgets, driftMs, isCalm }: Step): Promise<string[]> {
    this.#clock.set(Math.max(this.#dueAt, this.#clock.now()) + pauseMs);
    if (this.#vendor.strategy.deletions === "verified") this.#vendor.drift += driftMs;
    for (const edit of edits) this.#vendor.edit(edit);
    if (turn) await this.#turn(turn);
    if (forgets === "pages") this.#vendor.forgetPages();
    else if (forgets) this.#vendor.forgetCursors(forgets);
    this.#hostile.plans = plans.map((plan) => ({ ...plan }));
    this.#death = death && { ...death };
    if (this.#subscribed.some(({ isPaused }) => !isPaused)) await this.#pollOnce();
    this.#hostile.plans = [];
    this.#death = null;
    return isCalm ? await this.#rest("short") : [];
  }

  /** All faults end; polls go on until nothing is left to be settled, and what was told is judged. */
  async #rest(how: "short" | "long"): Promise<string[]> {
    this.#vendor.drift = 0;
    this.#hostile.broken = null;
    for (const one of this.#subscribed) await this.#set(one, "active");
    const { verifiedMs } = this.#vendor.strategy;
    const begunAt = this.#clock.now();
    let readAt: number | null = null;
    let passes = how === "long" ? (verifiedMs > 0 ? 2 : 1) : 0;
    for (let polls = 0, good = 0; good < 2 || passes > 0; polls++) {
      if (polls > MOST_POLLS) return [`no rest after ${polls} polls: ${JSON.stringify(await this.#stream())}`];
      if (good >= 2) {
        passes--;
        good = 0;
        this.#clock.advance(verifiedMs);
      }
      this.#clock.set(Math.max(this.#dueAt, this.#clock.now()));
      await this.#pollOnce();
      const { doubt, checkpoint, lastSuccessAt, missed, cursorAt } = await this.#stream();
      const retried = await this.#db.get<{ n: number }>("select count(*) as n from quarantine where set_aside = 0");
      const isHeld = doubt?.isHeld === true;
      // A long list takes several polls.
      if (checkpoint !== null) continue;
      const isGood = lastSuccessAt === this.#clock.now() && retried!.n === 0 && !doubt && !missed;
      // One that began before, or a list for who joins, has not looked for the last changes.
      const isRead = cursorAt !== readAt && cursorAt! > begunAt;
      readAt = cursorAt;
      good = isGood ? good + Number(isRead) : 0;
      if (isHeld) this.#clock.set(Math.max(this.#clock.now(), doubt.since + 24 * 3_600_000));
    }
    const violations: string[] = [];
    for (const one of this.#subscribed) violations.push(...(await this.#judge(one, how === "long")));
    return violations;
  }

  async #turn(turn: Turn): Promise<void> {
    const [first, second] = this.#subscribed;
    if (turn.startsWith("join")) return second ? undefined : this.#subscribe(turn === "join for all");
    const one = turn.endsWith("first") ? first : second;
    if (one) await this.#set(one, turn.startsWith("pause") ? "paused" : "active");
  }

  async #set(one: Subscribed, status: "active" | "paused"): Promise<void> {
    if (one.isPaused === (status === "paused")) return;
    this.#clock.advance(1);
    await this.#db.transaction(async (tx) => {
      const [subscription] = await subscriptions.all(tx, "where id = ?", [one.id]);
      await this.#wiring().setStatus(tx, subscription!, status);
    });
    one.isPaused = status === "paused";
    one.wasPaused ||= one.isPaused;
    one.beganAgain ||= one.isPaused && one.to === Infinity;
    this.#clock.advance(1);
  }

  async #pollOnce(): Promise<void> {
    this.#vendor.sessions.goOn();
    const isInterrupted = this.#interruptions > 0;
    const facts = { queue: "poll", group: CONNECTION, data: { stream: STREAM }, attempt: 0 } as const;
    const counts = { interrupted: isInterrupted, interruptions: this.#interruptions };
    const transaction: Job["transaction"] = async (work, kind = "progress") => {
      const done = await this.#commit(work);
      if (kind === "progress") this.#interruptions = 0;
      return done;
    };
    try {
      const outcome = await this.#poll({ id: 1, ...facts, ...counts, transaction });
      if (this.#isDead) throw new Death();
      await this.#commit(async (tx) => outcome.commit?.(tx));
      this.#interruptions = 0;
      if (!("runAgainAt" in outcome)) throw new Error("no further poll is planned");
      this.#dueAt = outcome.runAgainAt;
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.#interruptions++;
      this.#dueAt = this.#clock.now() + 1000;
      this.#start();
    }
    await this.#note();
  }

  /** Whether there was a success: with the time of it, and what came before. */
  async #note(): Promise<void> {
    const { lastSuccessAt, baselinedAt, cursorAt } = await this.#stream();
    for (const { id, backfill } of await subscriptionsOfStream(this.#db, STREAM)) {
      const one = this.#subscribed.find((one) => one.id === id)!;
      if (backfill === "done") one.to = Math.min(one.to, this.#clock.now());
    }
    if (lastSuccessAt === null || lastSuccessAt === this.#successes.at(-1)?.at) return;
    this.#vendor.sessions.isAtRest = true;
    this.#vendor.sessions.isBaselined = baselinedAt !== null;
    this.#successes.push({ at: lastSuccessAt, begunAt: cursorAt!, incidents: this.#hostile.incidents });
    this.#hostile.incidents = noIncidents();
  }

  /** A commit of this process, which may be its last. */
  async #commit<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#isDead) throw new Death();
    const death = this.#death;
    const dies = death !== null && death.commit-- === 0;
    if (dies) this.#isDead = true;
    const done = await this.#db.transaction(async (tx) => {
      const done = await work(tx);
      if (dies && death.when === "before") throw new Death();
      return done;
    });
    await this.#keepPlace();
    if (dies) throw new Death();
    return done;
  }

  /** What was answered before the place of a read was committed, the next process knows. */
  async #keepPlace(): Promise<void> {
    const { checkpoint, cursorAt, lastSuccessAt } = await this.#stream();
    const place = JSON.stringify([checkpoint, cursorAt, lastSuccessAt]);
    if (place === this.#place) return;
    this.#place = place;
    this.#vendor.sessions.keep();
  }

  /** A new process: nothing of the one before is left but its store. */
  #start(): void {
    this.#isDead = false;
    let handler: Handler<unknown>;
    let load: WorkOptions<unknown>["load"];
    const engine = {
      work: (_queue: string, options: WorkOptions<unknown>, given: Handler<unknown>) => {
        handler = given;
        load = options.load;
      },
      enqueue: async () => {},
    } as unknown as Engine;
    const connectors = new Map([["model", this.#connector]]);
    const emit = createDispatch({ engine, clock: this.#clock, log, targets: [] });
    const context = { db: this.#db, engine, connectors, clock: this.#clock, log, random: () => 0.5, emit };
    const client = {
      id: CONNECTION,
      // Each stream is read by the connection itself.
      as: async () => client,
      send: (request: TransportRequest) => this.#hostile.send(request),
    } as unknown as VendorClient;
    workPolls(context, {
      clientOf: async () => client,
      variablesOf: async () => ({ workspace: {}, user: {} }),
      releasesDeletions: true,
      concurrency: 1,
    });
    this.#poll = async (job) => {
      const loaded = await load!(this.#db, [job]);
      return handler(job, loaded.get(job.id), new AbortController().signal);
    };
  }

  #wiring(): Wiring {
    const engine = { enqueue: async () => void (this.#dueAt = this.#clock.now()) } as unknown as Engine;
    const connectors = new Map([["model", this.#connector]]);
    const emit = createDispatch({ engine, clock: this.#clock, log, targets: [] });
    return createWiring({ engine, connectors, emit, clock: this.#clock });
  }

  /** The stream, with an id of ours. */
  async #stand(): Promise<void> {
    await this.#db.run(
      `insert into streams (id, connection, stream, input_hash, input, cursor_version, sequence, consecutive_errors, quarantined)
       values (?, ?, ?, ?, '{}', 1, 0, 0, 0)`,
      [STREAM, CONNECTION, this.#history.kind, shortHash("{}")],
    );
  }

  async #subscribe(tellsAll: boolean): Promise<void> {
    const trigger = `${this.#history.kind}_any`;
    const firstPoll = tellsAll ? "emitAll" : "baseline";
    const from = this.#clock.now();
    await this.#db.transaction(async (tx) => {
      const given = { connection: CONNECTION, trigger, everySeconds: 60, firstPoll } as const;
      const { id, stream } = await this.#wiring().create(tx, given);
      if (stream !== STREAM) throw new Error("the stream is another one");
      this.#subscribed.push({ id, tellsAll, from, to: Infinity, isPaused: false, wasPaused: false, beganAgain: false });
    });
    this.#clock.advance(1);
    this.#dueAt = this.#clock.now();
  }

  async #stream(): Promise<StreamRecord> {
    return (await streamsByIds(this.#db, [STREAM]))[0]!;
  }

  async #judge({ id, from, to, tellsAll, wasPaused, beganAgain }: Subscribed, isCompared: boolean): Promise<string[]> {
    const { strategy, sessions, log: entries } = this.#vendor;
    const rows = await this.#db.all<{
      type: string;
      created_at: number;
      data: string;
      sequence: number | null;
      record_key: string;
    }>("select type, created_at, data, sequence, record_key from events where subscription = ?", [id]);
    const told = rows
      .filter(({ sequence }) => sequence !== null)
      .sort((a, b) => a.sequence! - b.sequence!)
      .map(({ created_at: at, data, record_key: key }): Told => {
        const { change, previousKeys, mergedInto, record } = JSON.parse(data) as Told & { record?: Item };
        return {
          at,
          change,
          key,
          previousKeys,
          mergedInto,
          state: change === "deleted" ? null : this.#stateOf(record!),
        };
      });
    const gaps = rows
      .filter(({ type }) => type === "stream.gap")
      .map(({ created_at: at, data }): ToldGap => {
        const { from, to, reason } = JSON.parse(data) as { from: string | null; to: string; reason: string };
        return { at, from: from === null ? null : Date.parse(from), to: Date.parse(to), reason };
      });
    const heirs = new Map(entries.flatMap(({ id, heir }) => (heir === undefined ? [] : [[id, heir]])));
    return judge({
      strategy,
      sights: sessions.sights,
      heirs,
      denied: sessions.denied,
      unread: sessions.unread,
      baseline: { from, to },
      isPartial: (this.#successes.find(({ at }) => at > from)?.incidents.unlisted ?? 0) > 0,
      tellsAll,
      tellsOthers: this.#subscribed.some((other) => other.id !== id && other.tellsAll && other.from <= to),
      joinsLater: id !== this.#subscribed[0]!.id || this.#subscribed.some((other) => other.to < to),
      wasPaused,
      beganAgain,
      told,
      gaps,
      successes: this.#successes.filter(({ at }) => at > from),
      isCompared,
    });
  }

  #stateOf(record: Omit<Item, "list"> & { list: string | { id: string }; enrichmentError?: unknown }): string {
    if (record.enrichmentError !== undefined) return UNREAD;
    const { list } = record;
    return stateOf(this.#vendor, { ...record, list: typeof list === "string" ? list : list.id });
  }

  /** Of the history before, which may have ended in an error. */
  async #forget(): Promise<void> {
    for (const table of ["known", "quarantine"]) await this.#db.run(`delete from ${table} where stream = ?`, [STREAM]);
    await this.#db.run("delete from streams where id = ?", [STREAM]);
    await this.#db.run("delete from subscriptions where connection = ?", [CONNECTION]);
    await this.#db.run("delete from events where connection = ?", [CONNECTION]);
  }
}
