import type { Fault } from "./errors.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** A JSON Schema (2020-12), as data. */
export type JsonSchema = Record<string, unknown>;

/** True for an object literal as JSON has them: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A record's own value of a name that others choose: `constructor` is none. */
export function ownValue<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The value at an RFC 6901 pointer, own properties only; undefined where the path ends. */
export function atPointer(value: unknown, pointer: string): unknown {
  if (pointer === "") return value;
  let current = value;
  for (const token of pointerTokens(pointer)) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, token)) return undefined;
    current = (current as Record<string, unknown>)[token];
  }
  return current;
}

/** The unescaped reference tokens of an RFC 6901 pointer. */
export function pointerTokens(pointer: string): string[] {
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** One reference token appended to a pointer, escaped. */
export function joinPointer(pointer: string, token: string | number): string {
  return `${pointer}/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/**
 * JSON text with object keys sorted, so that equal values have equal text.
 * Several times slower than `JSON.stringify`: for fingerprints of configuration, not for records on the hot path.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

/** `JSON.parse` that limits nesting and leaves out `__proto__`. @throws SyntaxError like the original */
export function parseJson(text: string, maxDepth = 128): unknown {
  const value: unknown = JSON.parse(text);
  clean(value, maxDepth);
  return value;
}

/** The text of JSON that came over a network, without the byte order mark that some send; a reader may ignore it (RFC 8259 §8.1). */
export function jsonText(body: Buffer): string {
  const text = body.toString();
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function clean(value: unknown, left: number): void {
  if (typeof value !== "object" || value === null) return;
  if (left === 0) throw new SyntaxError("JSON is nested too deeply");
  if (Object.hasOwn(value, "__proto__")) delete (value as Record<string, unknown>)["__proto__"];
  for (const inner of Object.values(value)) clean(inner, left - 1);
}

/** Deepest nesting of what people give. */
const MAX_DEPTH = 64;

/**
 * The first thing in a value that JSON or a store cannot carry, or that nobody may give: nesting without end, or what would
 * change the prototype of whatever it is copied into. Undefined when the whole of it is plain.
 */
export function plainFault(value: unknown): Fault | undefined {
  return findFault(value, textFault, MAX_DEPTH);
}

/** The same for what is not stored as it is given, which may have any text. */
export function shapeFault(value: unknown): Fault | undefined {
  return findFault(value, () => undefined, MAX_DEPTH);
}

/** What is wrong with a text that is to be stored: PostgreSQL keeps no U+0000, and UTF-8 no half of a surrogate pair. */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "has the character U+0000, which cannot be stored; remove it";
  return text.isWellFormed() ? undefined : "has half of a surrogate pair, which is no character; remove it";
}

/** A text of somebody else's with a mark, U+FFFD, for what cannot be stored. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

function findFault(value: unknown, ofText: typeof textFault, depth: number): Fault | undefined {
  const pointer = "";
  const kind = foreignKind(value);
  if (kind !== undefined) return { pointer, message: `is ${kind}, which JSON cannot carry; give plain data` };
  const wrong = typeof value === "string" ? ofText(value) : undefined;
  if (wrong !== undefined) return { pointer, message: wrong };
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === 0) return { pointer, message: `is nested more than ${MAX_DEPTH} deep; flatten it` };
  if (Object.hasOwn(value, "__proto__")) return { pointer, message: 'has a property named "__proto__"; remove it' };
  const json = toJson(value);
  if (json !== value) return findFault(json, ofText, depth - 1);
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined && !Array.isArray(value)) continue;
    const misnamed = ofText(name);
    if (misnamed !== undefined) return { pointer, message: `has a property whose name ${misnamed}` };
    const fault = findFault(inner, ofText, depth - 1);
    if (fault !== undefined) return { ...fault, pointer: joinPointer(pointer, name) + fault.pointer };
  }
  return undefined;
}

/** What a value is that `JSON.stringify` would leave out, empty or turn into null without a word. */
function foreignKind(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : String(value);
  if (value === undefined) return "undefined";
  if (typeof value !== "object" || value === null) return PLAIN.has(typeof value) ? undefined : `a ${typeof value}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "a Date without a time" : undefined;
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return kind === "Object" || Array.isArray(value) || toJson(value) !== value ? undefined : `a ${kind}`;
}

const PLAIN = new Set(["string", "boolean", "object"]);

function toJson(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(value) as unknown) : value;
}

/** The JSON text of a file that a person writes, where a name given twice is a slip. @throws SyntaxError for what is not such JSON */
export function parseJsonFile(text: string): unknown {
  const json = text.replace(/^\uFEFF/, "");
  const value = parseJson(json);
  const repeated = repeatedKey(json);
  if (repeated !== undefined) throw new SyntaxError(`The property ${JSON.stringify(repeated)} is given twice`);
  return value;
}

/**
 * A value as JSON would carry it: properties that are undefined left out, times as text, nothing shared with the original.
 * What has no JSON form (a function, a cycle, undefined itself) becomes undefined.
 */
export function plainJson(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : parseJson(text, Infinity);
  } catch {
    return undefined;
  }
}

/** Where the JSON text that begins here ends. A regular expression would run out of stack on a long one. */
function endOfText(json: string, begin: number): number {
  const [quote, escape] = [0x22, 0x5c];
  let end = begin + 1;
  while (json.charCodeAt(end) !== quote) end += json.charCodeAt(end) === escape ? 2 : 1;
  return end + 1;
}

/**
 * The first property that an object of a valid JSON text names twice; undefined without one. `JSON.parse` keeps the last
 * of them, other readers the first, so two readers of one text would not agree (RFC 8259 §4).
 */
export function repeatedKey(text: string): string | undefined {
  /** The names of the objects that are open, innermost last; null for a list. */
  const open: (Set<string> | null)[] = [];
  let expectsName = false;
  const marks = /["{}[\],]/g;
  for (let match = marks.exec(text); match !== null; match = marks.exec(text)) {
    if (match[0] === '"') marks.lastIndex = endOfText(text, match.index);
    const token = text.slice(match.index, marks.lastIndex);
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (expectsName && token.startsWith('"')) {
      const names = open.at(-1);
      const name = token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
      if (names!.has(name)) return name;
      names!.add(name);
    }
    expectsName = token === "{" || (token === "," && open.at(-1) !== null);
  }
  return undefined;
}
