import { scopesToAsk, type NeededScope } from "../accounts/scopes.ts";
import { findDynamicValues } from "../act/options.ts";
import { isObject } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import { attempt } from "./attempt.ts";
import type { AnyTemplate, SlotNeeds, SyncTemplate } from "./model/templates.ts";
import { questionsOf } from "./template.ts";

/**
 * What the connection of each slot has to be good for, in the words in which a connection is asked for it. A slot whose
 * connector is not loaded needs nothing, and what a connector does not have any more is left out.
 */
export async function needsOfSlots(
  template: AnyTemplate,
  connectors: ReadonlyMap<string, Connector>,
): Promise<Record<string, SlotNeeds>> {
  const slots = Object.entries(template.connections).map(async ([slot, name]) => {
    const connector = connectors.get(name);
    return [slot, connector ? await needsOf(template, slot, connector) : NOTHING] as const;
  });
  return Object.fromEntries(await Promise.all(slots));
}

const NOTHING: SlotNeeds = { triggers: [], actions: [], scopes: [] };

async function needsOf(template: AnyTemplate, slot: string, connector: Connector): Promise<SlotNeeds> {
  const used =
    "sync" in template
      ? await ofSync(template, slot, connector)
      : {
          triggers: template.triggers.flatMap((one) =>
            "trigger" in one && one.connection === slot ? one.trigger : [],
          ),
          actions: template.steps.flatMap(({ connection, action }) => (connection === slot ? (action ?? []) : [])),
        };
  const choices = choicesOf(template, slot, connector);
  const triggers = [...new Set(used.triggers)];
  const actions = [...new Set([...used.actions, ...choices.actions])];
  const { streams } = connector;
  const named = [
    ...triggers.flatMap((name) => streams.get(connector.triggers.get(name)?.stream ?? "")?.scopes ?? []),
    ...actions.flatMap((name) => connector.actions.get(name)?.scopes ?? []),
  ];
  return { triggers, actions, scopes: scopesToAsk(choices.scopes, scopesToAsk(named, [])) };
}

/** A sync reads and writes in both directions unless the template says otherwise. */
async function ofSync(
  { sync }: SyncTemplate,
  slot: string,
  connector: Connector,
): Promise<Pick<SlotNeeds, "triggers" | "actions">> {
  if (!connector.resources.has(sync.resource)) return NOTHING;
  const { triggersOf, writesOf } = await import("../sync/check.ts");
  const side = sync.left === slot ? "left" : "right";
  const whole = { direction: "both", deletes: "propagate", ...sync } as const;
  return {
    triggers: triggersOf(connector, sync.resource).map(({ name }) => name),
    actions: writesOf(whole, side, connector).map(({ name }) => name),
  };
}

/** What the form of a template looks up with the connection, so that a person can choose. */
function choicesOf(
  template: AnyTemplate,
  slot: string,
  connector: Connector,
): { actions: string[]; scopes: readonly NeededScope[] } {
  const sources = Object.values(questionsOf(template)).flatMap((question) => {
    const asked = isObject(question) ? question["dynamicValues"] : undefined;
    if (!isObject(asked) || asked["slot"] !== slot) return [];
    // A manifest may have changed since the template was checked.
    const found = attempt(() => findDynamicValues(connector, String(asked["target"]), String(asked["property"])));
    return "error" in found ? [] : [found.value];
  });
  return {
    actions: sources.flatMap(({ action }) => action ?? []),
    scopes: sources.flatMap(({ stream }) => connector.streams.get(stream ?? "")?.scopes ?? []),
  };
}
