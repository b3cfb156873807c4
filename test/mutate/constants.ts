import { runInNewContext } from "node:vm";

/** A number that a source file names: `const MOST = 5`, or a member of a flat object or list, `RETRY.firstMs`. */
export interface Constant {
  file: string;
  line: number;
  name: string;
  /** The right side as the source has it, and where it begins in the text. */
  expression: string;
  start: number;
  value: number;
}

/** One change of one constant. */
export interface Mutation extends Constant {
  change: (typeof COUNT_CHANGES | typeof SIZE_CHANGES)[number];
}

const COUNT_CHANGES = ["+ 1", "- 1"] as const;
const SIZE_CHANGES = ["* 2", "/ 2"] as const;

const DECLARATION = /^[ \t]*(?:export )?const ([A-Z][A-Z0-9_]*)(?::[^=;]+)? = ([^;]+);/gm;
const FLAT = /^[{[]([^{}[\]"'`]*)[}\]]$/;
const MEMBER = /(?:\b(\w+):\s*)?([^\s,:][^,:]*)(?:,|$)/dg;
const TOKEN = /\d[\w.]*|\b[A-Z][A-Z0-9_]*\b|[-+*/()\s]/g;
/** A lone name is an alias, and mutated where it stands for itself, unless it is a unit. */
const ALIAS = /^(?!(?:SECOND|MINUTE|HOUR|DAY)$)[A-Z]\w*$/;
/** The name of a duration or a size. */
const MEASURE = /(?:^|_)(?:ms|seconds|s|days|bytes|kibibytes|length|retry|wait|overlap)$/i;
/** The largest number without a unit that is a count. */
const LARGEST_COUNT = 100;

/** The named numbers of source files, by their paths. A number may be made of those of other files. */
export function findConstants(files: ReadonlyMap<string, string>): Constant[] {
  const known: Record<string, number> = {};
  let found: Constant[] = [];
  // What a number is made of may come later: look again until nothing new is understood.
  for (let before = -1; found.length > before;) {
    before = found.length;
    found = [...files].flatMap(([file, text]) => constantsOf(file, text, { ...known }));
    for (const { name, value } of found) known[name] ??= value;
  }
  return found;
}

function constantsOf(file: string, text: string, known: Record<string, number>): Constant[] {
  return [...text.matchAll(DECLARATION)].flatMap(({ 0: whole, 1: name = "", 2: right = "", index }) => {
    const begin = index + whole.length - 1 - right.length;
    return partsOf(name, right).flatMap(({ name, expression, offset }) => {
      const value = valueOf(expression, known);
      if (value === undefined) return [];
      known[name] = value;
      const start = begin + offset;
      return [{ file, line: text.slice(0, start).split("\n").length, name, expression, start, value }];
    });
  });
}

/** The right side as a whole, or each member of a flat object or list. */
function partsOf(name: string, right: string): { name: string; expression: string; offset: number }[] {
  const flat = FLAT.exec(right)?.[1];
  if (flat === undefined) return [{ name, expression: right, offset: 0 }];
  return [...flat.matchAll(MEMBER)].map((member, place) => ({
    name: right.startsWith("[") ? `${name}[${place}]` : `${name}.${member[1]}`,
    expression: member[2]!.trimEnd(),
    offset: 1 + member.indices![2]![0],
  }));
}

function valueOf(expression: string, known: Readonly<Record<string, number>>): number | undefined {
  if (ALIAS.test(expression) || expression.replace(TOKEN, "") !== "") return undefined;
  try {
    const value: unknown = runInNewContext(expression, { ...known });
    return typeof value === "number" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A count becomes one more and one less, a size or a duration twice and half as large. */
export function mutationsOf(constant: Constant): Mutation[] {
  const { name, value } = constant;
  const isCount = Number.isInteger(value) && Math.abs(value) <= LARGEST_COUNT && !MEASURE.test(snakeCase(name));
  return (isCount ? COUNT_CHANGES : SIZE_CHANGES).map((change) => ({ ...constant, change }));
}

const snakeCase = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").replace(/\[\d+\]$/, "");

/** The text of a file with the mutation in it. Half of a whole number is a whole number. */
export function mutated(text: string, { start, expression, value, change }: Mutation): string {
  const changed = `(${expression}) ${change}`;
  const right = change === "/ 2" && Number.isInteger(value) ? `Math.trunc(${changed})` : changed;
  return text.slice(0, start) + right + text.slice(start + expression.length);
}
