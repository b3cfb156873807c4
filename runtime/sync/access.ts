import { HooklineError } from "../core/errors.ts";
import { assertSameAccount, movesOf } from "../accounts/moved.ts";
import { isObject } from "../core/json.ts";
import type { CompiledAction, CompiledStream, Connector } from "../manifest/connector.ts";
import { connectionsByIds } from "../model/connections.ts";
import type { Sql } from "../store/database.ts";
import type { RecordFailure } from "../model/quarantine.ts";
import { describeFailure } from "../read/enrich.ts";
import type { SyncCore } from "./core.ts";
import { acceptedInput, changedInput } from "./input.ts";
import { keysOf } from "./keys.ts";
import { listAll } from "./listing.ts";
import { compileMapping, type Mapping } from "./mapping.ts";
import type { LinkSide } from "./model/links.ts";
import { lastEvent, type SyncRecord } from "./model/syncs.ts";
import { idNameOf, readerOf } from "./reader.ts";
import { bySide, type Fields, type Side } from "./sides.ts";

/** One record as one side has it at a time. */
export interface Snapshot {
  id: string;
  /** As the vendor sends it; undefined when only its fields are known. */
  record: unknown;
  fields: Fields;
  /** By what it can be recognised on the other side. */
  keys: readonly string[];
  /** When the vendor says it changed, milliseconds since the epoch. */
  changedAt: number | undefined;
}

/** What the last event of a record tells. */
interface LastEvent {
  /** Undefined when the record was deleted. */
  snapshot: Snapshot | undefined;
  /** Id of the record that a deleted one was merged into. */
  mergedInto: string | undefined;
  /** When the read began that found the change. */
  readAt: number;
}

/** A record that cannot be had, or one of several lists. */
export interface Missing {
  /** Its id; null where it has none. */
  id: string | null;
  /** Whether it is a record. */
  isRecord: boolean;
  error: RecordFailure;
}

/** Reading and writing the records of one side of a sync, in common fields. */
export interface Access {
  /** How often its connection had been moved to another account when it was opened. */
  readonly moves: number;
  /** Whether the connector has the action. */
  can(kind: "create" | "update" | "delete"): boolean;
  /** Whether the vendor can be asked for one record; if not, what is known of it may be older than our last write. */
  readonly canRead: boolean;
  /**
   * A record as it is now, under its new id when the vendor has given it one or merged it into another; undefined when it does not
   * exist. Where the vendor cannot be asked, as in the last event that was read after our own last write, else as it is known.
   */
  read(known: LinkSide & { id: string }): Promise<Snapshot | undefined>;
  /** Ids it had before, where the vendor says so. */
  previousIds(snapshot: Snapshot): readonly string[];
  /** The last event of a record. */
  lastEvent(id: string): Promise<LastEvent | undefined>;
  /** What the vendor finds by the resource's key. */
  find(keys: readonly string[]): Promise<Snapshot[]>;
  /**
   * Every record of the side that can be had. What is left out is there, and may be the counterpart of any record of the other side;
   * `leave` is called with it.
   */
  all(signal: AbortSignal, leave: (missing: Missing) => void): Promise<Snapshot[]>;
  /** Whether the vendor can be asked which records have a key, and for a record by its id. */
  readonly canFind: boolean;
  readonly canReadById: boolean;
  /** Input of the action that gives a record the desired fields; undefined when it has all that the vendor can hold. */
  changes(snapshot: Snapshot, desired: Fields): Record<string, unknown> | undefined;
  /** The input with which a record would be created. */
  creation(fields: Fields): Record<string, unknown>;
  /** Writes; returns the record as the vendor has it afterwards, undefined when the vendor does not say. */
  update(snapshot: Snapshot, input: Record<string, unknown>): Promise<Snapshot | undefined>;
  create(fields: Fields, idempotencyKey: string): Promise<Snapshot | undefined>;
  remove(id: string): Promise<void>;
}

