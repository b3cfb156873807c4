import { orBroken } from "../core/broken.ts";
import { HooklineError, isStoreTrouble, type ErrorCode } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import type { Job, Outcome } from "../engine/engine.ts";
import type { CompiledAction, CompiledBatch, Connector } from "../manifest/connector.ts";
import type { Tx } from "../store/database.ts";
import { movesOf } from "../accounts/moved.ts";
import { VendorError } from "../vendor/errors.ts";
import type { ActAccounts } from "./act.ts";
import { findAction, type RunAction } from "./actions.ts";
import { failureOf, internalError } from "./failure.ts";
import {
  batches,
  endBatch,
  listItems,
  moveItems,
  openItem,
  sealItem,
  settleItems,
  type BatchItem,
  type BatchRecord,
} from "./model/batches.ts";

type WorkContext = Pick<Context, "db" | "engine" | "vault" | "clock" | "log">;

interface WorkNeeds {
  accounts: Pick<ActAccounts, "client">;
  perform: RunAction;
}

/** Batches at once in this process; of one connection one. */
const CONCURRENCY = 8;
/** Single calls of one batch at once, where the vendor does not want them one by one. */
const WIDTH = 4;
/** A slice, and the calls of the last items with all their retries. */
const DEADLINE_MS = 15 * 60_000;
/** After so many milliseconds another batch of the connection gets its turn. */
const SLICE_MS = 10_000;
/** When a vendor limits without saying for how long. */
const DEFAULT_WAIT_MS = 60_000;

/** After these no item of the batch can succeed. */
const HOPELESS = new Set<ErrorCode>(["reauth_required", "scope_missing", "account_moved", "not_found"]);

type Settled = Pick<BatchItem, "position" | "status"> & { result: Record<string, unknown> };
/** An item whose input was opened. */
type Item = Omit<BatchItem, "input"> & { input: Record<string, unknown> };
/** `again`: items that were not done, and when to try; `alone`: because the vendor refused them together. */
type Attempt = Settled[] | { again: number } | { alone: true } | { hopeless: HooklineError };

/** Of an item whose process ended between asking the vendor and storing the answer. */
const INTERRUPTED = new HooklineError(
  "idempotency_conflict",
  "The process ended while the vendor was asked, and what the vendor did is unknown; look at the vendor's side, and send the item again if its result is not there",
);

/**
 * Has the engine do batches. An item is stored as running before the vendor is asked, and with its result afterwards, so that
 * after a crash only the running ones are in doubt: they run again where that is harmless, and have failed where it is not.
 */
export function workBatches(context: WorkContext, needs: WorkNeeds): void {
  context.engine.work(
    "batch",
    { concurrency: CONCURRENCY, perGroup: 1, deadlineMs: DEADLINE_MS },
    (job, _loaded, signal) => workBatch(context, needs, job, signal),
  );
}

async function workBatch(context: WorkContext, needs: WorkNeeds, job: Job, signal: AbortSignal): Promise<Outcome> {
  const { db, clock } = context;
  const batch = await batches.find(db, job.data["batch"] as string);
  if (batch?.status !== "running") return { done: true };
  const end = (commit: (tx: Tx) => Promise<void>): Outcome => ({
    done: true,
    commit: async (tx) => {
      await commit(tx);
      await endBatch(tx, batch.id, "done", clock.now());
    },
  });
  let run: BatchRun;
  try {
    const { connector } = await needs.accounts.client(batch.connection, movesOf(batch));
    run = new BatchRun(context, needs, job, batch, connector, signal);
  } catch (error) {
    if (error instanceof HooklineError && HOPELESS.has(error.code)) return end((tx) => failRest(tx, batch.id, error));
    throw error;
  }
  await run.recover();
  const pause = clock.now() + SLICE_MS;
  do {
    const items = await run.take();
    if (items.length === 0) return end(async () => {});
    const attempt = await run.attempt(items);
    if ("hopeless" in attempt) return end((tx) => failRest(tx, batch.id, attempt.hopeless));
    if ("again" in attempt) {
      return {
        runAgainAt: clock.now() + attempt.again,
        attempt: "keep",
        commit: (tx) => giveBack(tx, batch.id),
      };
    }
    await run.settle(items, attempt);
  } while (clock.now() < pause && !signal.aborted);
  return { runAgainAt: clock.now(), attempt: "reset" };
}

