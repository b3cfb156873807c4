import { nearest, type Fault } from "../core/errors.ts";
import { isObject, joinPointer } from "../core/json.ts";
import type { LoadedManifest } from "./load.ts";
import { authenticationMethods, ruleContext, type RuleContext } from "./rules/context.ts";

/**
 * What a manifest without faults could do better, with file and pointer. It is no fault: manifests of the first version lack it,
 * and work.
 */
export function manifestAdvice({ manifest, locate }: LoadedManifest): Fault[] {
  const context = ruleContext(manifest, []);
  return [...withoutAccount(context), ...withoutSource(context)].map(({ pointer, message }) => {
    const origin = locate(pointer);
    return { ...(origin.file && { file: origin.file }), pointer: origin.pointer, message };
  });
}

function withoutAccount(context: RuleContext): Fault[] {
  return authenticationMethods(context).flatMap(({ value, pointer }) => {
    if (value.type !== "oauth2" || value.account) return [];
    const message =
      "has no account: a reconnect then rests on the label and on known records, and is refused without them; " +
      'say what proves the account, for example "account": {"sub": "$token.claims#/sub"}';
    return [{ pointer, message }];
  });
}

/** What every connection has. */
const ALWAYS = ["id", "user", "account"];
/** A value of the connection in an expression, in text, or in a path. */
const READ = /(?:\$|\{)connection\.([A-Za-z0-9_-]+)/g;

/** Values of the connection that are read and that nothing gives: they are empty in every request. */
function withoutSource({ manifest, ...context }: RuleContext): Fault[] {
  const given = [...ALWAYS];
  for (const { value } of authenticationMethods({ manifest, ...context })) {
    const method: object = value;
    const { connectionInput, capture, derive } = method as Record<string, unknown>;
    // What another form of schema lets people give is not known.
    if (connectionInput !== undefined && !isPlain(connectionInput)) return [];
    const properties = isPlain(connectionInput) ? connectionInput.properties : {};
    const values = isObject(derive) && isObject(derive.values) ? derive.values : {};
    given.push(...[properties, values, isObject(capture) ? capture : {}].flatMap((names) => Object.keys(names)));
  }
  return [...textsOf(manifest, "")].flatMap(([text, pointer]) => {
    const missing = [...text.matchAll(READ)].map(([, name]) => name!).filter((name) => !given.includes(name));
    return [...new Set(missing)].map((name) => {
      const near = nearest(name, given);
      const remedy = near ? `did you mean "${near}"?` : "declare it in connectionInput, or capture it";
      return {
        pointer,
        message: `reads "${name}" of the connection, which nothing gives, so it stays empty; ${remedy}`,
      };
    });
  });
}

function isPlain(schema: unknown): schema is { properties: Record<string, unknown> } {
  return (
    isObject(schema) && isObject(schema.properties) && !["$ref", "allOf", "anyOf", "oneOf"].some((key) => key in schema)
  );
}

function* textsOf(value: unknown, pointer: string): Generator<[text: string, pointer: string]> {
  if (typeof value === "string") yield [value, pointer];
  else if (typeof value === "object" && value !== null)
    for (const [key, inner] of Object.entries(value)) yield* textsOf(inner, joinPointer(pointer, key));
}
