import type { Flow } from "../../schemas/flow.ts";
import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError, type Fault } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { canonicalJson } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Database, Sql, Tx } from "../store/database.ts";
import {
  deleteFlow,
  flowById,
  listFlows,
  saveFlow,
  type FlowFilter,
  type FlowOrigin,
  type FlowRecord,
} from "./model/flows.ts";
import { checkFlow, noConnector, type Behind } from "./check.ts";
import { resolveConnection, type Asker, type ConnectionRef } from "../accounts/resolve.ts";
import { triggersOf } from "./definition.ts";
import { makeHookSecret } from "./hooks.ts";
import type { StartRun } from "./start.ts";
import type { FlowTriggers } from "./subscribe.ts";
import { flowView, runView, type FlowView, type RunView } from "./view.ts";

export interface NewFlow extends Flow {
  /** Whose flow it is; the workspace's when not given. */
  user?: string;
  /** Default true. */
  enabled?: boolean;
}

/** What is to change; `null` takes an optional part away. */
export type FlowChanges = Partial<Pick<Flow, "name" | "triggers" | "steps">> & {
  when?: string | null;
  timeLimit?: string | null;
  enabled?: boolean;
};

/** A flow after a change; `hookSecret` when its hook is new, this once. */
export type ChangedFlow = FlowView & { hookSecret?: string };

/** Flows as people make, change and watch them. With a user given, those of others do not exist: `not_found`. */
export interface Flows {
  /**
   * Checks a flow and sets it to work, in one transaction with the subscriptions behind it.
   * `by` is the user who writes it; without, an admin does, who may wire in the workspace's own connections.
   * @throws HooklineError `invalid_input` with every fault, `conflict`
   */
  create(flow: NewFlow, by?: string): Promise<ChangedFlow>;
  get(id: string, user?: string): Promise<FlowView>;
  list(filter: FlowFilter, after?: string, limit?: number): Promise<FlowView[]>;
  /** A new version when triggers, steps, conditions or name change. Runs under way keep theirs. Throws like `create`. */
  update(id: string, changes: FlowChanges, user?: string): Promise<ChangedFlow>;
  /** Ends it; its runs are forgotten with it. */
  remove(id: string, user?: string): Promise<void>;
  /** A new secret for its hook; the old one is worthless at once. Throws `conflict` when it has no hook. */
  rotateHookSecret(id: string, user?: string): Promise<ChangedFlow>;
  /**
   * Starts a run by its call trigger. Undefined when the flow's condition does not hold.
   * Throws `conflict` when it has no such trigger, or is not enabled.
   */
  call(id: string, trigger: unknown, user?: string): Promise<RunView | undefined>;
}

/** What a template brings along. */
export interface Installed {
  origin: FlowOrigin;
  setup: Record<string, unknown>;
  /** The template's form. */
  form: object | undefined;
}

/** What other parts of the room do with flows besides. */
export interface FlowKeeper {
  find(sql: Sql, id: string, user?: string): Promise<FlowRecord>;
  /** Writes a flow out of a template: new, or in place of the one given. */
  install(given: NewFlow, installed: Installed, before?: FlowRecord): Promise<ChangedFlow>;
}

export interface FlowsOptions {
  db: Database;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  clock: Clock;
  triggers: FlowTriggers;
  start: StartRun;
}

