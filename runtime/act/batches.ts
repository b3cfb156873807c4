import type { Clock } from "../core/clock.ts";
import { orBroken } from "../core/broken.ts";
import type { Vault } from "../core/crypto.ts";
import { notFound } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Context } from "../engine/context.ts";
import type { NewJob } from "../engine/engine.ts";
import { findConnection, type StatusChange } from "../model/connections.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page, type PageQuery } from "../model/page.ts";
import { ownerIn, visible, type Scope } from "../model/principal.ts";
import type { Sql, Tx } from "../store/database.ts";
import type { ActAccounts } from "./act.ts";
import { assertUsable, findAction, inputRefused } from "./actions.ts";
import { failureOf } from "./failure.ts";
import { createOnce, type IdempotencyOptions } from "./idempotency.ts";
import {
  batches,
  batchItems,
  batchQuery,
  countItems,
  deleteBatches,
  endBatch,
  listItems,
  moveItems,
  newBatch,
  resultQuery,
  runningBatches,
  openItem,
  sealItem,
  type BatchItem,
  type BatchRecord,
  type BatchResult,
  type BatchView,
  type NewBatch,
} from "./model/batches.ts";

/** Actions over many inputs, as work of the engine. Batches that the scope does not show are `not_found`. */
export interface Batches {
  /**
   * Takes the inputs on. Those that do not match the action's schema fail at once; the others are done one after another.
   * @throws HooklineError `invalid_input`, `not_found`, `scope_missing`, `conflict`, `reauth_required`; `idempotency_conflict`
   *   for an idempotency key that is in use
   */
  create(
    connection: string,
    action: string,
    batch: NewBatch,
    options?: IdempotencyOptions,
    scope?: Scope,
  ): Promise<BatchView>;
  /** Newest first. @throws HooklineError `invalid_input`, `forbidden` */
  list(query?: InputOf<typeof batchQuery>, scope?: Scope): Promise<Page<BatchView>>;
  /** Its progress, with a page of results in the order of the inputs. @throws HooklineError `invalid_input`, `not_found` */
  get(
    id: string,
    query?: PageQuery,
    scope?: Scope,
  ): Promise<BatchView & { results: BatchResult[]; nextCursor: string | null }>;
  /** Cancels what waits; what runs is ended. One that has ended stays as it is. @throws HooklineError `not_found` */
  cancel(id: string, scope?: Scope): Promise<BatchView>;
  /** Deletes batches that ended before a time, milliseconds since the epoch. */
  purge(before: number): Promise<void>;
}

/** Batches per transaction when they are deleted. */
const PURGED_AT_ONCE = 20;

