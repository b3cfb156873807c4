import type { Flow } from "../../schemas/flow.ts";
import { resolveConnection, type Asker, type ConnectionRef } from "../accounts/resolve.ts";
import { HooklineError, refuseFaults, unknownName } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { canonicalJson } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import type { Connector } from "../manifest/connector.ts";
import type { InputOf } from "../model/input.ts";
import { pageOf, type Page } from "../model/page.ts";
import { assertNotErased } from "../model/erasures.ts";
import { ownerIn, visible, type Scope } from "../model/principal.ts";
import { newOwner } from "../model/user.ts";
import type { Sql, Tx } from "../store/database.ts";
import { problemIn } from "./broken.ts";
import { checkFlow } from "./check.ts";
import type { Resolved } from "./check-connection.ts";
import type { DryRunner } from "./dry-run.ts";
import { makeHookSecret } from "./hooks.ts";
import type { DryRun, DryRunGiven } from "./model/dry-runs.ts";
import {
  deleteFlow,
  flowCall,
  flowChanges,
  flowQuery,
  flows,
  flowView,
  newFlow,
  saveFlow,
  triggersOf,
  type FlowChanges,
  type FlowOrigin,
  type FlowRecord,
  type FlowView,
  type NewFlow,
} from "./model/flows.ts";
import { runs, type RunView } from "./model/runs.ts";
import type { StartRun } from "./start.ts";
import type { FlowTriggers } from "./subscribe.ts";

/** A flow after a change; `hookSecret` when its hook is new, shown here and never again. */
export type ChangedFlow = FlowView & { hookSecret?: string };

/** Flows as people make, change and watch them. All but `create` and `list` throw `not_found` for one that is not there. */
export interface Flows {
  /**
   * Checks a flow and sets it to work, in one transaction with the subscriptions behind it. Without a user in the scope an admin
   * writes it, who may wire in the workspace's own connections.
   * @throws HooklineError `invalid_input` with every fault, `forbidden`, `scope_missing`, `conflict`
   */
  create(flow: NewFlow, scope?: Scope): Promise<ChangedFlow>;
  get(id: string, scope?: Scope): Promise<FlowView>;
  /** @throws HooklineError `invalid_input`, `forbidden` */
  list(query?: InputOf<typeof flowQuery>, scope?: Scope): Promise<Page<FlowView>>;
  /**
   * Makes a new version when name, triggers, steps or conditions change; runs under way keep theirs.
   * @throws HooklineError as `create`
   */
  update(id: string, changes: FlowChanges, scope?: Scope): Promise<ChangedFlow>;
  /** Ends a flow, and deletes it with its runs. */
  remove(id: string, scope?: Scope): Promise<void>;
  /**
   * Shows what a flow would do, without calling anybody.
   * @throws HooklineError `invalid_input`, `invalid_expression` for a condition of the flow that cannot be evaluated
   */
  test(id: string, given?: DryRunGiven, scope?: Scope): Promise<DryRun>;
  /**
   * Makes a new secret for its hook; the old one is invalid at once.
   * @throws HooklineError `conflict` when it has no hook
   */
  rotateHookSecret(id: string, scope?: Scope): Promise<ChangedFlow>;
  /**
   * Starts a run by the flow's call trigger. Undefined when the flow's condition does not hold.
   * @throws HooklineError `invalid_input`, `conflict` when it has no such trigger, or is not enabled
   */
  call(id: string, trigger?: Record<string, unknown>, scope?: Scope): Promise<RunView | undefined>;
}

/** What a template brings along. */
export interface Origin {
  origin: FlowOrigin;
  setup: Record<string, unknown>;
  /** The template's form. */
  form: object | undefined;
}

/** What templates do with flows. */
export interface FlowStore {
  find(sql: Sql, id: string, scope?: Scope): Promise<FlowRecord>;
  /** Makes a flow out of a template, or changes the one before into it. The template's author answers for its connections. */
  install(flow: NewFlow, origin: Origin, before?: FlowRecord): Promise<ChangedFlow>;
}

interface Needs {
  triggers: FlowTriggers;
  start: StartRun;
  dryRun: DryRunner;
}

