import type { Flow } from "../../schemas/flow.ts";
import { below, HooklineError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import { subscriptions, type SubscriptionRecord } from "../model/subscriptions.ts";
import type { Wiring } from "../poll/wiring.ts";
import type { Tx } from "../store/database.ts";
import { attemptAsync } from "./attempt.ts";
import { compileMapping } from "./mapping.ts";
import { triggersOf, type FlowRecord } from "./model/flows.ts";
import { scheduleJobs } from "./schedules.ts";

/** The subscription that a trigger of a flow asks for. */
interface WantedSubscription {
  connection: string;
  trigger: string;
  input: Record<string, unknown>;
  where: string | undefined;
}

/** The subscriptions and schedules behind flows, always changed in the transaction that changes the flow. */
export interface FlowTriggers {
  /**
   * Makes them what the flow's triggers and status ask for. What stays the same keeps what is known of its stream.
   * `connectionOf` gives the id of each trigger's connection, by the trigger's place.
   * @throws HooklineError `invalid_input` with the trigger's pointer, `scope_missing`, `conflict`
   */
  apply(tx: Tx, flow: FlowRecord, connectionOf: ReadonlyMap<number, string>): Promise<void>;
  /** Resumes or pauses them, as the flow's status says. */
  follow(tx: Tx, flow: FlowRecord): Promise<void>;
  remove(tx: Tx, flow: string): Promise<void>;
}

/** Makes what keeps subscriptions and schedules in step with flows. */
export function createFlowTriggers({
  engine,
  clock,
  wiring,
}: Pick<Context, "engine" | "clock"> & { wiring: Wiring }): FlowTriggers {
  const setStatus = async (tx: Tx, { status }: FlowRecord, subscription: SubscriptionRecord): Promise<void> => {
    await wiring.setStatus(tx, subscription, status === "active" ? "active" : "paused");
  };
  /** The schedules of a flow that is not active end by themselves when their time comes. */
  const enqueueSchedules = async (tx: Tx, flow: FlowRecord): Promise<void> => {
    if (flow.status === "active") await engine.enqueue(tx, scheduleJobs(flow, clock));
  };

  return {
    apply: async (tx, flow, connectionOf) => {
      const left = new Set(await subscriptionsOf(tx, flow.id));
      for (const { index, ...wanted } of wantedBy(flow.definition, flow.setup, connectionOf)) {
        let subscription = [...left].find((record) => isSame(record, wanted));
        if (subscription) left.delete(subscription);
        else subscription = await at(index, () => wiring.create(tx, wanted, { flow: flow.id }));
        await setStatus(tx, flow, subscription);
      }
      for (const subscription of left) await wiring.remove(tx, subscription);
      await enqueueSchedules(tx, flow);
    },
    follow: async (tx, flow) => {
      for (const subscription of await subscriptionsOf(tx, flow.id)) await setStatus(tx, flow, subscription);
      await enqueueSchedules(tx, flow);
    },
    remove: async (tx, flow) => {
      for (const subscription of await subscriptionsOf(tx, flow)) await wiring.remove(tx, subscription);
    },
  };
}

function wantedBy(
  flow: Flow,
  setup: FlowRecord["setup"],
  connectionOf: ReadonlyMap<number, string>,
): (WantedSubscription & { index: number })[] {
  return triggersOf(flow, "connection").map(({ trigger: { trigger, where, input = {} }, index }) => {
    const rendered = compileMapping(input, setup ? ["setup"] : [])({ setup }) as Record<string, unknown>;
    return { connection: connectionOf.get(index)!, trigger, input: rendered, where, index };
  });
}

function isSame(record: SubscriptionRecord, { connection, trigger, input, where }: WantedSubscription): boolean {
  return (
    record.connection === connection &&
    record.trigger === trigger &&
    record.where === (where ?? null) &&
    canonicalJson(record.input) === canonicalJson(input)
  );
}

async function subscriptionsOf(tx: Tx, flow: string): Promise<SubscriptionRecord[]> {
  return subscriptions.all(tx, "where flow = ? order by id", [flow]);
}

/** Puts what is wrong with one trigger at its place in the flow. An error with a cause is the store's, and is thrown unchanged. */
async function at<T>(index: number, work: () => Promise<T>): Promise<T> {
  const made = await attemptAsync(work);
  if ("value" in made) return made.value;
  const { code, message, data, faults, cause } = made.error;
  if (cause !== undefined) throw made.error;
  const pointer = `/triggers/${index}`;
  throw new HooklineError(code, `${pointer}: ${message}`, { cause: made.error, data, faults: below(pointer, faults) });
}