/** Opens both sides; undefined while a connection or its connector is missing. */
export async function openSides(core: SyncCore, sync: SyncRecord): Promise<Record<Side, Access> | undefined> {
  const rows = new Map((await connectionsByIds(core.db, [sync.left, sync.right])).map((row) => [row.id, row]));
  const { left, right } = bySide((side) => {
    const connector = core.connectors.get(rows.get(sync[side])?.connector ?? "");
    const row = rows.get(sync[side]);
    return row && connector?.resources.has(sync.resource)
      ? openAccess(core, sync, side, connector, movesOf(row))
      : undefined;
  });
  return left && right && { left, right };
}

/** @throws HooklineError `account_moved` when a connection leads to another account than when its side was opened */
export async function assertAccounts(sql: Sql, sync: SyncRecord, sides: Record<Side, Access>): Promise<void> {
  for (const row of await connectionsByIds(sql, [sync.left, sync.right]))
    assertSameAccount(row, sides[row.id === sync.left ? "left" : "right"].moves);
}

/** `moves`: how often the connection had been moved to another account; nothing reaches any other. */
function openAccess(core: SyncCore, sync: SyncRecord, side: Side, connector: Connector, moves: number): Access {
  const connection = sync[side];
  const resource = connector.resources.get(sync.resource)!;
  const { definition } = resource;
  const stream = connector.streams.get(definition.stream)!;
  const mapping = compileMapping(sync.fields, side);
  const idName = idNameOf(resource);
  const reader = readerOf(core, { id: connection, moves }, connector, resource);
  const actionOf = (kind: "create" | "update" | "delete" | "find"): CompiledAction | undefined =>
    connector.actions.get(definition[kind] ?? "");
  const actions = {
    create: actionOf("create"),
    update: actionOf("update"),
    delete: actionOf("delete"),
    find: definition.key === undefined ? undefined : actionOf("find"),
  };
  const run = async (action: CompiledAction, input: object, keySeed?: string): Promise<unknown> =>
    (await core.actions.perform(connection, action.name, input, { keySeed, moves })).output;

  const snapshotOf = (record: unknown): Snapshot | undefined => toSnapshot(record, stream, mapping);
  /** The output of an action is the record, or holds it or a list of records. */
  const snapshotsIn = (output: unknown): Snapshot[] => {
    if (!isObject(output)) return [];
    const itself = snapshotOf(output);
    if (itself) return [itself];
    const held = Object.values(output).flat().filter(isObject);
    return held.flatMap((record) => snapshotOf(record) ?? []);
  };
  const inputOf = (fields: Fields, of?: Snapshot): Record<string, unknown> => {
    const scope = { resource: { type: sync.resource, ...fields }, id: of?.id, record: of?.record };
    return { ...(resource.from(scope) as object), ...mapping.input(scope) };
  };
  /** What an action has to be given besides the changes: the id, and what else it requires. */
  const requiredInput = (action: CompiledAction, input: Record<string, unknown>, id: string) => {
    const required = (action.definition.input?.["required"] ?? []) as string[];
    const given = required.filter((name) => input[name] !== undefined).map((name) => [name, input[name]]);
    return { ...Object.fromEntries(given), [idName]: id } as Record<string, unknown>;
  };
  const read = async (id: string): Promise<Snapshot | undefined> => {
    const output = await reader!(id);
    const [snapshot] = snapshotsIn(output);
    if (snapshot || output === undefined || stream.deleted?.(output)) return snapshot;
    // An answer without an id is no proof that the record is gone.
    throw new HooklineError(
      "vendor_error",
      `${connector.name}: the record that was read as ${id} has no id; correct the manifest`,
    );
  };

  const access: Access = {
    moves,
    can: (kind) => actions[kind] !== undefined,
    canFind: actions.find !== undefined,
    canReadById: reader !== undefined,
    canRead: reader !== undefined || actions.find !== undefined,
    creation: (fields) => inputOf(fields),
    previousIds: ({ record }) => stream.previousKeys?.(record) ?? [],

    read: async ({ id, fields, writtenAt }) => {
      if (reader) return read(id);
      const keys = fields === null ? [] : keysOf(fields);
      const found = await access.find(keys);
      const asKnown = (id: string): Snapshot => {
        return { id, record: undefined, fields: fields ?? {}, keys, changedAt: undefined };
      };
      const foundAs = (id: string): Snapshot | undefined => found.find((one) => one.id === id);
      const itself = foundAs(id);
      if (itself) return itself;
      const event = await access.lastEvent(id);
      if (!event || event.readAt <= (writtenAt ?? 0)) return asKnown(id);
      const { snapshot, mergedInto: into } = event;
      if (snapshot || into === undefined) return snapshot;
      const survivor = await access.lastEvent(into);
      return survivor ? survivor.snapshot : (foundAs(into) ?? asKnown(into));
    },

    lastEvent: async (id) => {
      const last = await lastEvent(core.db, sync.id, connection, id);
      if (last === undefined) return undefined;
      const { change, record, mergedInto } = JSON.parse(last.data) as {
        change: string;
        record?: unknown;
        mergedInto?: string;
      };
      const snapshot = change === "deleted" ? undefined : snapshotOf(record);
      return { snapshot, mergedInto, readAt: last.readAt };
    },

    find: async (keys) => {
      const prefix = `${definition.key}:`;
      const key = keys.find((one) => one.startsWith(prefix));
      if (!actions.find || key === undefined) return [];
      const output = await run(actions.find, { [definition.key!]: key.slice(prefix.length) });
      return unique(snapshotsIn(output)).filter((one) => one.keys.includes(key));
    },

    all: async (signal, leave) => {
      const client = await core.accounts.client(connection, moves);
      const { workspace, user } = await core.variables.valuesOf(client.user, stream);
      const scope = { input: {}, connection: client.values, workspace: { vars: workspace }, user: { vars: user } };
      const source = { client, scope, operation: stream, signal };
      const snapshots: Snapshot[] = [];
      const miss = (listed: unknown, error: Error): void => {
        const id = stream.key(listed);
        const list = id === undefined ? stream.each?.key(listed) : undefined;
        leave({ id: id ?? list ?? null, isRecord: list === undefined, error: describeFailure(error) });
      };
      for await (const { records, leftOut } of listAll(source, stream, core.clock.now())) {
        for (const { listed, error } of leftOut) miss(listed, error);
        for (const record of records) {
          try {
            snapshots.push(...[snapshotOf(record) ?? []].flat());
          } catch (error) {
            miss(record, error as Error);
          }
        }
      }
      return unique(snapshots);
    },

    changes: (snapshot, fields) => {
      if (!actions.update) return undefined;
      const desired = inputOf(fields, snapshot);
      const changed = changedInput(inputOf(snapshot.fields, snapshot), desired);
      return changed && acceptedInput(actions.update, changed, requiredInput(actions.update, desired, snapshot.id));
    },

    update: async (snapshot, input) => {
      const { id } = snapshot;
      const required = requiredInput(actions.update!, inputOf(snapshot.fields, snapshot), id);
      const output = await run(actions.update!, { ...required, ...input });
      return snapshotsIn(output).find((one) => one.id === id) ?? (reader && (await read(id)));
    },

    create: async (fields, idempotencyKey) =>
      snapshotsIn(await run(actions.create!, inputOf(fields), idempotencyKey))[0],

    remove: async (id) => void (await run(actions.delete!, { [idName]: id })),
  };
  return access;
}

function toSnapshot(record: unknown, stream: CompiledStream, mapping: Mapping): Snapshot | undefined {
  const id = stream.key(record);
  if (id === undefined || stream.deleted?.(record)) return undefined;
  const resource = mapping.read(stream.resource?.map(record) ?? {}, record);
  const changedAt = Date.parse(String(resource["updatedAt"]));
  return {
    id,
    record,
    fields: mapping.select(resource),
    keys: keysOf(resource),
    changedAt: Number.isNaN(changedAt) ? undefined : changedAt,
  };
}

/** One snapshot per id, the last. */
function unique(snapshots: readonly Snapshot[]): Snapshot[] {
  return [...new Map(snapshots.map((one) => [one.id, one])).values()];
}
