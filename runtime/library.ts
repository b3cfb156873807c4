import type { Accounts } from "./accounts/accounts.ts";
import type { Variables } from "./accounts/variables.ts";
import type { ConnectionView } from "./model/connections.ts";
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
import { assertArguments, type Arguments } from "./library-arguments.ts";
import type { ModuleName } from "./modules.ts";
import type { Subscriptions } from "./poll/subscriptions.ts";
import type { Syncs } from "./sync/syncs.ts";

/** A connection one can act through. */
export interface ConnectionHandle extends ConnectionView {
  warnings: string[];
  /** Runs an action and gives its output. @throws HooklineError like {@link Actions.run} */
  run(action: string, input?: unknown, options?: Parameters<Actions["run"]>[3]): Promise<unknown>;
}

export interface Connections extends Pick<Accounts, "create" | "list" | "update" | "remove" | "test" | "reconnect"> {
  /** @throws HooklineError `not_found` */
  get(...given: Parameters<Accounts["get"]>): Promise<ConnectionHandle>;
  runAction: Actions["run"];
}

/** What a host calls: the services that HTTP calls, with the same checks, errors and shapes. */
export interface Library {
  readonly connections: Connections;
  readonly subscriptions: Subscriptions;
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly events: Events;
  readonly variables: Pick<Variables, "list" | "get" | "set" | "remove">;
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
 * The library of a runtime whose store may not be open yet: each call waits until it is. A service of a module that was left
 * out answers `invalid_config`.
 */
export function createLibrary(open: () => Promise<Composed>): Library {
  const accounts = async () => (await open()).accounts;
  const actions = async () => present("act", (await open()).actions);
  const subscriptions = async () => (await open()).subscriptions;
  const endpoints = async () => (await open()).endpoints;
  const events = async () => (await open()).events;
  const deliveries = async () => (await open()).deliveries;
  const variables = async () => (await open()).variables;
  const batches = async () => present("act", (await open()).batches);
  const functions = async () => present("act", (await open()).functions);
  const flows = async () => present("flows", (await open()).flows);
  const runs = async () => present("flows", (await open()).runs);
  const templates = async () => present("flows", (await open()).templates);
  const syncs = async () => present("sync", (await open()).syncs);
  return guarded({
    connections: {
      create: async (...given) => (await accounts()).create(...given),
      list: async (...given) => (await accounts()).list(...given),
      update: async (...given) => (await accounts()).update(...given),
      remove: async (...given) => (await accounts()).remove(...given),
      test: async (...given) => (await accounts()).test(...given),
      reconnect: async (...given) => (await accounts()).reconnect(...given),
      runAction: async (...given) => (await actions()).run(...given),
      get: async (id, ...given) => {
        const view = await (await accounts()).get(id, ...given);
        return { ...view, run: async (...action) => (await (await actions()).run(id, ...action)).output };
      },
    },
    subscriptions: {
      create: async (...given) => (await subscriptions()).create(...given),
      get: async (...given) => (await subscriptions()).get(...given),
      list: async (...given) => (await subscriptions()).list(...given),
      update: async (...given) => (await subscriptions()).update(...given),
      remove: async (...given) => (await subscriptions()).remove(...given),
      pause: async (...given) => (await subscriptions()).pause(...given),
      resume: async (...given) => (await subscriptions()).resume(...given),
      poll: async (...given) => (await subscriptions()).poll(...given),
      health: async (...given) => (await subscriptions()).health(...given),
    },
    endpoints: {
      create: async (...given) => (await endpoints()).create(...given),
      get: async (...given) => (await endpoints()).get(...given),
      list: async (...given) => (await endpoints()).list(...given),
      update: async (...given) => (await endpoints()).update(...given),
      remove: async (...given) => (await endpoints()).remove(...given),
      rotateSecret: async (...given) => (await endpoints()).rotateSecret(...given),
      test: async (...given) => (await endpoints()).test(...given),
      recover: async (...given) => (await endpoints()).recover(...given),
      stats: async (...given) => (await endpoints()).stats(...given),
    },
    deliveries: {
      list: async (...given) => (await deliveries()).list(...given),
      get: async (...given) => (await deliveries()).get(...given),
      retry: async (...given) => (await deliveries()).retry(...given),
    },
    events: {
      list: async (...given) => (await events()).list(...given),
      get: async (...given) => (await events()).get(...given),
      explain: async (...given) => (await events()).explain(...given),
    },
    variables: {
      list: async (...given) => (await variables()).list(...given),
      get: async (...given) => (await variables()).get(...given),
      set: async (...given) => (await variables()).set(...given),
      remove: async (...given) => (await variables()).remove(...given),
    },
    batches: {
      create: async (...given) => (await batches()).create(...given),
      list: async (...given) => (await batches()).list(...given),
      get: async (...given) => (await batches()).get(...given),
      cancel: async (...given) => (await batches()).cancel(...given),
    },
    functions: {
      list: async (...given) => (await functions()).list(...given),
      call: async (...given) => (await functions()).call(...given),
    },
    flows: {
      create: async (...given) => (await flows()).create(...given),
      get: async (...given) => (await flows()).get(...given),
      list: async (...given) => (await flows()).list(...given),
      update: async (...given) => (await flows()).update(...given),
      remove: async (...given) => (await flows()).remove(...given),
      rotateHookSecret: async (...given) => (await flows()).rotateHookSecret(...given),
      call: async (...given) => (await flows()).call(...given),
      test: async (...given) => (await flows()).test(...given),
    },
    runs: {
      list: async (...given) => (await runs()).list(...given),
      listOf: async (...given) => (await runs()).listOf(...given),
      get: async (...given) => (await runs()).get(...given),
      replay: async (...given) => (await runs()).replay(...given),
      cancel: async (...given) => (await runs()).cancel(...given),
    },
    templates: {
      list: async (...given) => (await templates()).list(...given),
      get: async (...given) => (await templates()).get(...given),
      put: async (...given) => (await templates()).put(...given),
      remove: async (...given) => (await templates()).remove(...given),
      options: async (...given) => (await templates()).options(...given),
      install: async (...given) => (await templates()).install(...given),
      preview: async (...given) => (await templates()).preview(...given),
      upgrade: async (...given) => (await templates()).upgrade(...given),
    },
    syncs: {
      create: async (...given) => (await syncs()).create(...given),
      preview: async (...given) => (await syncs()).preview(...given),
      get: async (...given) => (await syncs()).get(...given),
      list: async (...given) => (await syncs()).list(...given),
      update: async (...given) => (await syncs()).update(...given),
      remove: async (...given) => (await syncs()).remove(...given),
      pause: async (...given) => (await syncs()).pause(...given),
      resume: async (...given) => (await syncs()).resume(...given),
      run: async (...given) => (await syncs()).run(...given),
      links: async (...given) => (await syncs()).links(...given),
      conflicts: async (...given) => (await syncs()).conflicts(...given),
    },
  });
}

function present<Service>(module: ModuleName, service: Service | undefined): Service {
  if (service !== undefined) return service;
  throw new HooklineError(
    "invalid_config",
    `The module "${module}" is left out of this runtime; add it to \`modules\``,
  );
}

/** What each call is given: how many ids, and where the scope stands. */
const ARGUMENTS: { [Service in keyof Library]: Record<keyof Library[Service], Arguments> } = {
  connections: {
    create: [0, 1],
    list: [0, 1],
    update: [1, 2],
    remove: [1, 1],
    test: [1, 1],
    reconnect: [1, 2],
    runAction: [2, 4],
    get: [1, 1],
  },
  subscriptions: {
    create: [0, 1],
    get: [1, 1],
    list: [0, 1],
    update: [1, 2],
    remove: [1, 1],
    pause: [1, 1],
    resume: [1, 1],
    poll: [1, 1],
    health: [1, 1],
  },
  endpoints: {
    create: [0, 1],
    get: [1, 1],
    list: [0, 1],
    update: [1, 2],
    remove: [1, 1],
    rotateSecret: [1, 1],
    test: [1, 1],
    recover: [1, 2],
    stats: [1, 1],
  },
  deliveries: { list: [0, 1], get: [1, 1], retry: [1, 1] },
  events: { list: [0, 1], get: [1, 1], explain: [0, 1] },
  // Their own checks take the owner, which is null for the workspace.
  variables: { list: [0, 1], get: [0, 2], set: [0, 3], remove: [0, 2] },
  batches: { create: [2, 4], list: [0, 1], get: [1, 2], cancel: [1, 1] },
  functions: { list: [0, 1], call: [1, 3] },
  flows: {
    create: [0, 1],
    get: [1, 1],
    list: [0, 1],
    update: [1, 2],
    remove: [1, 1],
    rotateHookSecret: [1, 1],
    call: [1, 2],
    test: [1, 2],
  },
  runs: { list: [0, 1], listOf: [1, 2], get: [1, 1], replay: [1, 2], cancel: [1, 1] },
  templates: {
    list: [0, 0],
    get: [1, 1],
    put: [0, 1],
    remove: [1, 1],
    options: [2, 3],
    install: [1, 2],
    preview: [1, 2],
    upgrade: [1, 2],
  },
  syncs: {
    create: [0, 1],
    preview: [0, 1],
    get: [1, 1],
    list: [0, 1],
    update: [1, 2],
    remove: [1, 1],
    pause: [1, 1],
    resume: [1, 1],
    run: [1, 1],
    links: [1, 2],
    conflicts: [1, 2],
  },
};

/** The same services, which look at their arguments first. */
function guarded(library: Library): Library {
  const services = Object.entries(ARGUMENTS).map(([service, methods]) => {
    const given = library[service as keyof Library] as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    const checked = Object.entries(methods).map(([name, shape]: [string, Arguments]) => {
      const call = async (...args: unknown[]): Promise<unknown> => {
        assertArguments(`${service}.${name}`, shape, args);
        return given[name]!(...args);
      };
      return [name, call];
    });
    return [service, Object.fromEntries(checked)];
  });
  return Object.fromEntries(services) as Library;
}
