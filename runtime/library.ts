import type { Accounts } from "./accounts/accounts.ts";
import type { UserTokens } from "./accounts/user-tokens.ts";
import type { Variables } from "./accounts/variables.ts";
import type { ConnectionView } from "./model/connections.ts";
import type { Scope } from "./model/principal.ts";
import type { Actions } from "./act/act.ts";
import type { Batches } from "./act/batches.ts";
import type { Functions } from "./act/functions.ts";
import type { Composed } from "./compose.ts";
import { HooklineError } from "./core/errors.ts";
import type { Deliveries } from "./deliver/deliveries.ts";
import type { Endpoints } from "./deliver/endpoints.ts";
import type { Events } from "./deliver/events.ts";
import type { Flows } from "./flows/flows.ts";
import type { Runs } from "./flows/runs.ts";
import type { Templates } from "./flows/templates.ts";
import { assertArguments } from "./library-arguments.ts";
import type { ModuleName } from "./modules.ts";
import type { Audits } from "./poll/audit/audits.ts";
import type { Subscriptions } from "./poll/subscriptions.ts";
import type { Syncs } from "./sync/syncs.ts";

/** A connection one can act through. */
export interface ConnectionHandle extends ConnectionView {
  warnings: string[];
  /** Runs an action and gives its output. @throws HooklineError like {@link Actions.run} */
  run(action: string, input?: unknown, options?: Parameters<Actions["run"]>[3]): Promise<unknown>;
}

export interface Connections extends Pick<
  Accounts,
  "create" | "list" | "update" | "remove" | "test" | "reconnect" | "confirm" | "derived" | "derive"
> {
  /** @throws HooklineError `not_found` */
  get(...given: Parameters<Accounts["get"]>): Promise<ConnectionHandle>;
  /** For hosts that answer the OAuth callback by themselves, with the `session` of `create` or `reconnect`. */
  finishOAuth(
    callback: URLSearchParams | Record<string, string>,
    session: string,
    scope?: Scope,
  ): ReturnType<Accounts["finishOAuth"]>;
  runAction: Actions["run"];
}

export interface Users {
  /** @throws HooklineError like {@link UserTokens.create} */
  createToken: UserTokens["create"];
  /** @throws HooklineError like {@link UserTokens.revoke} */
  revokeTokens: UserTokens["revoke"];
  /** @throws HooklineError like {@link Accounts.erase} */
  erase: Accounts["erase"];
}

/** What a host calls: the services that HTTP calls, with the same checks, errors and shapes. */
export interface Library {
  readonly connections: Connections;
  readonly subscriptions: Subscriptions & Pick<Audits, "audit">;
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly events: Events;
  readonly variables: Pick<Variables, "list" | "get" | "set" | "remove">;
  /** The users of the embedding product. */
  readonly users: Users;
  readonly batches: Omit<Batches, "purge">;
  /** Actions as functions of AI agents. */
  readonly functions: Functions;
  readonly flows: Flows;
  readonly runs: Runs;
  readonly templates: Templates;
  /** Two connections kept alike in one resource. */
  readonly syncs: Syncs;
}

/**
 * The library of a runtime whose store may not be open yet: each call looks at its arguments, then waits until the store is
 * open. A service of a module that was left out answers `invalid_config`.
 */
