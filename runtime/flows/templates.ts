import { isDeepStrictEqual } from "node:util";
import { resolveConnection } from "../accounts/resolve.ts";
import type { Actions } from "../act/act.ts";
import type { Option } from "../act/options.ts";
import { HooklineError, refuseFaults, unknownName, type Fault } from "../core/errors.ts";
import { isObject, joinPointer, ownValue } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import { findConnection } from "../model/connections.ts";
import type { Page } from "../model/page.ts";
import { assertAdmin, type Scope } from "../model/principal.ts";
import { newOwner, WORKSPACE_USER } from "../model/user.ts";
import type { NewSync, SyncView } from "../sync/model/syncs.ts";
import type { Syncs } from "../sync/syncs.ts";
import { attemptAsync, faultsIn } from "./attempt.ts";
import type { Resolved } from "./check-connection.ts";
import { differences } from "./difference.ts";
import type { ChangedFlow, FlowStore } from "./flows.ts";
import type { FlowOrigin } from "./model/flows.ts";
import {
  choices,
  flowTemplates,
  installation,
  type AnyTemplate,
  type Choices,
  type Installation,
  type SyncTemplate,
  type TemplateView,
  type Upgrade,
} from "./model/templates.ts";
import { needsOfSlots } from "./template-needs.ts";
import { checkTemplate, fillSlots, flowOf, questionsOf, readSetup, unknownSlot } from "./template.ts";

/** Flow templates, and the flows made from them. */
export interface Templates {
  /** Templates of the connectors first, then the workspace's own; all on one page. */
  list(scope?: Scope): Promise<Page<TemplateView>>;
  /** @throws HooklineError `not_found` */
  get(id: string, scope?: Scope): Promise<TemplateView>;
  /**
   * Adds one of the workspace's own, or a new version of it.
   * @throws HooklineError `forbidden` for a user, `invalid_input` with every fault, `conflict`
   */
  put(template: unknown, scope?: Scope): Promise<TemplateView>;
  /**
   * Removes one of the workspace's own. Flows made from it stay as they are.
   * @throws HooklineError `forbidden` for a user, `not_found`, `conflict` for one that comes with a connector
   */
  remove(id: string, scope?: Scope): Promise<void>;
  /**
   * The values that a property of the form can have for the connection in its slot, as the vendor lists them now.
   * @throws HooklineError `not_found`, `invalid_input`, `conflict`, and what listing them throws
   */
  options(id: string, property: string, given?: Choices, scope?: Scope): Promise<Option[]>;
  /**
   * Makes a flow, or the sync it is a template of.
   * @throws HooklineError `invalid_input` with every fault, `forbidden`, `not_found`, `conflict`
   */
  install(id: string, given?: Installation, scope?: Scope): Promise<ChangedFlow | SyncView>;
  /**
   * Shows what an upgrade to the template's present version would change, with other choices if wanted.
   * @throws HooklineError `not_found`, `invalid_input`, `conflict` for a flow that was not made from a template
   */
  preview(flow: string, given?: Choices, scope?: Scope): Promise<Upgrade>;
  /**
   * Makes the flow what its template is now; also the way to change answers and connections.
   * @throws HooklineError as `preview`
   */
  upgrade(flow: string, given?: Choices, scope?: Scope): Promise<ChangedFlow>;
}

interface Needs {
  /** Templates of the connectors, by id. */
  shipped: () => Promise<ReadonlyMap<string, AnyTemplate>>;
  flows: FlowStore;
  options: Actions["options"];
  /** Absent in a runtime without the sync module. */
  syncs: Pick<Syncs, "create"> | undefined;
}