/** Items that were not done wait again; those of a batch that was cancelled meanwhile are cancelled with it. */
async function giveBack(tx: Tx, id: string): Promise<void> {
  const batch = await batches.find(tx, id);
  await moveItems(tx, id, "running", batch?.status === "cancelled" ? "cancelled" : "waiting");
}

async function failRest(tx: Tx, batch: string, error: HooklineError): Promise<void> {
  for (const status of ["waiting", "running"] as const) await fail(tx, batch, status, error);
}

function fail(tx: Tx, batch: string, from: "waiting" | "running", error: HooklineError): Promise<void> {
  return moveItems(tx, batch, from, "failed", { error: failureOf(error) });
}

/** One batch at work, from one start of its job to the next. */
class BatchRun {
  readonly #context: WorkContext;
  readonly #perform: RunAction;
  readonly #job: Job;
  readonly #batch: BatchRecord;
  readonly #action: CompiledAction;
  /** The vendor's bulk call, if it has one. */
  readonly #many: CompiledBatch | undefined;
  readonly #repeatable: boolean;
  readonly #signal: AbortSignal;
  /** Up to this position items go one by one: together, the vendor refused them. */
  #aloneUntil = -1;

  /** @throws HooklineError `not_found` when the manifest no longer has the action */
  constructor(
    context: WorkContext,
    { perform }: WorkNeeds,
    job: Job,
    batch: BatchRecord,
    connector: Connector,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#perform = perform;
    this.#job = job;
    this.#batch = batch;
    this.#action = findAction(connector, batch.action);
    this.#many = this.#action.batch;
    // A key is one call's: another call for many would not be the same.
    const idempotency = this.#many && findAction(connector, this.#many.action).idempotency;
    this.#repeatable = this.#action.idempotency !== "none" && idempotency !== "none" && idempotency !== "key";
    this.#signal = signal;
  }

  /** Decides about the items at which an earlier process ended. */
  async recover(): Promise<void> {
    const { id } = this.#batch;
    await this.#job.transaction(
      (tx) => (this.#repeatable ? giveBack(tx, id) : fail(tx, id, "running", INTERRUPTED)),
      "note",
    );
  }

  /** The next items, stored as running; an empty list when all are done or the rest is cancelled. */
  async take(): Promise<Item[]> {
    return this.#job.transaction((tx) => this.#takeIn(tx), "note");
  }

