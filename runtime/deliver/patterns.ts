import { editDistance } from "../core/errors.ts";
import { isSameWord } from "../core/spelling.ts";
import { compilePatterns } from "../core/event-patterns.ts";
import type { Context } from "../engine/context.ts";
import { eventDataOf, operationalData } from "../manifest/event-types.ts";
import { anything, oneOf, type ValueType } from "../manifest/value-type.ts";
import { OPERATIONAL_TYPES } from "../model/operational.ts";

/**
 * What is wrong with an event pattern beside its form, or undefined: it must not nearly miss a type that the loaded
 * connectors or Hookline itself emit. A pattern of other types is allowed, because their connector may be loaded later;
 * since it matches nothing until then, it is logged.
 */
export function patternFault(
  { connectors, log }: Pick<Context, "connectors"> & { log: Pick<Context["log"], "warn"> },
  pattern: string,
): string | undefined {
  const types = new Set<string>(OPERATIONAL_TYPES);
  for (const { triggers } of connectors.values()) for (const { event } of triggers.values()) types.add(event);
  if (pattern === "*" || [...types].some(compilePatterns([pattern]))) return undefined;
  const near = nearMiss(pattern, types);
  if (near !== undefined) return `"${pattern}" matches no event of a loaded connector; did you mean "${near}"?`;
  log.warn({ pattern }, "no loaded connector has events of this pattern; it matches nothing until one has");
  return undefined;
}

/**
 * The data of all events that patterns match; anything where a pattern matches none that is known, for their connector may be
 * loaded later.
 */
export function dataOf({ connectors }: Pick<Context, "connectors">, patterns: readonly string[]): ValueType {
  const types = new Set<ValueType>();
  for (const pattern of patterns) {
    const matches = compilePatterns([pattern]);
    const streams = [...connectors.values()].flatMap(({ triggers, streams: all }) =>
      [...triggers.values()].filter(({ event }) => matches(event)).map(({ stream }) => all.get(stream)!),
    );
    const isOurs = OPERATIONAL_TYPES.some(matches);
    if (streams.length === 0 && (pattern === "*" || !isOurs)) return anything;
    if (isOurs) types.add(operationalData);
    for (const { definition } of new Set(streams)) types.add(eventDataOf(definition));
  }
  return oneOf([...types]);
}

/** The pattern of known types that somebody must have meant. */
function nearMiss(pattern: string, types: ReadonlySet<string>): string | undefined {
  const families = new Set<string>();
  for (const type of types) {
    const words = type.split(".");
    for (let length = 1; length < words.length; length++) families.add(words.slice(0, length).join("."));
  }
  const isFamily = pattern.endsWith(".*");
  const stem = pattern.replace(/\.\*$/, "");
  const exactly = stem.toLowerCase();
  if (types.has(exactly)) return exactly;
  if (families.has(exactly)) return `${exactly}.*`;

  const typed = stem.split(".");
  const near = [...(isFamily ? families : types)].filter((candidate) => {
    const known = candidate.split(".");
    const isNear = (word: string, index: number): boolean =>
      isSameWord(word, known[index]!) || (!isFamily && index === typed.length - 1 && isSlip(word, known[index]!));
    return known.length === typed.length && typed.every(isNear);
  });
  const [best] = near.sort((a, b) => editDistance(stem, a) - editDistance(stem, b));
  return best === undefined || !isFamily ? best : `${best}.*`;
}

/** Whether a change is a slip of the pen for another: the changes of one kind of thing are few, and unlike each other. */
function isSlip(typed: string, known: string): boolean {
  return editDistance(typed.toLowerCase(), known) <= (known.length >= 7 ? 2 : 1);
}
