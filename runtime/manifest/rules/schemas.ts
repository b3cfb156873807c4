import { below, type Fault } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import { checkSchema, compileSchema } from "../validate.ts";
import { schemasOf, type Rule } from "./context.ts";

/** Every JSON Schema is one, with patterns that RE2 knows. */
export const schemasCompile: Rule = (context) =>
  schemasOf(context).flatMap(({ schema, pointer }) => below(pointer, checkSchema(schema)));

/** Inputs of actions refuse unknown properties. */
export const inputsRefuseUnknown: Rule = ({ actions }) =>
  actions.flatMap(({ value: { input }, pointer }) => {
    const open =
      isObject(input?.["properties"]) &&
      input["additionalProperties"] !== false &&
      input["unevaluatedProperties"] !== false;
    return open
      ? [{ pointer: `${pointer}/input`, message: 'lets unknown properties pass; add "additionalProperties": false' }]
      : [];
  });

/** Samples are what their schemas describe. */
export const samplesValidate: Rule = ({ streams, triggers, actions }) => [
  ...triggers.flatMap(({ value, pointer }) => {
    const stream = streams.find(({ name }) => name === value.stream);
    return check(stream?.value.schema, value.sample, `${pointer}/sample`);
  }),
  ...actions.flatMap(({ value: { input, output, sample }, pointer }) => [
    ...check(input, sample?.input, `${pointer}/sample/input`),
    ...check(output, sample?.output, `${pointer}/sample/output`),
  ]),
];

function check(schema: object | undefined, sample: unknown, pointer: string): Fault[] {
  if (!schema || sample === undefined || checkSchema(schema).length > 0) return [];
  return below(pointer, compileSchema(schema)(sample));
}
