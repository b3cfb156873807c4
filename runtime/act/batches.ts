import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import {
  countItems,
  endBatch,
  findBatch,
  forgetBatches,
  insertBatch,
  listItems,
  moveItems,
  type BatchItem,
  type BatchRow,
  type ItemStatus,
} from "./model/batches.ts";
import type { Database } from "../store/database.ts";
import { findAction } from "./actions.ts";
import { failureOf } from "./batch-failure.ts";
import type { VendorClient } from "../accounts/client.ts";
import { assertRequirement } from "../accounts/requirement.ts";

/** A batch as it is shown. Times are RFC 3339. */
export interface BatchView {
  id: string;
  connection: string;
  action: string;
  status: BatchRow["status"];
  total: number;
  /** How many items are in each state. */
  counts: Record<ItemStatus, number>;
  createdAt: string;
  finishedAt: string | null;
}

/** What became of one input. */
export interface BatchResult {
  /** In the list of inputs, from 0. */
  position: number;
  status: ItemStatus;
  output?: unknown;
  warnings?: unknown;
  error?: unknown;
}

/** An action over many inputs, as work of the engine. With a user given, the batches of others do not exist: `not_found`. */
export interface Batches {
  /**
   * Takes the inputs on. Those that do not match the action's schema have failed at once; the others are done one after another.
   * @throws HooklineError `not_found`, `scope_missing`, `conflict`, `reauth_required`
   */
  create(connection: string, action: string, inputs: readonly Record<string, unknown>[]): Promise<BatchView>;
  /** How far it is, with a page of results in the order of the inputs. */
  get(
    id: string,
    page: { after?: number; limit: number },
    user?: string,
  ): Promise<BatchView & { results: BatchResult[]; next: number | null }>;
  /** Gives up what waits; what runs is ended. One that has ended stays as it is. */
  cancel(id: string, user?: string): Promise<BatchView>;
  /** Forgets batches that ended before a time, milliseconds since the epoch. */
  purge(before: number): Promise<void>;
}

export interface BatchesOptions {
  db: Database;
  engine: Pick<Engine, "enqueue">;
  clock: Clock;
  openClient: (connection: string) => Promise<VendorClient>;
}

/** Batches per transaction when they are forgotten. */
const FORGOTTEN = 20;

export function createBatches({ db, engine, clock, openClient }: BatchesOptions): Batches {
  const find = async (id: string, user?: string): Promise<BatchRow> => {
    const row = await findBatch(db, id);
    if (row && (user === undefined || row.user === user)) return row;
    throw new HooklineError("not_found", `There is no batch ${id}; check the id`);
  };
  const view = async (row: BatchRow): Promise<BatchView> => ({
    id: row.id,
    connection: row.connection,
    action: row.action,
    status: row.status,
    total: row.total,
    counts: await countItems(db, row.id),
    createdAt: new Date(row.createdAt).toISOString(),
    finishedAt: row.finishedAt === null ? null : new Date(row.finishedAt).toISOString(),
  });

  return {
    create: async (connection, name, inputs) => {
      const client = await openClient(connection);
      const action = findAction(client.connector, name);
      const where = `${client.connector.name}.${name}`;
      client.requireScopes(action.scopes);
      assertRequirement(where, action.requires, client.values);
      const items = inputs.map((input, position): BatchItem => {
        const faults = action.validateInput(input);
        if (faults.length === 0) return { position, status: "waiting", input, result: null };
        const error = new HooklineError("invalid_input", `${where}: the input does not match its schema: see errors`, {
          faults,
        });
        return { position, status: "failed", input, result: failureOf(error) };
      });
      const now = clock.now();
      const runs = items.some(({ status }) => status === "waiting");
      const row: BatchRow = {
        id: newId("bat", now),
        connection,
        user: client.user,
        action: name,
        status: runs ? "running" : "done",
        total: items.length,
        createdAt: now,
        finishedAt: runs ? null : now,
      };
      await db.transaction(async (tx) => {
        await insertBatch(tx, row, items);
        if (runs)
          await engine.enqueue(tx, [{ queue: "batch", data: { batch: row.id }, group: connection, unique: row.id }]);
      });
      return view(row);
    },

    get: async (id, { after, limit }, user) => {
      const row = await find(id, user);
      const items = await listItems(db, id, { after, limit: limit + 1 });
      const results = items.slice(0, limit).map(({ position, status, result }) => ({ position, status, ...result }));
      return { ...(await view(row)), results, next: items.length > limit ? results.at(-1)!.position : null };
    },

    cancel: async (id, user) => {
      await find(id, user);
      await db.transaction(async (tx) => {
        const row = await findBatch(tx, id);
        if (row?.status !== "running") return;
        await moveItems(tx, id, "waiting", "cancelled");
        await endBatch(tx, id, "cancelled", clock.now());
      });
      return view(await find(id));
    },

    purge: async (before) => {
      while ((await db.transaction((tx) => forgetBatches(tx, before, FORGOTTEN))) === FORGOTTEN);
    },
  };
}
