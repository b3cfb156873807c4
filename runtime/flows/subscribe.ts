import type { Flow } from "../../schemas/flow.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import type { Engine } from "../engine/engine.ts";
import type { Connector } from "../manifest/connector.ts";
import { Subscriptions } from "../poll/subscriptions.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Emit } from "../store/events.ts";
import { subscriptionsOfFlow, type FlowRecord } from "../store/flows.ts";
import { subscriptionById, type SubscriptionRecord } from "../store/subscriptions.ts";
import { triggersOf } from "./definition.ts";
import { compileMapping } from "./mapping.ts";
import { scheduleJobs } from "./schedules.ts";

export interface SubscribeOptions {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  emit: Emit;
  clock: Clock;
}

/** What a flow wants to be told. */
interface Wish {
  connection: string;
  trigger: string;
  input: Record<string, unknown>;
  where: string | undefined;
  pointer: string;
}

/** The subscriptions and schedules behind flows, always changed in the transaction that changes the flow. */
export interface FlowTriggers {
  /**
   * Makes them what the flow's triggers and status ask for. What stays the same keeps what is known of its stream.
   * `connectionOf` gives the id of each trigger's connection, by the trigger's place.
   * @throws HooklineError `invalid_input` with the trigger's pointer, `scope_missing`, `conflict`
   */
  apply(tx: Tx, flow: FlowRecord, connectionOf: ReadonlyMap<number, string>): Promise<void>;
  /** Lets them go on, or rest, as the flow's status says. */
  follow(tx: Tx, flow: FlowRecord): Promise<void>;
  remove(tx: Tx, flow: string): Promise<void>;
}

export function createFlowTriggers(options: SubscribeOptions): FlowTriggers {
  const within = (tx: Tx): Subscriptions => new Subscriptions({ ...options, db: joining(options.db, tx) });
  const existing = async (tx: Tx, flow: string): Promise<SubscriptionRecord[]> => {
    const records: SubscriptionRecord[] = [];
    for (const id of await subscriptionsOfFlow(tx, flow)) records.push((await subscriptionById(tx, id))!);
    return records;
  };
  const setStatus = async (tx: Tx, { status }: FlowRecord, subscription: SubscriptionRecord): Promise<void> => {
    const wanted = status === "active" ? "active" : "paused";
    if (subscription.status === wanted) return;
    await (wanted === "active" ? within(tx).resume(subscription.id) : within(tx).pause(subscription.id));
  };
  /** A schedule of a flow that rests ends by itself when its time comes. */
  const keepTime = async (tx: Tx, flow: FlowRecord): Promise<void> => {
    if (flow.status === "active") await options.engine.enqueue(tx, scheduleJobs(flow, options.clock));
  };

  return {
    apply: async (tx, flow, connectionOf) => {
      const subscriptions = within(tx);
      const left = new Map((await existing(tx, flow.id)).map((record) => [record.id, record]));
      for (const wish of wishesOf(flow.definition, flow.setup, connectionOf)) {
        const same = [...left.values()].find((record) => isFor(record, wish));
        if (same) left.delete(same.id);
        const { pointer, where, ...rest } = wish;
        const made = await at(pointer, () =>
          same
            ? Promise.resolve(same)
            : subscriptions.create({ ...rest, ...(where !== undefined && { where }), flow: flow.id }),
        );
        await setStatus(tx, flow, made);
      }
      for (const id of left.keys()) await subscriptions.remove(id);
      await keepTime(tx, flow);
    },
    follow: async (tx, flow) => {
      for (const subscription of await existing(tx, flow.id)) await setStatus(tx, flow, subscription);
      await keepTime(tx, flow);
    },
    remove: async (tx, flow) => {
      for (const id of await subscriptionsOfFlow(tx, flow)) await within(tx).remove(id);
    },
  };
}

function wishesOf(flow: Flow, setup: FlowRecord["setup"], connectionOf: ReadonlyMap<number, string>): Wish[] {
  return triggersOf(flow, "connection").map(({ trigger, index }) => {
    const { input = {}, where, trigger: name } = trigger;
    const rendered = compileMapping(input, setup ? ["setup"] : [])({ setup }) as Record<string, unknown>;
    return {
      connection: connectionOf.get(index)!,
      trigger: name,
      input: rendered,
      where,
      pointer: `/triggers/${index}`,
    };
  });
}

function isFor(record: SubscriptionRecord, { connection, trigger, input, where }: Wish): boolean {
  return (
    record.connection === connection &&
    record.trigger === trigger &&
    record.where === (where ?? null) &&
    canonicalJson(record.input) === canonicalJson(input)
  );
}

/** The database as seen from inside a transaction: what asks for one of its own joins it. */
function joining({ dialect }: Database, tx: Tx): Database {
  return {
    dialect,
    all: (sql, params) => tx.all(sql, params),
    get: (sql, params) => tx.get(sql, params),
    run: (sql, params) => tx.run(sql, params),
    many: (sql, rows) => tx.many(sql, rows),
    oneOf: (column) => tx.oneOf(column),
    transaction: (work) => work(tx),
    close: () => Promise.reject(new TypeError("A transaction cannot close the database")),
  };
}

/** Puts the faults of one trigger at its place in the flow. */
async function at<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    const faults = error.faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
    throw new HooklineError(error.code, `${pointer}: ${error.message}`, {
      cause: error,
      data: error.data,
      faults,
      retry: error.retry,
    });
  }
}
