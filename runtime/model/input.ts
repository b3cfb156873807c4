import { refuseFaults, type Fault } from "../core/errors.ts";
import { isObject, joinPointer, plainFault, plainJson, pointerTokens, type JsonSchema } from "../core/json.ts";
import { compileSchema } from "../manifest/validate.ts";
import { schemasOf, type Field, type Fields, type JsonOf } from "./field.ts";
import { object } from "./schema.ts";

/** What people may give: its JSON Schema, and the one check of it, whatever door it came through. */
export interface Input<Given> {
  readonly schema: JsonSchema;
  /** Every fault of a given value. */
  faults(given: unknown): Fault[];
  /**
   * The value as JSON, when it is what the schema says and every field's own rule holds.
   * @throws HooklineError `invalid_input` with every fault
   */
  check(given: unknown): Given;
}

export type InputOf<I> = I extends Input<infer Given> ? Given : never;

type Required<R> = { -readonly [Name in keyof R]: JsonOf<R[Name]> };
type Optional<O> = { -readonly [Name in keyof O]?: JsonOf<O[Name]> };

/**
 * Declares what may be given for a noun. `what` names it in messages: "endpoint". With `minProperties` 1, a change that
 * changes nothing is refused.
 */
export function input<const R extends Fields, const O extends Fields>(
  what: string,
  description: string,
  required: R,
  optional: O,
  limits: { minProperties?: number } = {},
): Input<Required<R> & Optional<O>> {
  const fields: Record<string, Field<never>> = { ...required, ...optional };
  const schema = { ...object(description, schemasOf(fields), Object.keys(optional)), ...limits };
  return declared(what, schema, (given, faults) =>
    Object.entries(fields).flatMap(([name, field]) => {
      const pointer = joinPointer("", name);
      const isFaulty = faults.some((fault) => fault.pointer === pointer || fault.pointer.startsWith(`${pointer}/`));
      if (field.check === undefined || isFaulty || !isObject(given) || given[name] === undefined) return [];
      return [...field.check(given[name])].map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
    }),
  );
}

/**
 * The same for a schema that is given as it is; its type is the caller's promise. `further` finds what the schema cannot
 * say, and is called only for values of the right form.
 */
export function checkedInput<Given>(
  what: string,
  schema: JsonSchema,
  further: (given: Given) => Iterable<Fault> = () => [],
): Input<Given> {
  return declared(what, schema, (given, faults) => (faults.length > 0 ? [] : further(given as Given)));
}

/**
 * Checks a value against what is stored as well, so that people see all faults at once. `look` finds those: it
 * gets the properties that are right in form, and can ask of any property whether it is wrong. What else it finds comes back.
 * @throws HooklineError `invalid_input` with every fault
 */
export async function checkBeside<Given, Beside>(
  what: string,
  input: Input<Given>,
  given: unknown,
  look: (
    sound: Partial<Given>,
    isFaulty: (property: keyof Given & string) => boolean,
  ) => Promise<{ faults: Iterable<Fault>; beside: Beside }>,
): Promise<{ given: Given; beside: Beside }> {
  const json = plain(what, given);
  const faults = input.faults(json);
  const faulty = new Set(faults.map(({ pointer }) => pointerTokens(pointer)[0]));
  const isFaulty = (property: string): boolean => faulty.has(property);
  const sound = Object.entries(isObject(json) ? json : {}).filter(([property]) => !isFaulty(property));
  const found = await look(Object.fromEntries(sound) as Partial<Given>, isFaulty);
  refuseFaults(what, inOrder([...faults, ...found.faults], json));
  return { given: json as Given, beside: found.beside };
}

/** `further`: what else is wrong with a value, beside the faults of its form. */
function declared<Given>(
  what: string,
  schema: JsonSchema,
  further: (json: unknown, faults: readonly Fault[]) => Iterable<Fault>,
): Input<Given> {
  const checkForm = compileSchema(schema);
  const faultsOf = (json: unknown): Fault[] => {
    const faults = checkForm(json);
    return inOrder([...faults, ...further(json, faults)], json);
  };
  return {
    schema,
    faults: (given = {}) => {
      const fault = plainFault(given);
      return fault === undefined ? faultsOf(plainJson(given)) : [fault];
    },
    check: (given) => {
      const json = plain(what, given);
      refuseFaults(what, faultsOf(json));
      return json as Given;
    },
  };
}

/** A value as JSON, once it is known that nothing is lost by that. */
function plain(what: string, given: unknown = {}): unknown {
  const fault = plainFault(given);
  if (fault !== undefined) refuseFaults(what, [fault]);
  return plainJson(given);
}

/** Faults in the order of the properties that were given; what is missing comes last. */
function inOrder(faults: Fault[], given: unknown): Fault[] {
  const places = new Map(Object.keys(isObject(given) ? given : {}).map((name, index) => [name, index]));
  const place = ({ pointer }: Fault): number => places.get(pointerTokens(pointer)[0] ?? "") ?? places.size;
  return [...Map.groupBy(faults, place)].toSorted(([a], [b]) => a - b).flatMap(([, some]) => some);
}
