import { nearest, type Fault } from "../core/errors.ts";
import { pointerTokens } from "../core/json.ts";
import type { Path } from "../manifest/paths.ts";
import type { Validator } from "../manifest/validate.ts";
import type { Known } from "./known.ts";
import { inspectCondition, inspectMapping, type Hole } from "./mapping.ts";
import { fits, schemaAt, typesOf, type Found } from "./schema-path.ts";

/** What the expressions of one place can read. */
export interface Readable {
  roots: readonly string[];
  /** What is known of the roots; of others nothing is. */
  known: Readonly<Record<string, Known>>;
  /** Steps that have ended by then. */
  earlier: ReadonlySet<string>;
  /** All steps of the flow. */
  steps: readonly string[];
}

/** What a mapping has to give. */
export interface Wanted {
  schema: object;
  validate: Validator;
}

/** Everything wrong with a condition, at its pointer. */
export function conditionFaults(condition: string | undefined, pointer: string, readable: Readable): Fault[] {
  if (condition === undefined) return [];
  const { paths, faults } = inspectCondition(condition, readable.roots);
  return [...faults, ...paths.flatMap((path) => pathFaults(path, readable))].map((fault) => ({ ...fault, pointer }));
}

/** Everything wrong with a mapping: its expressions, what they refer to, and, where it is known what it must give, its result. */
export function mappingFaults(mapping: unknown, pointer: string, readable: Readable, wanted?: Wanted): Fault[] {
  const { holes, faults } = inspectMapping(mapping, readable.roots);
  const all = [
    ...faults,
    ...holes.flatMap((hole) => hole.paths.flatMap((path) => at(hole.pointer, pathFaults(path, readable)))),
    ...(wanted ? resultFaults(mapping, [...holes, ...faults], wanted) : []),
    ...(wanted ? holes.flatMap((hole) => at(hole.pointer, typeFaults(hole, readable, wanted.schema))) : []),
  ];
  return all.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
}

/** The literal parts are checked as they are; what the computed ones will give is not known. */
function resultFaults(mapping: unknown, computed: readonly { pointer: string }[], { validate }: Wanted): Fault[] {
  const touches = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
  return validate(mapping).filter(({ pointer }) => !computed.some((hole) => touches(pointer, hole.pointer)));
}

function typeFaults(hole: Hole, { known }: Readable, schema: object): Fault[] {
  const target = schemaAt(schema, hole.pointer === "" ? [] : pointerTokens(hole.pointer));
  if (target.kind === "absent") {
    const name = pointerTokens(hole.pointer).at(-1)!;
    return [{ pointer: "", message: `unknown property "${name}"${suggest(name, target.known)}` }];
  }
  const given = givenTypes(hole, known);
  const wanted = target.kind === "known" ? typesOf(target.schemas) : undefined;
  if (!given || !wanted || fits(given, wanted)) return [];
  const source = hole.whole ? hole.whole.join(".") : "text with {{…}} in it";
  return [{ pointer: "", message: `must be ${list(wanted)}, but ${source} gives ${list(given)}; map another value` }];
}

function givenTypes({ whole, text }: Hole, known: Readable["known"]): Set<string> | undefined {
  if (text) return new Set(["string"]);
  const found = whole && lookUp(whole, known);
  return found?.kind === "known" ? typesOf(found.schemas) : undefined;
}

function lookUp([root, ...rest]: Path, known: Readable["known"]): Found | undefined {
  return known[root!]?.(rest);
}

/** What is wrong with reading this: a step that is not there yet, or something its schema rules out. */
function pathFaults(path: Path, { known, earlier, steps }: Readable): Fault[] {
  const [root, name] = path;
  if (root === "steps") {
    if (name === undefined)
      return fault("`steps` names no step; write steps.<id>.output, and a negation as !(steps.<id>.output)");
    if (!steps.includes(name)) return fault(`there is no step "${name}"${suggest(name, [...earlier])}`);
    if (!earlier.has(name))
      return fault(`step "${name}" has not run by then; refer to an earlier step, or change the order`);
  }
  const found = lookUp(path, known);
  if (found?.kind !== "absent") return [];
  // The first place that is not there is the mistake.
  const end = path.findIndex((_, i) => lookUp(path.slice(0, i + 1), known)?.kind === "absent");
  const missing = path[end]!;
  const above = lookUp(path.slice(0, end + 1), known) as Found & { kind: "absent" };
  return fault(`${path.slice(0, end).join(".")} has no "${missing}"${suggest(missing, above.known)}`);
}

const fault = (message: string): Fault[] => [{ pointer: "", message }];

const at = (pointer: string, faults: readonly Fault[]): Fault[] =>
  faults.map((inner) => ({ ...inner, pointer: pointer + inner.pointer }));

function suggest(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return known.length > 0 ? `; there are: ${known.slice(0, 20).join(", ")}` : "; remove it";
}

function list(types: ReadonlySet<string>): string {
  return [...types].map((type) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`)).join(" or ");
}
