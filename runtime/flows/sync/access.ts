import { HooklineError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { CompiledAction, CompiledStream } from "../../manifest/connector.ts";
import type { Fields } from "../../store/sync-links.ts";
import { lastEvent, type Side, type SyncRecord } from "../../store/syncs.ts";
import { acceptedInput, changedInput } from "./input.ts";
import { keysOf } from "./keys.ts";
import { listAll } from "./listing.ts";
import { compileMapping, type Mapping } from "./mapping.ts";
import { idNameOf, readerOf, type AccessOptions } from "./reader.ts";

/** One thing as one side has it now. */
export interface Thing {
  id: string;
  /** As the vendor sends it; undefined when only its fields are known. */
  record: unknown;
  fields: Fields;
  /** By what it can be recognised on the other side. */
  keys: readonly string[];
  /** When the vendor says it changed, milliseconds since the epoch. */
  changedAt: number | undefined;
}

/** What an event says of a thing: nothing when it was deleted. */
export interface Told {
  thing: Thing | undefined;
  /** When the read began that found it, milliseconds since the epoch. */
  readAt: number;
}

/** Reading and writing the things of one side of a sync, in common terms. */
export interface Access {
  readonly side: Side;
  /** Whether the connector has the action. */
  can(kind: "create" | "update" | "delete"): boolean;
  /** What a record that the vendor sent is; undefined when it has no id. */
  thing(record: unknown): Thing | undefined;
  /**
   * As it is now, undefined when it is gone; under its new id when the vendor has given it one. Where the vendor cannot be
   * asked, as its stream told last after our own last write, else as it is `known`.
   */
  read(id: string, known: Fields | null, writtenAt: number | null): Promise<Thing | undefined>;
  /** Whether the vendor can be asked for one thing; if not, what is told of it was read before our write, or not. */
  readonly asks: boolean;
  /** Ids it had before, when the vendor tells. */
  previousIds(thing: Thing): readonly string[];
  /** What the last event of it says; undefined when there is none. */
  lastTold(id: string): Promise<Told | undefined>;
  /** What the vendor finds by the resource's key. */
  find(keys: readonly string[]): Promise<Thing[]>;
  /** Everything there is, by id. */
  all(signal: AbortSignal): Promise<Map<string, Thing>>;
  /** Input of the action that gives a thing what it should have; undefined when it has all that the vendor can hold. */
  changes(thing: Thing, wanted: Fields): Record<string, unknown> | undefined;
  /** The input with which a thing would be created. */
  creation(fields: Fields): Record<string, unknown>;
  /** Writes; gives the thing as the vendor has it then, undefined when it does not tell. */
  update(thing: Thing, input: Record<string, unknown>): Promise<Thing | undefined>;
  create(fields: Fields, idempotencyKey: string): Promise<Thing | undefined>;
  remove(id: string): Promise<void>;
}

/** Opens one side of a sync whose connector declares the resource. */
export function openAccess(sync: SyncRecord, side: Side, connectorName: string, options: AccessOptions): Access {
  const { db, openClient, runAction, now } = options;
  const connector = options.connectors.get(connectorName)!;
  const resource = connector.resources.get(sync.resource)!;
  const stream = connector.streams.get(resource.definition.stream)!;
  const connection = sync[side];
  const mapping = compileMapping(sync.fields, side);
  const idName = idNameOf(resource);
  const actions = {
    create: actionOf("create"),
    update: actionOf("update"),
    delete: actionOf("delete"),
    find: actionOf("find"),
  };
  const reader = readerOf(connector, resource);

  function actionOf(kind: "create" | "update" | "delete" | "find"): CompiledAction | undefined {
    const name = resource.definition[kind];
    return name === undefined ? undefined : connector.actions.get(name);
  }
  const run = async (action: CompiledAction, input: object, idempotencyKey?: string): Promise<unknown> =>
    (await runAction(connection, action.name, input, idempotencyKey === undefined ? {} : { idempotencyKey })).output;

  const thing = (record: unknown): Thing | undefined => toThing(record, stream, mapping);
  /** Answers of actions are the record, or hold it or a list of them. */
  const thingsIn = (output: unknown): Thing[] => {
    const itself = isObject(output) ? thing(output) : undefined;
    if (itself || !isObject(output)) return itself ? [itself] : [];
    return Object.values(output)
      .flat()
      .filter(isObject)
      .flatMap((record) => thing(record) ?? []);
  };
  const inputOf = (fields: Fields, of?: Pick<Thing, "id" | "record">): Record<string, unknown> => {
    const scope = { resource: { type: sync.resource, ...fields }, id: of?.id, record: of?.record };
    return { ...(resource.from(scope) as object), ...mapping.input(scope) };
  };
  const access: Access = {
    side,
    thing,
    can: (kind) => actions[kind] !== undefined,
    creation: (fields) => inputOf(fields),
    previousIds: ({ record }) => stream.previousKeys?.(record) ?? [],

    asks: reader !== undefined || (actions.find !== undefined && resource.definition.key !== undefined),

    read: async (id, known, writtenAt) => {
      if (reader) {
        const output = await reader.read(options, connection, id);
        const [one] = thingsIn(output);
        if (one || output === undefined || stream.deleted?.(output)) return one;
        // Not to be taken for gone, which would delete the other half.
        throw new HooklineError(
          "vendor_error",
          `${connectorName}: what was read as ${id} has no id; correct the manifest`,
        );
      }
      const keys = known === null ? [] : keysOf(known);
      const found = (await access.find(keys)).find((one) => one.id === id);
      if (found) return found;
      const told = await access.lastTold(id);
      if (told && told.readAt > (writtenAt ?? 0)) return told.thing;
      return { id, record: undefined, fields: known ?? {}, keys, changedAt: undefined };
    },

    lastTold: async (id) => {
      const last = await lastEvent(db, sync.id, connection, id);
      if (last === undefined) return undefined;
      const { change, record } = JSON.parse(last.data) as { change: string; record?: unknown };
      return { thing: change === "deleted" ? undefined : thing(record), readAt: last.readAt };
    },

    find: async (keys) => {
      const { key } = resource.definition;
      const known = keys.find((one) => one.startsWith(`${key}:`));
      if (!actions.find || key === undefined || known === undefined) return [];
      const output = await run(actions.find, { [key]: known.slice(key.length + 1) });
      const found = new Map(thingsIn(output).map((one) => [one.id, one]));
      return [...found.values()].filter((one) => one.keys.includes(known));
    },

    all: async (signal) => {
      const client = await openClient(connection);
      const { workspace, user } = await options.variablesOf(client.user);
      const scope = { input: {}, connection: client.values, workspace: { vars: workspace }, user: { vars: user } };
      const things = new Map<string, Thing>();
      for await (const records of listAll({ client, scope, scopes: stream.scopes, signal }, stream, now())) {
        for (const record of records) {
          const one = thing(record);
          if (one) things.set(one.id, one);
        }
      }
      return things;
    },

    changes: (one, wanted) => {
      if (!actions.update) return undefined;
      const desired = inputOf(wanted, one);
      const changed = changedInput(inputOf(one.fields, one), desired);
      return changed && acceptedInput(actions.update, changed, neededOf(actions.update, desired, one.id));
    },

    update: async (one, input) => {
      const needed = neededOf(actions.update!, inputOf(one.fields, one), one.id);
      const output = await run(actions.update!, { ...needed, ...input });
      return thingsIn(output).find(({ id }) => id === one.id) ?? (reader && (await access.read(one.id, null, null)));
    },

    create: async (fields, idempotencyKey) => thingsIn(await run(actions.create!, inputOf(fields), idempotencyKey))[0],

    remove: async (id) => void (await run(actions.delete!, { [idName]: id })),
  };
  return access;

  /** What an action must be given besides: the id, and what else it requires. */
  function neededOf(action: CompiledAction, desired: Record<string, unknown>, id: string): Record<string, unknown> {
    const required = (action.definition.input?.["required"] ?? []) as string[];
    const given = required.filter((name) => desired[name] !== undefined).map((name) => [name, desired[name]]);
    return { ...Object.fromEntries(given), [idName]: id };
  }
}

function toThing(record: unknown, stream: CompiledStream, mapping: Mapping): Thing | undefined {
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