  async #takeIn(tx: Tx): Promise<Item[]> {
    const { id } = this.#batch;
    const width = this.#action.serial ? 1 : WIDTH;
    if ((await batches.find(tx, id))?.status !== "running") return [];
    const found = await listItems(tx, id, { limit: this.#many?.size ?? width, status: "waiting" });
    const waiting = await this.#opened(tx, found);
    if (waiting.length === 0 && found.length > 0) return this.#takeIn(tx);
    const alone = this.#many === undefined || (waiting[0]?.position ?? 0) <= this.#aloneUntil;
    const items = alone ? waiting.slice(0, width) : firstOfEach(waiting, this.#many.distinct);
    await settleItems(
      tx,
      id,
      items.map(({ position }) => ({ position, status: "running", result: null })),
    );
    return items;
  }

  /** Items whose input cannot be read have failed, and the others go on. */
  async #opened(tx: Tx, found: readonly BatchItem[]): Promise<Item[]> {
    const { vault } = this.#context;
    const { id, user } = this.#batch;
    const items: Item[] = [];
    for (const item of found) {
      const { value, problem } = orBroken(() => openItem(vault, item, user, "input"));
      if (problem === null) items.push({ ...item, input: value as Item["input"] });
      else {
        const result = JSON.stringify({ error: problem });
        await settleItems(tx, id, [{ position: item.position, status: "failed", result }]);
      }
    }
    return items;
  }

  async attempt(items: readonly Item[]): Promise<Attempt> {
    if (this.#many && items.length > 1 && items[0]!.position > this.#aloneUntil)
      return this.#together(this.#many, items);
    const attempts = await Promise.all(items.map((item) => this.#one(item)));
    const failed = attempts.find((attempt) => "hopeless" in attempt) ?? attempts.find((attempt) => "again" in attempt);
    const settled = attempts.filter((attempt) => Array.isArray(attempt)).flat();
    if (failed === undefined) return settled;
    // What succeeded beside a failure that concerns all is kept.
    await this.settle(items, settled);
    return failed;
  }

  /** Stores what became of items. */
  async settle(items: readonly Item[], attempt: Settled[] | { alone: true }): Promise<void> {
    const { id } = this.#batch;
    if (Array.isArray(attempt)) {
      const { vault } = this.#context;
      const settled = attempt.map(({ result, ...item }) => ({
        ...item,
        result: sealItem(vault, { batch: id, position: item.position }, this.#batch.user, "result", result),
      }));
      return this.#job.transaction((tx) => settleItems(tx, id, settled));
    }
    this.#aloneUntil = items.at(-1)!.position;
    await this.#job.transaction((tx) => giveBack(tx, id));
  }

  async #together(many: CompiledBatch, items: readonly Item[]): Promise<Attempt> {
    const input = many.inputs({ items: items.map((item) => item.input) });
    try {
      const { output } = await this.#run(many.action, input, items, many.results);
      const results: unknown[] = Array.isArray(output) ? output : [];
      return items.map(({ position }, index) => toSettled(position, results[index]));
    } catch (error) {
      if (refusedAsAWhole(error)) return { alone: true };
      return this.#failed(items, error);
    }
  }

  async #one(item: Item): Promise<Attempt> {
    try {
      const { output, warnings } = await this.#run(this.#action.name, item.input, [item]);
      return [{ position: item.position, status: "succeeded", result: { output, ...(warnings ? { warnings } : {}) } }];
    } catch (error) {
      return this.#failed([item], error);
    }
  }

  #run(action: string, input: unknown, items: readonly Item[], result?: CompiledBatch["results"]) {
    const { id, connection } = this.#batch;
    return this.#perform(connection, action, input, {
      moves: movesOf(this.#batch),
      keySeed: `${id}:${items.map(({ position }) => position).join(",")}`,
      result,
      // What cannot be done twice is better waited for than left in doubt.
      signal: this.#repeatable ? this.#signal : undefined,
    });
  }

  #failed(items: readonly Item[], error: unknown): Attempt {
    if (this.#repeatable && this.#signal.aborted) return { again: 0 };
    if (!(error instanceof HooklineError)) {
      this.#context.log.error({ error, batch: this.#batch.id }, "an item of a batch failed");
      return this.#failed(items, internalError());
    }
    if (error.code === "rate_limited" || error.code === "quota_exceeded") {
      return { again: (error.retry && error.retry.after) || DEFAULT_WAIT_MS };
    }
    if (error.data["sent"] === false || (this.#repeatable && isStoreTrouble(error))) return { again: DEFAULT_WAIT_MS };
    if (HOPELESS.has(error.code)) return { hopeless: error };
    return items.map(({ position }) => ({ position, status: "failed", result: { error: failureOf(error) } }));
  }
}

/** Items without those that name something another one before them names. */
function firstOfEach(items: readonly Item[], distinct: CompiledBatch["distinct"]): Item[] {
  if (!distinct) return [...items];
  const seen = new Set<string>();
  return items.filter(({ input }) => {
    const key = JSON.stringify(distinct(input) ?? null);
    return !seen.has(key) && seen.add(key);
  });
}

function toSettled(position: number, result: unknown): Settled {
  const { output = null, error } = isObject(result) ? result : {};
  if (output === null && typeof error === "string") {
    const failed = failureOf(new HooklineError("vendor_error", error));
    return { position, status: "failed", result: { error: failed } };
  }
  return { position, status: "succeeded", result: { output } };
}

/** The call was turned away without effect because of what one of its items says. */
function refusedAsAWhole(error: unknown): boolean {
  if (error instanceof VendorError) return ["invalidInput", "notFound", "conflict"].includes(error.class);
  return error instanceof HooklineError && error.code === "invalid_input";
}
