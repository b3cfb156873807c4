import type { Fault } from "../core/errors.ts";
import type { JsonSchema } from "../core/json.ts";
import { isoTime } from "../core/time.ts";
import type { SqlValue } from "../store/database.ts";
import * as schema from "./schema.ts";

/** The value in a column: unchanged, or converted. */
type Codec = { write?(value: never): SqlValue; read?(value: never): unknown };

/**
 * One property of a noun, said once: how it is stored, what it is in code (`Value`), and what it is in JSON (`Json`), as
 * people give and see it. A hidden field is stored and never shown.
 */
export interface Field<Value = unknown, Json = unknown, Hidden extends boolean = boolean> {
  /** Name of the column; default the property's name in snake case. */
  readonly column?: string;
  readonly codec: Codec;
  /** JSON Schema of the value as it is given and shown. */
  readonly schema: JsonSchema;
  readonly nullable: boolean;
  readonly hidden: Hidden;
  /** Whether it keeps its first value when the record is saved again. */
  readonly fixed: boolean;
  /** Set for what is encrypted, and bound to its row and user. */
  readonly sealed?: SealMark;
  /** What JSON Schema cannot say of a given value. Called only for values of the right form. */
  check?(value: Json): Iterable<Fault>;
  /** From code to JSON. */
  readonly show: (value: Value) => Json;
}

/** Why a field is sealed. */
export interface SealMark {
  /** secret: who knows it can act with it. personal: it is data of a person. */
  readonly kind: "secret" | "personal";
  /** Under which name it is bound to its column; default the column's. */
  readonly as?: string | undefined;
}

export type Fields = Record<string, Field<never>>;

/** JSON Schemas of fields, by property. */
export function schemasOf(fields: Fields): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema]));
}

export type ValueOf<F> = F extends { show: (value: infer Value) => unknown } ? Value : never;
export type JsonOf<F> = F extends { show: (value: never) => infer Json } ? Json : never;

interface Options {
  /** Where the column has another name than the property in snake case. */
  column?: string;
  example?: unknown;
  /** Further keywords of its JSON Schema. */
  schema?: JsonSchema;
}

const plain: Codec = {};
const json: Codec = { write: (value) => JSON.stringify(value), read: (value) => JSON.parse(value) as unknown };
const truth: Codec = { write: (value) => (value ? 1 : 0), read: (value) => value === 1 };

function field<Value, Json>(
  codec: Codec,
  described: JsonSchema,
  { column, example, schema: further }: Options,
  show: (value: Value) => Json,
): Field<Value, Json, false> {
  const examples = example === undefined ? {} : { examples: [example] };
  return {
    column,
    codec,
    schema: { ...described, ...further, ...examples },
    nullable: false,
    hidden: false,
    fixed: false,
    show,
  };
}

const same = <Value>(value: Value): Value => value;

/** Text of a form that its JSON Schema says. */
export const formed = (described: JsonSchema): Field<string, string, false> =>
  field(plain, described, {}, same<string>);

/** Text of any length. */
export const text = (description: string, options: Options = {}): Field<string, string, false> =>
  field(plain, schema.text(description), options, same<string>);

/** Text of 1 to 255 characters: a name or an id that people give. */
export const name = (description: string, options: Options = {}): Field<string, string, false> =>
  field(plain, schema.name(description), options, same<string>);

/** One of several texts. */
export const oneOf = <const Choice extends string>(
  choices: readonly Choice[],
  description: string,
  options: Options = {},
): Field<Choice, Choice, false> => field(plain, schema.oneOf(choices, description), options, same<Choice>);

/** A number that is not whole, or may be negative. */
export const number = (description: string, options: Options = {}): Field<number, number, false> =>
  field(plain, { type: "number", description }, options, same<number>);

/** A whole number from 0. */
export const count = (description: string, options: Options = {}): Field<number, number, false> =>
  field(plain, schema.count(description), options, same<number>);

/** True or false. */
export const flag = (description: string, options: Options = {}): Field<boolean, boolean, false> =>
  field(truth, { type: "boolean", description }, options, same<boolean>);

/** Milliseconds since the epoch in code and store, RFC 3339 in JSON. */
export const time = (description: string, options: Options = {}): Field<number, string, false> => ({
  ...field<number, string>(plain, schema.time(description), options, isoTime),
  check: timeFaults,
});

/** RFC 3339 has times that no clock of ours shows: a leap second. */
function timeFaults(given: string): Fault[] {
  if (!Number.isNaN(Date.parse(given))) return [];
  return [{ pointer: "", message: "is not a time that can be read; write one such as 2026-11-21T22:00:00Z" }];
}

/** Anything JSON can say, stored as text. Its type is the caller's promise, which `described` has to keep. */
export const value = <Value>(described: JsonSchema, options: Options = {}): Field<Value, Value, false> =>
  field(json, described, options, same<Value>);

/** JSON that is kept as the text it arrived as, byte for byte, and parsed only to be shown. */
export const jsonText = <Json>(described: JsonSchema, options: Options = {}): Field<string, Json, false> =>
  field<string, Json>(plain, described, options, (text) => JSON.parse(text) as Json);

/** Bytes, sealed ones above all: never shown. */
export const bytes = (description: string, options: Options = {}): Field<Uint8Array, never, true> => ({
  ...field<Uint8Array, never>(plain, { description }, options, () => {
    throw new TypeError("Bytes are never shown.");
  }),
  hidden: true,
});

/** Sealed bytes of a kind; {@link Table.placeOf} says to what they are bound. Never shown. */
export const sealed = (
  kind: SealMark["kind"],
  description: string,
  as?: string,
): Field<Uint8Array, never, true> & { sealed: SealMark } => ({ ...bytes(description), sealed: { kind, as } });

/** The same in a column of text that an earlier version wrote as it is; see {@link sealText}. */
export const sealedText = (
  kind: SealMark["kind"],
  description: string,
  options: Options = {},
): Field<string, never, true> & { sealed: SealMark } => ({
  ...(hidden(text(description, options)) as unknown as Field<string, never, true>),
  sealed: { kind },
});

/** The same field, which may be null. */
export function nullable<Value, Json, Hidden extends boolean>(
  of: Field<Value, Json, Hidden>,
): Field<Value | null, Json | null, Hidden> {
  const { check, ...rest } = of;
  return {
    ...rest,
    nullable: true,
    schema: schema.nullable(of.schema),
    show: (given) => (given === null ? null : of.show(given)),
    ...(check && { check: (given: Json | null) => (given === null ? [] : check(given)) }),
  };
}

/** The same field, stored and never shown. */
export function hidden<Value, Json>(of: Field<Value, Json>): Field<Value, Json, true> {
  return { ...of, hidden: true };
}

/** The same field, which keeps its first value when its record is saved again. */
export function fixed<F extends Field<never>>(of: F): F {
  return { ...of, fixed: true };
}

/** The same field with a further rule about what may be given. */
export function checked<Value, Json, Hidden extends boolean>(
  of: Field<Value, Json, Hidden>,
  check: (value: Json) => Iterable<Fault>,
): Field<Value, Json, Hidden> {
  return { ...of, check };
}