/** Makes the service. */
export function createTemplates(
  { db, connectors, clock }: Pick<Context, "db" | "connectors" | "clock">,
  { shipped, flows, options, syncs }: Needs,
): Templates {
  const own = async (): Promise<AnyTemplate[]> =>
    (await flowTemplates.all(db, "order by id")).map(({ template }) => template);

  const view = async (template: AnyTemplate, source: TemplateView["source"]): Promise<TemplateView> => ({
    ...template,
    source,
    needs: await needsOfSlots(template, connectors),
  });

  const get = async (id: string): Promise<TemplateView> => {
    const ofConnectors = await shipped();
    const ofConnector = ofConnectors.get(id);
    if (ofConnector) return view(ofConnector, "connector");
    const ofWorkspace = await flowTemplates.find(db, id);
    if (ofWorkspace) return view(ofWorkspace.template, "workspace");
    const known = [...ofConnectors.keys(), ...(await own()).map((template) => template.id)];
    throw new HooklineError("not_found", unknownName("flow template", id, known));
  };

  /** The chosen connections, complete, and whose they are. */
  const choose = async (template: AnyTemplate, chosen: Record<string, string>, user: string | undefined) => {
    const faults: Fault[] = Object.keys(chosen)
      .filter((slot) => !Object.hasOwn(template.connections, slot))
      .map((slot) => ({
        pointer: joinPointer("/connections", slot),
        message: unknownSlot(slot, template.connections),
      }));
    const connections: Record<string, string> = {};
    let owner = user;
    for (const [slot, connector] of Object.entries(template.connections)) {
      const found = await attemptAsync(async () => {
        const asker = { owner: owner ?? null, user: owner ?? null, workspace: false };
        const row = await resolveConnection(db, ownValue(chosen, slot) ?? { connector }, asker);
        if (row.connector === connector) return row;
        const message = `${row.id} is a connection of ${row.connector}; choose one of ${connector}`;
        throw new HooklineError("conflict", message);
      });
      if ("error" in found) faults.push(...faultsIn(found.error, joinPointer("/connections", slot)));
      else {
        connections[slot] = found.value.id;
        owner ??= found.value.user;
      }
    }
    refuseFaults(`template ${template.id}`, faults);
    return { connections, user: owner! };
  };

  /** A flow, its template of today, and what would become of the flow. */
  const instance = async (flow: string, given: Choices, scope: Scope | undefined) => {
    const chosen = choices.check(given);
    const before = await flows.find(db, flow, scope);
    if (!before.origin) {
      throw new HooklineError("conflict", `Flow ${flow} was not made from a template; change the flow itself`);
    }
    const template = await get(before.origin.template);
    if ("sync" in template) {
      throw new HooklineError("conflict", `Template ${template.id} now makes a sync; install it again`);
    }
    const kept = keepOnly(before.origin.connections, template.connections);
    const { connections } = await choose(template, { ...kept, ...chosen.connections }, before.user ?? undefined);
    const setup = readSetup(template, { ...keepOnly(before.setup ?? {}, questionsOf(template)), ...chosen.setup });
    const definition = { ...fillSlots(flowOf(template), connections), name: before.definition.name };
    return { before, template, definition, setup, origin: originOf(template, connections) };
  };

  return {
    get,

    list: async () => {
      const ofConnectors = [...(await shipped()).values()].map((one) => view(one, "connector"));
      const ofWorkspace = (await own()).map((one) => view(one, "workspace"));
      return { data: await Promise.all([...ofConnectors, ...ofWorkspace]), nextCursor: null };
    },

    put: async (given, scope = {}) => {
      assertAdmin("putFlowTemplate", scope);
      const ofWorkspace = async (ref: string): Promise<Resolved | undefined> => {
        const connection = await findConnection(db, ref);
        const connector = connection?.user === WORKSPACE_USER ? connectors.get(connection.connector) : undefined;
        return connector && { connector, connection };
      };
      refuseFaults("flow template", await checkTemplate(given, connectors, ofWorkspace));
      const template = given as AnyTemplate;
      const { id, version } = template;
      if ((await shipped()).has(id)) {
        throw new HooklineError("conflict", `Template ${id} comes with a connector; choose another id`);
      }
      const before = await flowTemplates.find(db, id);
      if (before?.version === version && !isDeepStrictEqual(before.template, template)) {
        throw new HooklineError("conflict", `Template ${id} ${version} exists with other content; raise its version`);
      }
      const now = clock.now();
      await flowTemplates.save(db, { id, version, template, createdAt: now, updatedAt: now });
      return view(template, "workspace");
    },

    remove: async (id, scope = {}) => {
      assertAdmin("deleteFlowTemplate", scope);
      if ((await shipped()).has(id)) {
        throw new HooklineError("conflict", `Template ${id} comes with a connector; it cannot be removed`);
      }
      if (!(await flowTemplates.delete(db, id))) await get(id);
    },

    options: async (id, property, given = {}, scope = {}) => {
      const { connections, setup } = choices.check(given);
      const template = await get(id);
      const source = dynamicValuesOf(template, property);
      const connector = ownValue(template.connections, source.slot) ?? "";
      const asker = { owner: scope.user ?? null, user: scope.user ?? null, workspace: false };
      const row = await resolveConnection(db, ownValue(connections ?? {}, source.slot) ?? { connector }, asker);
      return options(row.id, source.target, source.property, setup);
    },

    install: async (id, given = {}, scope = {}) => {
      const { user: named, connections: chosen = {}, setup: answers = {}, ...ofFlow } = installation.check(given);
      const template = await get(id);
      if ("sync" in template) {
        const message = "belongs to a flow, and this template makes a sync; remove it";
        const unused = Object.keys(ofFlow).map((name) => ({ pointer: joinPointer("", name), message }));
        refuseFaults(`template ${id}`, unused);
      }
      const { connections, user } = await choose(template, chosen, newOwner(`template ${id}`, scope, named));
      const setup = readSetup(template, answers);
      if ("sync" in template) {
        if (syncs) return syncs.create(syncOf(template, connections, setup), scope);
        throw new HooklineError("conflict", `Template ${id} makes a sync; load the module "sync" to install it`);
      }
      const flow = { ...fillSlots(flowOf(template), connections), ...ofFlow, user };
      return flows.install(flow, { origin: originOf(template, connections), setup, form: template.setup });
    },

    preview: async (id, given = {}, scope) => {
      const { before, template, definition, setup } = await instance(id, given, scope);
      const changes = [
        ...differences(before.definition, definition),
        ...differences(before.setup ?? {}, setup, "/setup"),
      ];
      return { template: template.id, from: before.origin!.version, to: template.version, changes };
    },

    upgrade: async (id, given = {}, scope) => {
      const { before, template, definition, setup, origin } = await instance(id, given, scope);
      return flows.install(definition, { origin, setup, form: template.setup }, before);
    },
  };
}

function originOf({ id, version }: AnyTemplate, connections: Record<string, string>): FlowOrigin {
  return { template: id, version, connections };
}

/** Answers of these names take the place of what the template says. */
function syncOf({ sync }: SyncTemplate, connections: Record<string, string>, setup: Record<string, unknown>): NewSync {
  const chosen = Object.entries(setup).filter(([name]) => ["direction", "conflicts", "deletes"].includes(name));
  return { ...sync, ...Object.fromEntries(chosen), left: connections[sync.left]!, right: connections[sync.right]! };
}

/** Without what the template no longer asks for. */
function keepOnly<Value>(values: Record<string, Value>, asked: Record<string, unknown>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => Object.hasOwn(asked, name)));
}

function dynamicValuesOf(template: AnyTemplate, name: string): { slot: string; target: string; property: string } {
  const questions = questionsOf(template);
  const question = ownValue(questions, name);
  const source = isObject(question) ? question["dynamicValues"] : undefined;
  if (isObject(source)) return source as { slot: string; target: string; property: string };
  throw new HooklineError(
    "not_found",
    `Template ${template.id}: the form has no property "${name}" with dynamic values`,
  );
}
