import type { Action, Manifest, Resource, Stream, Trigger } from "../../../schemas/manifest.ts";
import { nearest, type Fault } from "../../core/errors.ts";
import { isObject, joinPointer } from "../../core/json.ts";
import { compileAuthentication } from "../compile-authentication.ts";
import {
  compileAction,
  compileErrorMatcher,
  compileResource,
  compileServerHeaders,
  compileStream,
  compileTrigger,
} from "../connector.ts";
import { Site, type Findings } from "../site.ts";

/** One entry of a section, with its key and pointer. */
export interface Entry<T> {
  name: string;
  value: T;
  pointer: string;
}

/** What rules look at: only parts that JSON Schema found no fault in, so a rule can rely on their form. */
export interface RuleContext {
  /** As written; only names may be taken from it. */
  manifest: Manifest;
  streams: Entry<Stream>[];
  triggers: Entry<Trigger>[];
  actions: Entry<Action>[];
  resources: Entry<Resource>[];
  /** A top-level part when it has the right form. */
  sound<Key extends keyof Manifest>(key: Key): Manifest[Key] | undefined;
  /** What compiling these parts has found. */
  findings: Findings;
}

/** One thing JSON Schema cannot say. Pointers lead into the bundled manifest. */
export type Rule = (context: RuleContext) => Fault[];

/** What the rules of a manifest read: its sections, without parts that the schema refused. */
export function ruleContext(manifest: Manifest, schemaFaults: readonly Fault[]): RuleContext {
  const isSound = (pointer: string) =>
    !schemaFaults.some((fault) => fault.pointer === pointer || fault.pointer.startsWith(`${pointer}/`));
  const section = <T>(key: "streams" | "triggers" | "actions" | "resources"): Entry<T>[] =>
    Object.entries((manifest[key] ?? {}) as Record<string, T>)
      .map(([name, value]) => ({ name, value, pointer: joinPointer(`/${key}`, name) }))
      .filter(({ pointer }) => isSound(pointer));
  const findings: Findings = { faults: [], requests: [] };
  const context: RuleContext = {
    manifest,
    streams: section("streams"),
    triggers: section("triggers"),
    actions: section("actions"),
    resources: section("resources"),
    sound: (key) => (isSound(`/${key}`) ? manifest[key] : undefined),
    findings,
  };
  compileParts(context);
  return context;
}

/** Compiles all parts, so that their faults are found. */
function compileParts(context: RuleContext): void {
  const at = (pointer: string) => new Site(context.findings, pointer);
  for (const { name, value, pointer } of context.streams) compileStream(name, value, at(pointer));
  for (const { name, value, pointer } of context.triggers) compileTrigger(name, value, at(pointer));
  for (const { name, value, pointer } of context.actions) compileAction(name, value, at(pointer));
  for (const { value, pointer } of context.resources) compileResource(value, at(pointer));
  for (const [i, matcher] of (context.sound("errors") ?? []).entries())
    compileErrorMatcher(matcher, at(`/errors/${i}`));
  for (const { value, pointer } of authenticationMethods(context)) compileAuthentication(value, at(pointer));
  const server = context.sound("server");
  if (server) compileServerHeaders(server, at("/server"));
}

/** A fault when a name is not among those that exist. */
export function unknownName(pointer: string, kind: string, name: string, known: readonly string[]): Fault[] {
  if (known.includes(name)) return [];
  const near = nearest(name, known);
  const remedy = near
    ? `did you mean "${near}"?`
    : known.length > 0
      ? `there are ${known.join(", ")}`
      : "there are none";
  return [{ pointer, message: `there is no ${kind} "${name}"; ${remedy}` }];
}

/** The JSON Schemas of a manifest. */
export function schemasOf(context: RuleContext): { schema: Record<string, unknown>; pointer: string }[] {
  const places: { entry: Entry<object>; keys: string[] }[] = [
    ...context.streams.map((entry) => ({ entry, keys: ["input", "schema"] })),
    ...context.triggers.map((entry) => ({ entry, keys: ["input"] })),
    ...context.actions.map((entry) => ({ entry, keys: ["input", "output"] })),
    ...authenticationMethods(context).map((entry) => ({ entry, keys: ["connectionInput"] })),
  ];
  return places.flatMap(({ entry, keys }) =>
    keys.flatMap((key) => {
      const schema = (entry.value as Record<string, unknown>)[key];
      return isObject(schema) ? [{ schema, pointer: `${entry.pointer}/${key}` }] : [];
    }),
  );
}

/** The ways of authentication, one or several. */
export function authenticationMethods(context: RuleContext) {
  const authentication = context.sound("authentication");
  if (!authentication) return [];
  if (!("oneOf" in authentication))
    return [{ name: authentication.type, value: authentication, pointer: "/authentication" }];
  return authentication.oneOf.map((value, i) => ({ name: value.type, value, pointer: `/authentication/oneOf/${i}` }));
}
