import { described, listOf, oneOf, anything, type ValueType } from "./value-type.ts";

/** What a function of expressions takes, argument by argument (anything, where undefined), and what it gives. */
interface FunctionType {
  takes: readonly (readonly string[] | undefined)[];
  gives: (args: readonly ValueType[]) => ValueType;
}

const [STRING, NUMBER, ARRAY, OBJECT] = [["string"], ["number"], ["array"], ["object"]];
const always = (schema: object) => (): ValueType => described(schema);
const [text, number, truth, object] = ["string", "number", "boolean", "object"].map((type) => always({ type }));
const count = always({ type: "number", minimum: 0 });
const texts = always({ type: "array", items: { type: "string" } });
const list = always({ type: "array" });
const same = ([first = anything]: readonly ValueType[]): ValueType => first;
const any = (): ValueType => anything;

const fn = (gives: FunctionType["gives"] | undefined, ...takes: FunctionType["takes"]): FunctionType => ({
  takes,
  gives: gives ?? any,
});

/** The functions of expressions, by name (jmespath.site/main, and our own). */
export const FUNCTION_TYPES: Readonly<Record<string, FunctionType>> = {
  abs: fn(number, NUMBER),
  avg: fn(number, ARRAY),
  ceil: fn(number, NUMBER),
  contains: fn(truth, ["string", "array"]),
  ends_with: fn(truth, STRING, STRING),
  find_first: fn(number, STRING, STRING),
  find_last: fn(number, STRING, STRING),
  floor: fn(number, NUMBER),
  from_items: fn(object, ARRAY),
  group_by: fn(object, ARRAY),
  items: fn(list, OBJECT),
  join: fn(text, STRING, ARRAY),
  keys: fn(texts, OBJECT),
  length: fn(count, ["string", "array", "object"]),
  lower: fn(text, STRING),
  map: fn(([mapped = anything]) => listOf(mapped), undefined, ARRAY),
  max: fn(any, ARRAY),
  max_by: fn(any, ARRAY),
  merge: fn(object, OBJECT, OBJECT),
  min: fn(any, ARRAY),
  min_by: fn(any, ARRAY),
  not_null: fn(oneOf),
  pad_left: fn(text, STRING, NUMBER),
  pad_right: fn(text, STRING, NUMBER),
  replace: fn(text, STRING, STRING, STRING),
  reverse: fn(same, ["string", "array"]),
  rfc3339: fn(text, ["string", "number"]),
  sort: fn(same, ARRAY),
  sort_by: fn(same, ARRAY),
  split: fn(texts, STRING, STRING),
  starts_with: fn(truth, STRING, STRING),
  sum: fn(number, ARRAY),
  to_array: fn(list),
  to_number: fn(number),
  to_string: fn(text),
  trim: fn(text, STRING),
  trim_left: fn(text, STRING),
  trim_right: fn(text, STRING),
  type: fn(always({ enum: ["array", "boolean", "null", "number", "object", "string"] })),
  upper: fn(text, STRING),
  values: fn(list, OBJECT),
  zip: fn(list, ARRAY, ARRAY),
};
