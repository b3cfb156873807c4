import type { Trigger } from "../../../schemas/manifest.ts";
import { HooklineError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { CompiledStream } from "../compiled.ts";
import { compileStream, compileTrigger, type CompiledTrigger } from "../connector.ts";
import { literalsOf, pathsRead } from "../paths.ts";
import { Site } from "../site.ts";
import type { Rule } from "./context.ts";

/** A trigger fires for its own sample, in some circumstances: else for no record that anybody thought of. */
export const samplesFire: Rule = ({ streams, triggers }) =>
  triggers.flatMap(({ name, value, pointer }) => {
    const stream = streams.find((one) => one.name === value.stream);
    if (stream === undefined || value.sample === undefined) return [];
    try {
      const compiled = compileStream(stream.name, stream.value, new Site());
      const trigger = compileTrigger(name, value, new Site(), stream.value);
      const message = silence(compiled, value, value.sample) ?? refusal(compiled, trigger, value.sample);
      return message === undefined ? [] : [{ pointer: `${pointer}/sample`, message }];
    } catch (error) {
      // What does not compile has its own faults.
      if (error instanceof HooklineError) return [];
      throw error;
    }
  });

/** Why no change of such a record is one of the trigger's. */
function silence(stream: CompiledStream, { on }: Trigger, sample: unknown): string | undefined {
  const { primaryKey } = stream.definition.records;
  const place = [primaryKey].flat();
  if (!place[0]!.startsWith("$") && stream.key(sample) === undefined) {
    return `has no key, so it is passed over; give it a value at ${place.join(", ")}`;
  }
  if (on === "deleted" || on === "any") return undefined;
  if (stream.deleted?.(sample))
    return `is a deleted record by the stream's deleted, and ${name(on)} fires for none; give one that is there`;
  if (typeof on === "string" || !("added" in on)) return undefined;
  const watched = stream.watch?.(sample)[on.added];
  if (stream.watch === undefined || (Array.isArray(watched) && watched.length > 0)) return undefined;
  return `has nothing in the watch "${on.added}", so nothing is added by it; give it a member`;
}

function name(on: Trigger["on"]): string {
  return typeof on === "string" ? `"${on}"` : `"${Object.keys(on)[0]}"`;
}

/** Why the trigger's condition holds for the sample whatever else is the case: neither before, nor for any input. */
function refusal(
  stream: CompiledStream,
  { definition, where, on }: CompiledTrigger,
  sample: unknown,
): string | undefined {
  if (where === undefined) return undefined;
  const { paths } = pathsRead(definition.where!);
  const fixed = literalsOf(definition.where!);
  const asked = namesBelow("input", paths);
  // Of two inputs, one may have to suit the other; that is not tried out.
  const isOpen = asked.length > 1 && requiredOf(definition.input).some((input) => asked.includes(input));
  if (isOpen) return undefined;
  const resource = stream.resource?.map(sample) ?? { type: "record", id: stream.key(sample) };
  const inputs = [
    {},
    examplesOf(definition.input),
    ...[...fixed, ...leavesOf(sample)].map((value) => fill(asked, value)),
  ];
  const before = namesBelow("previous", paths);
  const previous = [
    {},
    stream.watch?.(sample) ?? {},
    ...fixed.flatMap((value) => [fill(before, value), fill(before, [value])]),
  ];
  const records = on === "deleted" ? [sample, null] : [sample];
  let problem = "";
  const holds = (scope: object): boolean => {
    try {
      return where({ ...scope });
    } catch (error) {
      problem = ` (${(error as Error).message})`;
      return false;
    }
  };
  const tried = records.flatMap((record) =>
    inputs.flatMap((input) => previous.map((old) => ({ record, resource, input, previous: old }))),
  );
  if (tried.some(holds)) return undefined;
  return `is refused by the trigger's own where${problem}; correct the where, or give a sample that it takes`;
}

const fill = (names: readonly string[], value: unknown): object => Object.fromEntries(names.map((one) => [one, value]));

/** The names that are read directly below a root. */
function namesBelow(root: string, paths: readonly (readonly string[])[]): string[] {
  return [...new Set(paths.flatMap(([first, second]) => (first === root && second !== undefined ? [second] : [])))];
}

function requiredOf(schema: unknown): readonly string[] {
  return isObject(schema) && Array.isArray(schema["required"]) ? (schema["required"] as string[]) : [];
}

function examplesOf(schema: unknown): object {
  const properties = isObject(schema) && isObject(schema["properties"]) ? schema["properties"] : {};
  return Object.fromEntries(
    Object.entries(properties).flatMap(([property, one]) => {
      const { examples, default: usual, enum: listed } = isObject(one) ? one : {};
      const example = [[usual], examples, listed]
        .flatMap((some) => (Array.isArray(some) ? (some as unknown[]) : []))
        .find((value) => value !== undefined);
      return example === undefined ? [] : [[property, example]];
    }),
  );
}

/** Most values of a sample that are tried as an input. */
const MOST_LEAVES = 200;

function leavesOf(value: unknown): unknown[] {
  const all = (part: unknown): unknown[] =>
    typeof part === "object" && part !== null ? Object.values(part).flatMap(all) : [part];
  return [...new Set(all(value))].slice(0, MOST_LEAVES);
}
