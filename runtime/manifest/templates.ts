import { parseTemplate } from "url-template";
import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import {
  compileExpression,
  compileText,
  hasEmbedded,
  invalid,
  isRuntimeExpression,
  walker,
  type Getter,
  type Scope,
} from "./expressions.ts";
import { compileJmespath } from "./jmespath.ts";
import { expressionFaults } from "./soundness.ts";
import { compilePlaceholders, hasPlaceholders } from "./placeholders.ts";

export interface TemplateOptions {
  /** Roots that expressions may use. */
  roots: readonly string[];
  /** What JMESPath in `{"$expr"}` starts at: the scope with its roots (default), the record, or the answer's body. */
  at?: "scope" | "record" | "body";
  /** Whether `{{JMESPath}}` in text is filled in; see {@link compilePlaceholders}. Default false. */
  placeholders?: boolean;
  /** Told of each fault, with its pointer, instead of a throw at the first; the faulty part has no value then. */
  onFault?: (fault: Fault) => void;
}

/** A part of a template: the same every time, or computed. */
type Compiled = { constant: true; value: unknown } | { constant: false; get: Getter };

const FOCUS: Record<"record" | "body", Getter> = { record: walker(["record"]), body: walker(["response", "body"]) };

/**
 * A template (any JSON) as a function of the scope. `{"$expr"}` is JMESPath, a runtime expression gives its value with its type,
 * `{$…}` inside text is filled in, everything else is literal. Properties and list members without a value (undefined or null)
 * are left out. Constant parts are frozen and shared between results: copy before changing one.
 *
 * @throws HooklineError `invalid_expression`; the pointer of the faulty part is in `faults`.
 */
export function compileTemplate(template: unknown, options: TemplateOptions): Getter {
  const compiled = compilePart(template, options, "");
  return toGetter(compiled);
}

function toGetter(compiled: Compiled): Getter {
  if (!compiled.constant) return compiled.get;
  const { value } = compiled;
  return () => value;
}

function compilePart(part: unknown, options: TemplateOptions, pointer: string): Compiled {
  if (typeof part === "string") return located(pointer, options, () => compileString(part, options));
  if (Array.isArray(part)) return compileList(part.map((item, i) => compilePart(item, options, `${pointer}/${i}`)));
  if (!isObject(part)) return { constant: true, value: part };
  if ("$expr" in part)
    return located(pointer, options, () => ({ constant: false, get: compileReshape(part, options) }));
  return compileObject(
    Object.entries(part).map(([key, value]) => {
      const escaped = key.replaceAll("~", "~0").replaceAll("/", "~1");
      return [key, compilePart(value, options, `${pointer}/${escaped}`)];
    }),
  );
}

function compileString(text: string, { roots, placeholders }: TemplateOptions): Compiled {
  if (placeholders && hasPlaceholders(text)) return { constant: false, get: compilePlaceholders(text, roots) };
  if (isRuntimeExpression(text)) return { constant: false, get: compileExpression(text, roots) };
  if (hasEmbedded(text)) return { constant: false, get: compileText(text, roots) };
  return { constant: true, value: text };
}

/** `{"$expr": "…"}` alone; `$expr` beside other properties is a mistake, not a literal. */
function compileReshape(part: Record<string, unknown>, { roots, at = "scope", onFault }: TemplateOptions): Getter {
  const expression = part["$expr"];
  if (typeof expression !== "string" || Object.keys(part).length > 1) {
    throw invalid(JSON.stringify(part), '{"$expr"} holds one JMESPath text and nothing beside it');
  }
  const evaluate = compileJmespath(expression, at === "scope" ? roots : undefined);
  const [unsound] = onFault ? expressionFaults(expression) : [];
  if (unsound !== undefined) throw invalid(expression, unsound);
  if (at === "scope") return evaluate;
  const focus = FOCUS[at];
  return (scope) => evaluate(focus(scope));
}

function compileList(items: Compiled[]): Compiled {
  if (items.every((item) => item.constant))
    return { constant: true, value: Object.freeze(items.map((item) => item.value)) };
  const getters = items.map(toGetter);
  return {
    constant: false,
    get: (scope) => getters.map((get) => get(scope)).filter((value) => value !== undefined && value !== null),
  };
}

function compileObject(properties: [string, Compiled][]): Compiled {
  if (properties.every(([, part]) => part.constant)) {
    const entries = properties.map(([key, part]) => [key, part.constant ? part.value : undefined]);
    return { constant: true, value: Object.freeze(Object.fromEntries(entries)) };
  }
  const getters = properties.map(([key, part]) => ({ key, get: toGetter(part), keep: part.constant }));
  return {
    constant: false,
    get: (scope) => {
      const result: Record<string, unknown> = {};
      for (const { key, get, keep } of getters) {
        const value = get(scope);
        if (keep || (value !== undefined && value !== null)) result[key] = value;
      }
      return result;
    },
  };
}

function located(pointer: string, { onFault }: TemplateOptions, compile: () => Compiled): Compiled {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    const fault = { pointer, message: error.message };
    if (!onFault) throw new HooklineError(error.code, error.message, { cause: error, faults: [fault] });
    onFault(fault);
    return { constant: true, value: undefined };
  }
}

/**
 * A URI template (RFC 6570) as a function. A variable is a runtime expression, or a dot path from a root (`input.listId`);
 * any other name is looked up in the input and then in the connection.
 *
 * @throws HooklineError `invalid_expression` now; `invalid_input` on a call when a variable of the path has no value or could leave its place ("..").
 */
export function compilePath(template: string, roots: readonly string[]): (scope: Scope) => string {
  const variables = [...template.matchAll(/\{([+#./;?&]?)([^{}]*)\}/g)].flatMap(([, operator = "", names = ""]) =>
    names.split(",").map((name) => compileVariable(template, name, operator, roots)),
  );
  if (/[{}]/.test(template.replaceAll(/\{[^{}]+\}/g, ""))) throw invalid(template, "a { or } has no partner");
  if (variables.length === 0) return () => template;
  const parsed = parseTemplate(template);
  return (scope) => {
    const values: Record<string, never> = {};
    for (const { name, get, optional } of variables) {
      const value = get(scope);
      if (!optional) assertPathValue(template, name, value);
      values[name] = value as never;
    }
    return parsed.expand(values);
  };
}

function compileVariable(template: string, written: string, operator: string, roots: readonly string[]) {
  const name = written.replace(/(\*|:\d+)$/, "");
  const path = name.split(".");
  if (name === "") throw invalid(template, "a variable has no name");
  const get = name.startsWith("$")
    ? compileExpression(name, roots)
    : roots.includes(path[0]!)
      ? walker(path)
      : inInputOrConnection(path);
  return { name, get, optional: operator === "?" || operator === "&" };
}

function inInputOrConnection(path: string[]): Getter {
  const [input, connection] = [walker(["input", ...path]), walker(["connection", ...path])];
  return (scope) => input(scope) ?? connection(scope);
}

function assertPathValue(template: string, name: string, value: unknown): void {
  if (value === undefined || value === null || value === "") {
    throw new HooklineError("invalid_input", `path ${template}: "${name}" has no value; give it in the input`);
  }
  const text = String(value);
  if (text.length > 2048 || text.split(/[/\\]/).some((segment) => segment === "." || segment === "..")) {
    throw new HooklineError(
      "invalid_input",
      `path ${template}: "${name}" cannot be ${JSON.stringify(text.slice(0, 60))}; it would lead elsewhere`,
    );
  }
}