/** Makes the service of batches. */
export function createBatches(
  context: Pick<Context, "db" | "vault" | "engine" | "clock" | "log">,
  accounts: Pick<ActAccounts, "get" | "client">,
): Batches {
  const { db, engine, vault, clock } = context;
  const once = createOnce(context);
  const find = async (sql: Sql, id: string, scope?: Scope): Promise<BatchRecord> =>
    visible("batch", id, await batches.find(sql, id), scope);
  const view = async (batch: BatchRecord): Promise<BatchView> => {
    const countsOf = await countItems(db, [batch.id]);
    return { ...batches.view(batch), counts: countsOf(batch.id) };
  };

  const take = async (connection: string, name: string, inputs: NewBatch["inputs"]): Promise<BatchView> => {
    const own = await accounts.client(connection);
    const action = findAction(own.connector, name);
    const client = await own.as(action.as, `${own.connector.name}.${name}`);
    assertUsable(client, action);
    const now = clock.now();
    const id = newId("bat", now);
    const items = inputs.map((given, position): BatchItem => {
      const faults = action.validateInput(given);
      const input = sealItem(vault, { batch: id, position }, client.user, "input", given);
      if (faults.length === 0) return { batch: id, position, status: "waiting", input, result: null };
      const error = failureOf(inputRefused(client.connector, name, faults));
      return { batch: id, position, status: "failed", input, result: JSON.stringify({ error }) };
    });
    const runs = items.some(({ status }) => status === "waiting");
    const batch: BatchRecord = {
      id,
      connection,
      user: client.user,
      moves: client.moves,
      action: name,
      status: runs ? "running" : "done",
      total: items.length,
      createdAt: now,
      finishedAt: runs ? null : now,
    };
    await db.transaction(async (tx) => {
      // It may have been removed since it was opened: then nobody would ever delete what is stored for it.
      if (!(await findConnection(tx, connection))) throw notFound("connection", connection);
      await batches.insert(tx, batch);
      await batchItems.insert(tx, ...items);
      if (runs) await engine.enqueue(tx, [batchJob(batch)]);
    });
    return view(batch);
  };

  return {
    create: async (connection, action, given, options = {}, scope = {}) => {
      const { inputs } = newBatch.check(given ?? {});
      const { id, user } = await accounts.get(connection, scope);
      const request = { id, action, inputs };
      const kind = { repeatable: false, calls: 1, status: 202 };
      return once({ ...options, scope, of: { user, connection: id }, request, ...kind }, () =>
        take(id, action, inputs),
      );
    },

    list: async (query, scope = {}) => {
      const { user, connection, status, ...page } = batchQuery.check(query);
      const { limit, after } = readPage(page);
      const owned = { connection, status, user: ownerIn(scope, user) };
      const found = await batches.page(db, owned, { after, limit: limit + 1, order: "newest" });
      const countsOf = await countItems(
        db,
        found.map(({ id }) => id),
      );
      return toPage(found, limit, (batch) => ({ ...batches.view(batch), counts: countsOf(batch.id) }));
    },

    get: async (id, query, scope) => {
      const { limit, after } = readPage(resultQuery.check(query));
      const batch = await find(db, id, scope);
      const place = after === undefined ? undefined : positionIn(after);
      const found = await listItems(db, id, { after: place, limit: limit + 1 });
      const { data, nextCursor } = toPage(
        found.map((item) => ({ ...item, id: cursorAt(item.position) })),
        limit,
        (item) => ({ ...batchItems.view(item), ...resultOf(vault, item, batch.user) }),
      );
      return { ...(await view(batch)), results: data, nextCursor };
    },

    cancel: async (id, scope) => {
      const cancelled = await db.transaction(async (tx) => {
        const batch = await find(tx, id, scope);
        if (batch.status !== "running") return batch;
        await cancel(tx, id, clock.now());
        return find(tx, id);
      });
      return view(cancelled);
    },

    purge: async (before) => {
      const purgeSome = () => db.transaction((tx) => deleteBatches(tx, before, PURGED_AT_ONCE));
      while ((await purgeSome()) === PURGED_AT_ONCE);
    },
  };
}

/** What became of an item, or why that cannot be read. */
function resultOf(vault: Vault, item: BatchItem, user: string): Record<string, unknown> {
  const { value, problem } = orBroken(() => openItem(vault, item, user, "result"));
  return problem ? { error: problem } : ((value ?? {}) as Record<string, unknown>);
}

/** The one job of a batch. */
export function batchJob({ id, connection }: Pick<BatchRecord, "id" | "connection">): NewJob {
  return { queue: "batch", data: { batch: id }, group: connection, unique: id };
}

/** What was meant for one account is not done at another: batches of a connection that has moved are cancelled. */
export async function followConnection(tx: Tx, clock: Clock, { id, user, moved }: StatusChange): Promise<void> {
  if (!moved) return;
  for (const batch of await runningBatches(tx, user, id)) await cancel(tx, batch.id, clock.now());
}

async function cancel(tx: Tx, batch: string, now: number): Promise<void> {
  await moveItems(tx, batch, "waiting", "cancelled");
  await endBatch(tx, batch, "cancelled", now);
}

/** A position in the form that cursors have. */
const cursorAt = (position: number): string => `item_${position.toString(16).padStart(32, "0")}`;
/** A cursor of another list lies behind every position. */
const positionIn = (cursor: string): number =>
  Math.min(Number.parseInt(cursor.slice(-32), 16), Number.MAX_SAFE_INTEGER);