export function createFlows(options: FlowsOptions): Flows & FlowKeeper {
  const { db, vault, clock, triggers, start } = options;

  const find = async (sql: Sql, id: string, user?: string): Promise<FlowRecord> => {
    const flow = await flowById(sql, id);
    if (flow && (user === undefined || flow.user === user)) return flow;
    throw new HooklineError("not_found", `There is no flow ${id}; check the id`);
  };

  /** Stores a flow with all that hangs on it. */
  const put = async (tx: Tx, flow: FlowRecord, form?: object): Promise<ChangedFlow> => {
    const connectionOf = await check(tx, flow, options.connectors, form);
    const hook = triggersOf(flow.definition, "hook").length > 0;
    const made = hook && flow.hookSecret === null ? makeHookSecret(vault, flow.id) : undefined;
    const saved: FlowRecord = { ...flow, hookSecret: hook ? (made?.sealed ?? flow.hookSecret) : null };
    await saveFlow(tx, saved);
    await triggers.apply(tx, saved, connectionOf);
    return { ...flowView(saved), ...(made && { hookSecret: made.secret }) };
  };

  const draft = (given: NewFlow, byAdmin: boolean): FlowRecord => {
    const now = clock.now();
    const { user = null, enabled = true, ...definition } = given;
    return {
      id: newId("flow", now),
      user,
      version: 1,
      definition,
      setup: null,
      byAdmin,
      status: enabled ? "active" : "paused",
      problem: null,
      origin: null,
      hookSecret: null,
      sample: null,
      createdAt: now,
      updatedAt: now,
    };
  };

  return {
    find,

    create: (given, by) =>
      db.transaction((tx) => put(tx, draft({ ...given, ...(by !== undefined && { user: by }) }, by === undefined))),

    get: async (id, user) => flowView(await find(db, id, user)),

    list: async (filter, after = "", limit = 50) => (await listFlows(db, filter, after, limit)).map(flowView),

    update: (id, { enabled, ...changes }, user) =>
      db.transaction(async (tx) => {
        const before = await find(tx, id, user);
        const merged = Object.entries({ ...before.definition, ...changes }).filter(
          ([, value]) => value !== null && value !== undefined,
        );
        const definition = Object.fromEntries(merged) as unknown as Flow;
        const changed = canonicalJson(definition) !== canonicalJson(before.definition);
        const status = enabled === false || (enabled === undefined && before.status === "paused") ? "paused" : "active";
        const flow: FlowRecord = {
          ...before,
          status,
          problem: null,
          updatedAt: clock.now(),
          ...(changed && { definition, version: before.version + 1, byAdmin: user === undefined }),
        };
        if (changed || status === "active") return put(tx, flow);
        await saveFlow(tx, flow);
        await triggers.follow(tx, flow);
        return flowView(flow);
      }),

    remove: (id, user) =>
      db.transaction(async (tx) => {
        await find(tx, id, user);
        await triggers.remove(tx, id);
        await deleteFlow(tx, id);
      }),

    rotateHookSecret: (id, user) =>
      db.transaction(async (tx) => {
        const flow = await find(tx, id, user);
        if (flow.hookSecret === null)
          throw new HooklineError("conflict", `Flow ${id} has no hook; give it a hook trigger first`);
        const { secret, sealed } = makeHookSecret(vault, id);
        await saveFlow(tx, { ...flow, hookSecret: sealed, updatedAt: clock.now() });
        return { ...flowView(flow), hookSecret: secret };
      }),

    call: (id, trigger, user) =>
      db.transaction(async (tx) => {
        const flow = await find(tx, id, user);
        if (triggersOf(flow.definition, "call").length === 0) {
          throw new HooklineError("conflict", `Flow ${id} is not started by calls; give it a call trigger first`);
        }
        if (flow.status !== "active") {
          const why = flow.problem?.message ?? "enable it first";
          throw new HooklineError("conflict", `Flow ${id} is ${flow.status}: ${why}`);
        }
        const run = await start(tx, flow, { cause: "call", forUser: flow.user, trigger });
        return run && runView(run);
      }),

    install: (given, { origin, setup, form }, before) =>
      db.transaction((tx) => {
        const { user: _user, enabled: _enabled, ...definition } = given;
        const made = draft(given, true);
        const flow: FlowRecord = before
          ? {
              ...before,
              definition,
              version: before.version + 1,
              byAdmin: true,
              problem: null,
              status: before.status === "paused" ? "paused" : "active",
              updatedAt: made.updatedAt,
            }
          : made;
        return put(tx, { ...flow, origin, setup }, form);
      }),
  };
}

/** Throws `invalid_input` with every fault; gives the connections of the triggers, by their places. */
async function check(
  tx: Tx,
  flow: FlowRecord,
  connectors: ReadonlyMap<string, Connector>,
  form: object | undefined,
): Promise<ReadonlyMap<number, string>> {
  const asker: Asker = { owner: flow.user, user: flow.user, workspace: flow.byAdmin };
  const connectionOf = async (ref: ConnectionRef): Promise<Behind> => {
    if (typeof ref === "object") {
      const connector = connectorOf(connectors, ref.connector);
      // Whose connection a flow of the workspace takes, each run decides.
      if (flow.user === null) return { connector };
    }
    const connection = await resolveConnection(tx, ref, asker);
    return { connection, connector: connectorOf(connectors, connection.connector) };
  };
  const { setup, definition } = flow;
  const faults = await checkFlow(definition, { connectionOf, connectors, setup, ...(form && { form }) });
  if (faults.length > 0) throw refused(definition.name, faults);
  const resolved = new Map<number, string>();
  for (const { trigger, index } of triggersOf(definition, "connection")) {
    const { connection } = await connectionOf(trigger.connection);
    if (connection) resolved.set(index, connection.id);
    else
      faults.push({
        pointer: `/triggers/${index}/connection`,
        message: "a flow of the workspace names the connection itself; give its id",
      });
  }
  if (faults.length > 0) throw refused(definition.name, faults);
  return resolved;
}

function connectorOf(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const connector = connectors.get(name);
  if (connector) return connector;
  throw new HooklineError("not_found", noConnector(name, connectors));
}

export function refused(name: string, faults: Fault[]): HooklineError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : "";
  return new HooklineError("invalid_input", `Flow "${name}" ${first!.pointer}: ${first!.message}${more}`, { faults });
}
