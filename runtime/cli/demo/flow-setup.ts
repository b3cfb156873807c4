import type { Option } from "../../act/options.ts";
import type { TemplateView } from "../../flows/model/templates.ts";
import type { Call } from "./api.ts";
import { firstPollEnds, matchingEnds } from "./first-poll.ts";
import { grantAccess } from "./person.ts";

export const USER = "demo";

/** What was made of the templates. */
export interface Installed {
  /** Connection by connector. */
  connections: ReadonlyMap<string, string>;
  /** Names of flows by id. */
  flows: ReadonlyMap<string, string>;
  /** Names of syncs by id. */
  syncs: ReadonlyMap<string, string>;
}

/** Connects the user with every vendor the templates need, installs them, and waits until changes are noticed. */
export async function installTemplates(
  call: Call,
  templates: readonly TemplateView[],
  preferred: Answers,
): Promise<Installed> {
  const connections = new Map<string, string>();
  for (const connector of new Set(templates.flatMap((template) => Object.values(template.connections)))) {
    const needs = templates.flatMap((template) =>
      Object.entries(template.connections).flatMap(([slot, name]) => (name === connector ? template.needs[slot]! : [])),
    );
    const { id, authorizeUrl } = await call<{ id: string; authorizeUrl: string }>("POST", "/v1/connections", {
      connector,
      user: USER,
      triggers: [...new Set(needs.flatMap(({ triggers }) => triggers))],
      actions: [...new Set(needs.flatMap(({ actions }) => actions))],
      scopes: [...new Set(needs.flatMap(({ scopes }) => scopes))],
    });
    await grantAccess(authorizeUrl);
    connections.set(connector, id);
  }
  const flows = new Map<string, string>();
  const syncs = new Map<string, string>();
  for (const template of templates) {
    const chosen = Object.fromEntries(
      Object.entries(template.connections).map(([slot, connector]) => [slot, connections.get(connector)!]),
    );
    const made = await call<{ id: string } | { sync: string }>("POST", `/v1/flow-templates/${template.id}/install`, {
      user: USER,
      connections: chosen,
      setup: await answer(call, template, chosen, preferred),
    });
    if ("sync" in made) syncs.set(made.sync, template.name);
    else flows.set(made.id, template.name);
  }
  const { data } = await call<{ data: { id: string }[] }>("GET", `/v1/subscriptions?user=${USER}&limit=100`);
  await Promise.all([
    ...data.map(({ id }) => firstPollEnds(call, id)),
    ...[...syncs.keys()].map((id) => matchingEnds(call, id)),
  ]);
  return { connections, flows, syncs };
}

/** By property of a form. */
type Answers = Record<string, unknown>;

interface Form {
  properties?: Record<string, { examples?: unknown[] }>;
  required?: string[];
}

/** Answers a template's form as somebody in a hurry would: what is preferred, the example, or what has to be chosen. */
async function answer(
  call: Call,
  template: TemplateView,
  connections: Record<string, string>,
  preferred: Answers,
): Promise<Answers> {
  const { properties = {}, required = [] } = (template.setup ?? {}) as Form;
  const answers: Answers = {};
  for (const [name, { examples = [] }] of Object.entries(properties)) {
    const known = preferred[name] ?? examples[0];
    if (known !== undefined) answers[name] = known;
    else if (required.includes(name)) {
      const input = encodeURIComponent(JSON.stringify({ connections, setup: answers }));
      const path = `/v1/flow-templates/${template.id}/options/${name}?input=${input}`;
      const { data } = await call<{ data: Option[] }>("GET", path);
      answers[name] = data[0]?.value;
    }
  }
  return answers;
}
