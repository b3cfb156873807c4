import type { Actions } from "../act/act.ts";
import type { Option } from "../act/options.ts";
import type { Clock } from "../core/clock.ts";
import { formatFault, HooklineError, nearest, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import { findConnection } from "../model/connections.ts";
import type { Database } from "../store/database.ts";
import type { FlowOrigin } from "./model/flows.ts";
import { allTemplates, deleteTemplate, findTemplate, putTemplate } from "./model/templates.ts";
import type { Behind } from "./check.ts";
import { resolveConnection, WORKSPACE_USER, type ConnectionRef } from "../accounts/resolve.ts";
import { differences, type Difference } from "./difference.ts";
import type { ChangedFlow, FlowKeeper } from "./flows.ts";
import type { NewSync, SyncView } from "../sync/model/syncs.ts";
import { checkTemplate, fillSlots, flowOf, readSetup, type AnyTemplate, type SyncTemplate } from "./template.ts";

/** A template as it is shown. */
export type TemplateView = AnyTemplate & {
  /** Whether it comes with a connector, or is the workspace's own. */
  source: "connector" | "workspace";
};

/** What is chosen for a template. */
export interface Choices {
  /** Connection by slot; a slot left out takes the user's only connection of its connector. */
  connections?: Record<string, string>;
  /** Answers to the form; those left out are its defaults. */
  setup?: Record<string, unknown>;
}

export interface Install extends Choices {
  /** Whose flow it becomes; default whose connections were chosen. */
  user?: string;
  name?: string;
  /** Default true. */
  enabled?: boolean;
}

/** What an upgrade would change. */
export interface Upgrade {
  template: string;
  from: string;
  to: string;
  /** In the flow and in its answers; a change somebody made by hand is among them. */
  changes: Difference[];
}

/** Flow templates, and the flows made of them. With a user given, flows and connections of others do not exist. */
export interface Templates {
  list(): Promise<TemplateView[]>;
  /** @throws HooklineError `not_found` */
  get(id: string): Promise<TemplateView>;
  /** Adds one of the workspace's own, or a new version of it. Throws `invalid_input` with every fault, `conflict`. */
  put(template: unknown): Promise<TemplateView>;
  /** Flows made of it stay as they are. Throws `not_found`, `conflict` for one that comes with a connector. */
  remove(id: string): Promise<void>;
  /** The values a property of the form can have for the connection in its slot. Throws `not_found`, `invalid_input`. */
  options(id: string, property: string, choices: Choices, user?: string): Promise<Option[]>;
  /** Makes a flow, or the sync it is a template of. Throws `invalid_input` with every fault, `not_found`, `conflict`. */
  install(id: string, install: Install, user?: string): Promise<ChangedFlow | SyncView>;
  /** What an upgrade to the template's present version would change, with other choices if wanted. Throws `conflict`. */
  preview(flow: string, choices?: Choices, user?: string): Promise<Upgrade>;
  /** Makes the flow what its template is now; also the way to change answers and connections. Throws like `install`. */
  upgrade(flow: string, choices?: Choices, user?: string): Promise<ChangedFlow>;
}

export interface TemplatesOptions {
  db: Database;
  connectors: ReadonlyMap<string, Connector>;
  shipped: ReadonlyMap<string, AnyTemplate>;
  clock: Clock;
  flows: FlowKeeper;
  options: Actions["options"];
  createSync: (given: NewSync) => Promise<SyncView>;
}

export function createTemplates({
  db,
  connectors,
  shipped,
  clock,
  flows,
  options,
  createSync,
}: TemplatesOptions): Templates {
  const get = async (id: string): Promise<TemplateView> => {
    const ofConnector = shipped.get(id);
    if (ofConnector) return { ...ofConnector, source: "connector" };
    const row = await findTemplate(db, id);
    if (row) return { ...(JSON.parse(row.template) as AnyTemplate), source: "workspace" };
    const near = nearest(id, [...shipped.keys(), ...(await allTemplates(db)).map((one) => one.id)]);
    throw new HooklineError(
      "not_found",
      `There is no flow template "${id}"${near === undefined ? "" : `; did you mean "${near}"?`}`,
    );
  };

  /** The chosen connections, complete, and whose they are. */
  const choose = async (template: AnyTemplate, { connections = {} }: Choices, user: string | undefined) => {
    const faults: Fault[] = unknownSlots(template, connections);
    const chosen: Record<string, string> = {};
    let owner = user;
    for (const [slot, connector] of Object.entries(template.connections)) {
      const ref: ConnectionRef = connections[slot] ?? { connector };
      try {
        const asker = { owner: owner ?? null, user: owner ?? null, workspace: false };
        const row = await resolveConnection(db, ref, asker);
        if (row.connector !== connector) {
          throw new HooklineError(
            "conflict",
            `${row.id} is a connection of ${row.connector}; choose one of ${connector}`,
          );
        }
        chosen[slot] = row.id;
        owner ??= row.user;
      } catch (error) {
        if (!(error instanceof HooklineError)) throw error;
        faults.push({ pointer: `/connections/${slot}`, message: error.message });
      }
    }
    if (faults.length > 0) throw refused(template.id, faults);
    return { connections: chosen, user: owner! };
  };

  const instance = async (flow: string, choices: Choices, user: string | undefined) => {
    const before = await flows.find(db, flow, user);
    if (!before.origin)
      throw new HooklineError("conflict", `Flow ${flow} was not made of a template; change it itself`);
    const template = await get(before.origin.template);
    if ("sync" in template)
      throw new HooklineError("conflict", `Template ${template.id} has become one of a sync; install it anew`);
    const answers = { ...keptAnswers(template, before.setup ?? {}), ...choices.setup };
    const connections = { ...keptSlots(template, before.origin), ...choices.connections };
    const chosen = await choose(template, { connections }, before.user ?? undefined);
    const setup = readSetup(template, answers);
    const definition = { ...fillSlots(flowOf(template), chosen.connections), name: before.definition.name };
    const origin = { template: template.id, version: template.version, connections: chosen.connections };
    return { before, template, definition, setup, origin };
  };

  return {
    get,

    list: async () => [
      ...[...shipped.values()].map((template) => ({ ...template, source: "connector" as const })),
      ...(await allTemplates(db)).map(({ template }) => ({
        ...(JSON.parse(template) as AnyTemplate),
        source: "workspace" as const,
      })),
    ],

    put: async (given) => {
      const ofWorkspace = async (ref: string): Promise<Behind | undefined> => {
        const row = await findConnection(db, ref);
        const connector = row?.user === WORKSPACE_USER ? connectors.get(row.connector) : undefined;
        return connector && { connector, connection: row! };
      };
      const faults = await checkTemplate(given, connectors, ofWorkspace);
      if (faults.length > 0) throw refused(isObject(given) ? String(given["id"]) : "", faults);
      const template = given as AnyTemplate;
      if (shipped.has(template.id)) {
        throw new HooklineError("conflict", `Template ${template.id} comes with a connector; choose another id`);
      }
      const before = await findTemplate(db, template.id);
      const text = JSON.stringify(template);
      if (before && before.version === template.version && before.template !== text) {
        throw new HooklineError(
          "conflict",
          `Template ${template.id} ${template.version} is there with other content; raise its version`,
        );
      }
      const now = clock.now();
      await putTemplate(db, {
        id: template.id,
        version: template.version,
        template: text,
        createdAt: before?.createdAt ?? now,
        updatedAt: now,
      });
      return { ...template, source: "workspace" };
    },

    remove: async (id) => {
      if (shipped.has(id))
        throw new HooklineError("conflict", `Template ${id} comes with a connector; it cannot be removed`);
      if (!(await deleteTemplate(db, id))) await get(id);
    },

    options: async (id, property, choices, user) => {
      const template = await get(id);
      const source = dynamicValuesOf(template, property);
      const { [source.slot]: connector = "" } = template.connections;
      const ref = choices.connections?.[source.slot] ?? { connector };
      const row = await resolveConnection(db, ref, { owner: user ?? null, user: user ?? null, workspace: false });
      return options(row.id, source.target, source.property, choices.setup);
    },

    install: async (id, { user: named, name, enabled, ...choices }, by) => {
      const template = await get(id);
      const { connections, user } = await choose(template, choices, by ?? named);
      const setup = readSetup(template, choices.setup ?? {});
      if ("sync" in template) return createSync(syncOf(template, connections, setup));
      const flow = { ...fillSlots(flowOf(template), connections), ...(name !== undefined && { name }) };
      const origin = { template: id, version: template.version, connections };
      const given = { ...flow, user, ...(enabled !== undefined && { enabled }) };
      return flows.install(given, { origin, setup, form: template.setup });
    },

    preview: async (id, choices = {}, user) => {
      const { before, template, definition, setup } = await instance(id, choices, user);
      const changes = [
        ...differences(before.definition, definition),
        ...differences(before.setup ?? {}, setup, "/setup"),
      ];
      return { template: template.id, from: before.origin!.version, to: template.version, changes };
    },

    upgrade: async (id, choices = {}, user) => {
      const { before, template, definition, setup, origin } = await instance(id, choices, user);
      return flows.install(definition, { origin, setup, form: template.setup }, before);
    },
  };
}

/** Answers of these names take the place of what the template says. */
function syncOf(
  { sync }: SyncTemplate,
  connections: Record<string, string>,
  setup: Record<string, unknown>,
): NewSync {
  const chosen = Object.entries(setup).filter(([name]) => ["direction", "conflicts", "deletes"].includes(name));
  return { ...sync, ...Object.fromEntries(chosen), left: connections[sync.left]!, right: connections[sync.right]! };
}

/** Answers to questions that are not asked any more are dropped. */
function keptAnswers({ setup }: AnyTemplate, answers: Record<string, unknown>): Record<string, unknown> {
  const asked = isObject(setup?.["properties"]) ? setup["properties"] : {};
  return Object.fromEntries(Object.entries(answers).filter(([name]) => Object.hasOwn(asked, name)));
}

function keptSlots({ connections }: AnyTemplate, origin: FlowOrigin): Record<string, string> {
  return Object.fromEntries(Object.entries(origin.connections).filter(([slot]) => Object.hasOwn(connections, slot)));
}

function unknownSlots({ connections }: AnyTemplate, chosen: Record<string, string>): Fault[] {
  return Object.keys(chosen)
    .filter((slot) => !Object.hasOwn(connections, slot))
    .map((slot) => ({
      pointer: `/connections/${slot}`,
      message: `there is no such slot; there are: ${Object.keys(connections).join(", ")}`,
    }));
}

function dynamicValuesOf({ id, setup }: AnyTemplate, name: string): { slot: string; target: string; property: string } {
  const properties = isObject(setup?.["properties"]) ? setup["properties"] : {};
  const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
  const source = isObject(property) ? property["dynamicValues"] : undefined;
  if (isObject(source)) return source as { slot: string; target: string; property: string };
  throw new HooklineError("not_found", `Template ${id}: the form has no property "${name}" with dynamic values`);
}

function refused(id: string, faults: Fault[]): HooklineError {
  return new HooklineError("invalid_input", `Template ${id}: ${formatFault(faults[0]!)}`, { faults });
}