export function createLibrary(open: () => Promise<Composed>): Library {
  const accounts = service("connections", async () => (await open()).accounts);
  const actions = service("connections", async () => ({ runAction: present("act", (await open()).actions).run }));
  const subscriptions = service("subscriptions", async () => (await open()).subscriptions);
  const audits = service("subscriptions", async () => (await open()).audits);
  const endpoints = service("endpoints", async () => (await open()).endpoints);
  const deliveries = service("deliveries", async () => (await open()).deliveries);
  const events = service("events", async () => (await open()).events);
  const variables = service("variables", async () => (await open()).variables);
  const users = service("users", async () => {
    const { userTokens, accounts } = await open();
    return { createToken: userTokens.create, revokeTokens: userTokens.revoke, erase: accounts.erase };
  });
  const batches = service("batches", async () => present("act", (await open()).batches));
  const functions = service("functions", async () => present("act", (await open()).functions));
  const flows = service("flows", async () => present("flows", (await open()).flows));
  const runs = service("runs", async () => present("flows", (await open()).runs));
  const templates = service("templates", async () => present("flows", (await open()).templates));
  const syncs = service("syncs", async () => present("sync", (await open()).syncs));
  const readConnection: Accounts["get"] = call(accounts, "get", 1, 1);
  const runAction: Actions["run"] = call(actions, "runAction", 2, 4);
  return {
    connections: {
      create: call(accounts, "create", 0, 1),
      list: call(accounts, "list", 0, 1),
      update: call(accounts, "update", 1, 2),
      remove: call(accounts, "remove", 1, 2),
      test: call(accounts, "test", 1, 1),
      reconnect: call(accounts, "reconnect", 1, 2),
      confirm: call(accounts, "confirm", 1, 2),
      derived: call(accounts, "derived", 1, 2),
      derive: call(accounts, "derive", 1, 2),
      finishOAuth: call(accounts, "finishOAuth", 0, 2),
      runAction,
      get: async (id, ...given) => {
        const view = await readConnection(id, ...given);
        return { ...view, run: async (...action) => (await runAction(id, ...action)).output };
      },
    },
    subscriptions: {
      create: call(subscriptions, "create", 0, 1),
      get: call(subscriptions, "get", 1, 1),
      list: call(subscriptions, "list", 0, 1),
      update: call(subscriptions, "update", 1, 2),
      remove: call(subscriptions, "remove", 1, 1),
      pause: call(subscriptions, "pause", 1, 1),
      resume: call(subscriptions, "resume", 1, 2),
      poll: call(subscriptions, "poll", 1, 1),
      health: call(subscriptions, "health", 1, 1),
      audit: call(audits, "audit", 1, 2),
    },
    endpoints: {
      create: call(endpoints, "create", 0, 1),
      get: call(endpoints, "get", 1, 1),
      list: call(endpoints, "list", 0, 1),
      update: call(endpoints, "update", 1, 2),
      remove: call(endpoints, "remove", 1, 1),
      rotateSecret: call(endpoints, "rotateSecret", 1, 1),
      test: call(endpoints, "test", 1, 1),
      recover: call(endpoints, "recover", 1, 2),
      stats: call(endpoints, "stats", 1, 1),
    },
    deliveries: {
      list: call(deliveries, "list", 0, 1),
      get: call(deliveries, "get", 1, 1),
      retry: call(deliveries, "retry", 1, 1),
    },
    events: {
      list: call(events, "list", 0, 1),
      get: call(events, "get", 1, 1),
      explain: call(events, "explain", 0, 1),
    },
    variables: {
      // Their own checks take the owner, which is null for the workspace.
      list: call(variables, "list", 0, 1),
      get: call(variables, "get", 0, 2),
      set: call(variables, "set", 0, 3),
      remove: call(variables, "remove", 0, 2),
    },
    users: {
      createToken: call(users, "createToken", 1),
      revokeTokens: call(users, "revokeTokens", 1, 1),
      erase: call(users, "erase", 1, 1),
    },
    batches: {
      create: call(batches, "create", 2, 4),
      list: call(batches, "list", 0, 1),
      get: call(batches, "get", 1, 2),
      cancel: call(batches, "cancel", 1, 1),
    },
    functions: {
      list: call(functions, "list", 0, 1),
      call: call(functions, "call", 1, 3),
    },
    flows: {
      create: call(flows, "create", 0, 1),
      get: call(flows, "get", 1, 1),
      list: call(flows, "list", 0, 1),
      update: call(flows, "update", 1, 2),
      remove: call(flows, "remove", 1, 1),
      rotateHookSecret: call(flows, "rotateHookSecret", 1, 1),
      call: call(flows, "call", 1, 2),
      test: call(flows, "test", 1, 2),
    },
    runs: {
      list: call(runs, "list", 0, 1),
      listOf: call(runs, "listOf", 1, 2),
      get: call(runs, "get", 1, 1),
      replay: call(runs, "replay", 1, 2),
      cancel: call(runs, "cancel", 1, 1),
    },
    templates: {
      list: call(templates, "list", 0, 0),
      get: call(templates, "get", 1, 1),
      put: call(templates, "put", 0, 1),
      remove: call(templates, "remove", 1, 1),
      options: call(templates, "options", 2, 3),
      install: call(templates, "install", 1, 2),
      preview: call(templates, "preview", 1, 2),
      upgrade: call(templates, "upgrade", 1, 2),
    },
    syncs: {
      create: call(syncs, "create", 0, 1),
      preview: call(syncs, "preview", 0, 1),
      get: call(syncs, "get", 1, 1),
      list: call(syncs, "list", 0, 1),
      update: call(syncs, "update", 1, 2),
      remove: call(syncs, "remove", 1, 1),
      pause: call(syncs, "pause", 1, 1),
      resume: call(syncs, "resume", 1, 1),
      run: call(syncs, "run", 1, 1),
      links: call(syncs, "links", 1, 2),
      conflicts: call(syncs, "conflicts", 1, 2),
    },
  };
}

/** A service that may not be open yet, and what it is called in messages. */
interface Service<Methods> {
  name: keyof Library;
  open: () => Promise<Methods>;
}

const service = <Methods>(name: keyof Library, open: () => Promise<Methods>): Service<Methods> => ({ name, open });

/** One method of a service, with its arguments looked at first: how many ids come first, and where the scope stands. */
function call<Name extends string, Given extends unknown[], Result>(
  // Its arguments and result are those of the library's method, to which the service's is held.
  { name, open }: Service<NoInfer<Record<Name, (...given: Given) => Promise<Result>>>>,
  method: Name,
  ids: number,
  scopeAt?: number,
): (...given: Given) => Promise<Result> {
  return async (...given) => {
    assertArguments(`${name}.${method}`, ids, scopeAt, given);
    return (await open())[method](...given);
  };
}

function present<Found>(module: ModuleName, service: Found | undefined): Found {
  if (service !== undefined) return service;
  throw new HooklineError(
    "invalid_config",
    `The module "${module}" is left out of this runtime; add it to \`modules\``,
  );
}
