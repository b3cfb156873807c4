import type { Getter } from "./expressions.ts";
import type { ResponseParts } from "./targets.ts";

/** An expression of an answer as a function of it. */
export function ofResponse(get: Getter): (response: ResponseParts) => unknown {
  return (response) => get({ response });
}

/** A part compiled under each name. */
export function mapValues<In, Out>(
  values: Record<string, In> | undefined,
  convert: (name: string, value: In) => Out,
): Map<string, Out> {
  return new Map(Object.entries(values ?? {}).map(([name, value]) => [name, convert(name, value)]));
}
