import type { CompiledTrigger, Connector } from "../manifest/connector.ts";

/**
 * The triggers that tell of every change of a resource: one that tells of all on its stream, or those that share them out;
 * and one of another stream of the same resource, where its own does not tell of deletions.
 */
export function triggersOf(connector: Connector, resource: string): CompiledTrigger[] {
  const { stream } = connector.resources.get(resource)!.definition;
  const usable = [...connector.triggers.values()].filter(
    ({ definition, on }) =>
      typeof on === "string" && ((definition.input?.["required"] ?? []) as unknown[]).length === 0,
  );
  const own = usable.filter((trigger) => trigger.stream === stream);
  const all = own.find(({ on, where }) => on === "any" && where === undefined);
  const type = connector.streams.get(stream)?.resource?.type;
  const elsewhere = usable.find(
    (trigger) =>
      trigger.on === "deleted" &&
      trigger.stream !== stream &&
      connector.streams.get(trigger.stream)?.resource?.type === type,
  );
  const ownDeletes = own.some(({ on }) => on === "deleted");
  return [...(all ? [all] : own), ...(elsewhere && !ownDeletes ? [elsewhere] : [])];
}