/** Makes the service, and what templates and runs do with flows besides. */
export function createFlows(
  { db, connectors, vault, clock }: Pick<Context, "db" | "connectors" | "vault" | "clock">,
  { triggers, start, dryRun }: Needs,
): { flows: Flows; store: FlowStore } {
  const find: FlowStore["find"] = async (sql, id, scope) => visible("flow", id, await flows.find(sql, id), scope);

  /** Stores a flow with all that hangs on it. */
  const put = async (tx: Tx, flow: FlowRecord, form?: object): Promise<ChangedFlow> => {
    await assertNotErased(tx, flow.user);
    const connectionOf = await check(tx, flow, connectors, form);
    const hook = triggersOf(flow.definition, "hook").length > 0;
    const made = hook && flow.hookSecret === null ? makeHookSecret(vault, flow) : undefined;
    const problem = flow.status === "paused" ? null : await problemIn(tx, flow, connectors, clock.now());
    const saved: FlowRecord = {
      ...flow,
      status: problem ? "broken" : flow.status,
      problem,
      hookSecret: hook ? (made?.sealed ?? flow.hookSecret) : null,
    };
    await saveFlow(tx, saved);
    await triggers.apply(tx, saved, connectionOf);
    return { ...flowView(saved), ...(made && { hookSecret: made.secret }) };
  };

  const draft = ({ user = null, enabled = true, ...definition }: Omit<NewFlow, "user"> & { user?: string | null }) => {
    const now = clock.now();
    return {
      id: newId("flow", now),
      user,
      version: 1,
      definition,
      setup: null,
      byAdmin: true,
      status: enabled ? "active" : "paused",
      problem: null,
      origin: null,
      hookSecret: null,
      sample: null,
      createdAt: now,
      updatedAt: now,
    } satisfies FlowRecord;
  };

  const service: Flows = {
    create: async (given, scope = {}) => {
      const { user: named, ...flow } = newFlow.check(given);
      const made = { ...draft({ ...flow, user: newOwner("flow", scope, named) }), byAdmin: scope.user === undefined };
      return db.transaction((tx) => put(tx, made));
    },

    get: async (id, scope) => flowView(await find(db, id, scope)),

    list: async (query, scope = {}) => {
      const { user, status, ...page } = flowQuery.check(query);
      return pageOf(flows, db, page, { user: ownerIn(scope, user), status }, flowView);
    },

    update: async (id, given, scope = {}) => {
      const { enabled, ...changes } = flowChanges.check(given);
      return db.transaction(async (tx) => {
        const before = await find(tx, id, scope);
        const definition = changed(before.definition, changes);
        const isNew = canonicalJson(definition) !== canonicalJson(before.definition);
        const flow: FlowRecord = {
          ...before,
          status: (enabled ?? before.status !== "paused") ? "active" : "paused",
          problem: null,
          updatedAt: clock.now(),
          ...(isNew && { definition, version: before.version + 1, byAdmin: scope.user === undefined }),
        };
        if (isNew || flow.status === "active") return put(tx, flow);
        await saveFlow(tx, flow);
        await triggers.follow(tx, flow);
        return flowView(flow);
      });
    },

    remove: (id, scope) =>
      db.transaction(async (tx) => {
        await find(tx, id, scope);
        await triggers.remove(tx, id);
        await deleteFlow(tx, id);
      }),

    test: async (id, given, scope) => dryRun(await find(db, id, scope), given),

    rotateHookSecret: (id, scope) =>
      db.transaction(async (tx) => {
        const flow = await find(tx, id, scope);
        if (flow.hookSecret === null) {
          throw new HooklineError("conflict", `Flow ${id} has no hook; give it a hook trigger first`);
        }
        const { secret, sealed } = makeHookSecret(vault, flow);
        const rotated = { ...flow, hookSecret: sealed, updatedAt: clock.now() };
        await saveFlow(tx, rotated);
        return { ...flowView(rotated), hookSecret: secret };
      }),

    call: async (id, given = {}, scope) => {
      const trigger = flowCall.check(given);
      return db.transaction(async (tx) => {
        const flow = await find(tx, id, scope);
        if (triggersOf(flow.definition, "call").length === 0) {
          throw new HooklineError("conflict", `Flow ${id} is not started by calls; give it a call trigger first`);
        }
        if (flow.status !== "active") {
          const why = flow.problem?.message ?? "enable it first";
          throw new HooklineError("conflict", `Flow ${id} is ${flow.status}: ${why}`);
        }
        const run = await start(tx, flow, { cause: "call", forUser: flow.user, trigger });
        return run && runs.view(run);
      });
    },
  };

  const install: FlowStore["install"] = (given, { origin, setup, form }, before) => {
    const made = draft(given);
    const flow: FlowRecord = before
      ? {
          ...before,
          definition: made.definition,
          version: before.version + 1,
          byAdmin: true,
          problem: null,
          status: before.status === "paused" ? "paused" : "active",
          updatedAt: made.updatedAt,
        }
      : made;
    return db.transaction((tx) => put(tx, { ...flow, origin, setup }, form));
  };

  return { flows: service, store: { find, install } };
}

/** A definition with changes; null takes an optional part away. */
function changed(before: Flow, { when, timeLimit, ...changes }: Omit<FlowChanges, "enabled">): Flow {
  const { when: oldWhen, timeLimit: oldLimit, ...rest } = before;
  const condition = when === undefined ? oldWhen : when;
  const limit = timeLimit === undefined ? oldLimit : timeLimit;
  return {
    ...rest,
    ...changes,
    ...(typeof condition === "string" && { when: condition }),
    ...(typeof limit === "string" && { timeLimit: limit }),
  };
}

/**
 * The connections of a flow's triggers, by their places.
 * @throws HooklineError `invalid_input` with every fault of the flow
 */
async function check(
  tx: Tx,
  flow: FlowRecord,
  connectors: ReadonlyMap<string, Connector>,
  form: object | undefined,
): Promise<ReadonlyMap<number, string>> {
  const asker: Asker = { owner: flow.user, user: flow.user, workspace: flow.byAdmin };
  const resolve = async (ref: ConnectionRef): Promise<Resolved> => {
    if (typeof ref === "object") {
      const connector = connectorOf(connectors, ref.connector);
      // Whose connection a flow of the workspace takes, each run decides.
      if (flow.user === null) return { connector };
    }
    const connection = await resolveConnection(tx, ref, asker);
    return { connection, connector: connectorOf(connectors, connection.connector) };
  };
  const { setup, definition } = flow;
  const faults = await checkFlow(definition, { resolve, connectors, setup, ...(form && { form }) });
  refuseFaults("flow", faults);
  const resolved = new Map<number, string>();
  for (const { trigger, index } of triggersOf(definition, "connection")) {
    const { connection } = await resolve(trigger.connection);
    const message = "a flow of the workspace names the connection of a trigger; give its id";
    if (connection) resolved.set(index, connection.id);
    else faults.push({ pointer: `/triggers/${index}/connection`, message });
  }
  refuseFaults("flow", faults);
  return resolved;
}

function connectorOf(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const connector = connectors.get(name);
  if (connector) return connector;
  throw new HooklineError("not_found", unknownName("connector", name, connectors.keys()));
}
