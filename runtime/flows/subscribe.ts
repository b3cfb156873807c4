import type { Flow } from "../../schemas/flow.ts";
import { HooklineError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import { createWiring } from "../poll/wiring.ts";
import type { Tx } from "../store/database.ts";
import { subscriptionsOfFlow, type FlowRecord } from "./model/flows.ts";
import { subscriptions, type SubscriptionRecord } from "../model/subscriptions.ts";
import { triggersOf } from "./definition.ts";
import { compileMapping } from "./mapping.ts";
import { scheduleJobs } from "./schedules.ts";

export type SubscribeOptions = Pick<Context, "engine" | "connectors" | "emit" | "clock">;

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
  const wiring = createWiring(options);
  const existing = async (tx: Tx, flow: string): Promise<SubscriptionRecord[]> =>
    subscriptions.byIds(tx, await subscriptionsOfFlow(tx, flow));
  const setStatus = async (tx: Tx, { status }: FlowRecord, subscription: SubscriptionRecord): Promise<void> => {
    await wiring.setStatus(tx, subscription, status === "active" ? "active" : "paused");
  };
  /** A schedule of a flow that rests ends by itself when its time comes. */
  const keepTime = async (tx: Tx, flow: FlowRecord): Promise<void> => {
    if (flow.status === "active") await options.engine.enqueue(tx, scheduleJobs(flow, options.clock));
  };

  return {
    apply: async (tx, flow, connectionOf) => {
      const left = new Map((await existing(tx, flow.id)).map((record) => [record.id, record]));
      for (const wish of wishesOf(flow.definition, flow.setup, connectionOf)) {
        const same = [...left.values()].find((record) => isFor(record, wish));
        if (same) left.delete(same.id);
        const { pointer, where, ...rest } = wish;
        const made = await at(pointer, () =>
          same
            ? Promise.resolve(same)
            : wiring.create(tx, { ...rest, ...(where !== undefined && { where }) }, { flow: flow.id }),
        );
        await setStatus(tx, flow, made);
      }
      for (const subscription of left.values()) await wiring.remove(tx, subscription);
      await keepTime(tx, flow);
    },
    follow: async (tx, flow) => {
      for (const subscription of await existing(tx, flow.id)) await setStatus(tx, flow, subscription);
      await keepTime(tx, flow);
    },
    remove: async (tx, flow) => {
      for (const subscription of await existing(tx, flow)) await wiring.remove(tx, subscription);
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

/** Puts the faults of one trigger at its place in the flow. */
async function at<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    const faults = error.faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
    throw new HooklineError(error.code, `${pointer}: ${error.message}`, { cause: error, data: error.data, faults });
  }
}
