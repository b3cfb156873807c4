import { isDeepStrictEqual } from "node:util";
import type { ValueExpression } from "../../schemas/manifest.ts";
import { atPointer, isObject, pointerTokens } from "../core/json.ts";
import { compileExpression } from "../manifest/expressions.ts";
import { compileJmespath } from "../manifest/jmespath.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { exampleOf } from "./example.ts";
import { invert, merge, nest, satisfy } from "./invert.ts";

type Path = readonly (string | number)[];

/**
 * Makes the records of a simulated vendor out of a stream's samples: other ids, versions, times and texts in the sample's
 * own notation and places. What the stream's schema does not let vary stays as it is, as it would at the vendor.
 */
export class Forge {
  readonly #stream: CompiledStream;
  readonly #live: unknown;
  readonly #gone: unknown;
  readonly #times: { place: ValueExpression; get: (record: unknown) => unknown }[];
  readonly #keys: readonly string[];
  #content: Path | undefined;

  constructor(stream: CompiledStream, samples: readonly unknown[]) {
    const { records, cursor, schema } = stream.definition;
    this.#stream = stream;
    this.#keys = [records.primaryKey].flat().filter((at) => at.startsWith("/"));
    this.#times = timePlaces(records.timestamp, cursor).map((place) => ({ place, get: reader(place) }));
    this.#gone = samples.find((sample) => stream.deleted?.(sample));
    const live = samples.find((sample) => sample !== undefined && !stream.deleted?.(sample));
    const start = live ?? this.#fill(merge({ content: "text" }, schema === undefined ? {} : exampleOf(schema)));
    this.#live = this.#withOrder(start);
    this.#content = this.#findContent();
  }

  create(n: number, revision: number, time: number): unknown {
    // Of a key of several parts, times and kinds stay: they follow from the rest of the record.
    const isFixed = (value: unknown) => this.#keys.length > 1 && (!changes(value) || isTime(String(value)));
    return this.#stamp(this.#edit(this.#live, revision), revision, time, (value) =>
      isFixed(value) ? value : vary(value, n),
    );
  }

  /** The record with another text, version and time. */
  update(record: unknown, revision: number, time: number): unknown {
    return this.#restamp(this.#edit(record, revision), revision, time, record);
  }

  /** How the vendor marks a deleted record; without a mark only its key is left. */
  tombstone(record: unknown, revision: number, time: number): unknown {
    const { deleted } = this.#stream.definition;
    if (this.#gone !== undefined) return this.#restamp(this.#gone, revision, time, record);
    const mark = deleted === undefined ? undefined : satisfy(deleted);
    if (mark !== undefined) return this.#restamp(merge(record, mark), revision, time, record);
    return this.#keys.reduce<unknown>((bare, at) => merge(bare, nest(pointerTokens(at), atPointer(record, at))), {});
  }

  /** The record as it would be if it were alike to a sample. */
  like(sample: unknown, record: unknown, revision: number, time: number): unknown {
    return this.#restamp(sample, revision, time, record);
  }

  /** The record after a watched value changed, alike to `sample` if that will do; undefined when no record can be made so. */
  watched(
    record: unknown,
    name: string,
    kind: "added" | "removed" | "changed",
    revision: number,
    time: number,
    sample?: unknown,
  ): unknown {
    const before = this.#stream.watch!(record)[name];
    const old = Array.isArray(before) ? (before as unknown[]) : [];
    const wanted = kind === "changed" ? `changed ${revision}` : [...old, `added ${revision}`];
    const expression = this.#stream.definition.watch![name]!;
    const candidates = [
      ...(sample === undefined ? [] : [this.like(sample, record, revision, time)]),
      ...(kind === "changed" ? replacements(record, before, revision) : listEdits(record, old, kind, revision)),
      ...(kind === "removed" ? [] : [merge(record, invert(expression, wanted))]),
    ];
    const found = candidates.find((candidate) => {
      const after = this.#stream.watch!(candidate)[name];
      if (!this.#alike(candidate, record)) return false;
      if (kind === "changed") return !isDeepStrictEqual(after, before);
      const now = Array.isArray(after) ? (after as unknown[]) : [];
      return kind === "added"
        ? includesAll(now, old) && now.length > old.length
        : includesAll(old, now) && now.length < old.length;
    });
    return found === undefined ? undefined : this.#restamp(found, revision, time, record);
  }

  /** What the first read must find in a sample; the faults in plain words. */
  faultsOf(sample: unknown): string[] {
    const { key, deleted, definition } = this.#stream;
    const { primaryKey, versionKey } = definition.records;
    const faults: string[] = [];
    if (this.#keys.length > 0 && key(sample) === undefined)
      faults.push(`has no key at ${[primaryKey].flat().join(" and ")}; correct records.primaryKey`);
    if (deleted?.(sample)) return faults;
    const version = versionKey === undefined ? undefined : atPointer(sample, versionKey);
    if (versionKey !== undefined && version === undefined)
      faults.push(`has no version at ${versionKey}; correct records.versionKey`);
    for (const { place, get } of this.#times) {
      if (get(sample) === undefined || get(sample) === null)
        faults.push(`has no time at ${JSON.stringify(place)}; correct it`);
    }
    return faults;
  }

  #stamp(record: unknown, revision: number, time: number, keyOf: (value: unknown, at: string) => unknown): unknown {
    const { versionKey } = this.#stream.definition.records;
    let stamped = record;
    if (versionKey !== undefined) {
      const version = atPointer(record, versionKey);
      if (changes(version)) stamped = this.#put(stamped, versionKey, nextVersion(version, revision));
    }
    for (const { get } of this.#times)
      stamped = this.#kept(
        stamped,
        substitute(stamped, get(stamped), (old) => timeLike(old, time)),
      );
    for (const at of this.#keys) stamped = this.#put(stamped, at, keyOf(atPointer(this.#live, at), at));
    return stamped;
  }

  #restamp(changed: unknown, revision: number, time: number, original: unknown): unknown {
    return this.#stamp(changed, revision, time, (_value, at) => atPointer(original, at));
  }

  #put(record: unknown, pointer: string, value: unknown): unknown {
    const old = atPointer(record, pointer);
    if (old === undefined) return record;
    return this.#kept(
      record,
      substitute(setAt(record, pointerTokens(pointer), value), old, () => value),
    );
  }

  /** A change that the schema does not allow does not happen at the vendor either. */
  #kept(before: unknown, after: unknown): unknown {
    const validate = this.#stream.validateRecord;
    return validate && validate(after).length > 0 && validate(before).length === 0 ? before : after;
  }

  #edit(record: unknown, revision: number): unknown {
    if (this.#content === undefined) return record;
    const original = valueAt(this.#live, this.#content);
    if (valueAt(record, this.#content) === undefined) return record;
    return setAt(record, this.#content, edit(original, valueAt(record, this.#content), revision));
  }

  /** A text or number that people could change and that counts as a change: not a key, version, time or watched value. */
  #findContent(): Path | undefined {
    const { version, fingerprint } = this.#stream;
    const rank = ({ value }: { value: unknown }) => KINDS.indexOf(typeof value) + (/\d/.test(String(value)) ? 0.5 : 0);
    return leaves(this.#live)
      .filter(({ value }) => KINDS.includes(typeof value))
      .sort((a, b) => rank(a) - rank(b))
      .find(({ path, value }) => {
        const edited = setAt(this.#live, path, edit(value, value, 1));
        if (!this.#alike(edited, this.#live) || !isDeepStrictEqual(version?.(edited), version?.(this.#live)))
          return false;
        if (this.#times.some(({ get }) => !isDeepStrictEqual(get(edited), get(this.#live)))) return false;
        if (!isDeepStrictEqual(this.#stream.watch?.(edited), this.#stream.watch?.(this.#live))) return false;
        return !fingerprint || !isDeepStrictEqual(fingerprint(edited), fingerprint(this.#live));
      })?.path;
  }

  #alike(edited: unknown, record: unknown): boolean {
    const { key, deleted } = this.#stream;
    return key(edited) === key(record) && !deleted?.(edited) && this.#kept(record, edited) === edited;
  }

  /** The times, and the keys beside them, by which the vendor orders its list: samples often lack what only a list has. */
  #withOrder(start: unknown): unknown {
    const { cursor } = this.#stream.definition;
    const ties = cursor.type === "keyset" ? cursor.values.slice(1) : [];
    const missing = (place: ValueExpression) => reader(place)(start) === undefined || reader(place)(start) === null;
    const times = this.#times
      .filter(({ place }) => missing(place))
      .map(({ place }) => recordWith(place, "2026-01-01T00:00:00.000Z"));
    const keys = ties.filter(missing).map((place) => recordWith(place, this.#stream.key(start)));
    return [start, ...keys, ...times].reduce(merge);
  }

  /** Without a sample: something at every place the manifest names. */
  #fill(start: unknown): unknown {
    const { records, watch = {} } = this.#stream.definition;
    let record = start;
    for (const at of this.#keys) record = merge(record, nest(pointerTokens(at), atPointer(record, at) ?? "record-000"));
    if (records.versionKey) record = merge(record, nest(pointerTokens(records.versionKey), "version-0"));
    for (const expression of Object.values(watch)) record = merge(record, invert(expression, "watched"));
    return record;
  }
}

function timePlaces(
  timestamp: ValueExpression | undefined,
  cursor: CompiledStream["definition"]["cursor"],
): ValueExpression[] {
  const own = cursor.type === "updatedSince" ? [cursor.from] : cursor.type === "keyset" ? [cursor.values[0]!] : [];
  return timestamp === undefined ? own : [...own, timestamp];
}

function reader(place: ValueExpression): (record: unknown) => unknown {
  if (typeof place === "object") return compileJmespath(place.$expr);
  const get = compileExpression(place, ["record"]);
  return (record) => get({ record });
}

function recordWith(place: ValueExpression, value: unknown): unknown {
  if (typeof place === "object") return invert(place.$expr, value);
  return nest(pointerTokens(place.slice("$record#".length)), value);
}

/** Words and truth values name kinds of things; versions have digits. */
function changes(version: unknown): boolean {
  return typeof version === "number" || (typeof version === "string" && /\d|=$/.test(version));
}

function nextVersion(version: unknown, revision: number): unknown {
  if (typeof version === "number") return version + revision;
  const text = String(version);
  if (/^\d+$/.test(text)) return String(BigInt(text) + BigInt(revision));
  if (isTime(text)) return new Date(Date.parse(text) + revision * 1000).toISOString();
  return `${text.replace(/~\d+$/, "")}~${revision}`;
}

function vary(value: unknown, n: number): unknown {
  if (typeof value === "number") return value + n;
  if (typeof value !== "string") return value;
  return /\w{6}$/.test(value) ? value.slice(0, -3) + String(n).padStart(3, "0") : value + String(n);
}

/** The same time in the notation of `old`. */
function timeLike(old: unknown, time: number): unknown {
  const seconds = Number(old) < 1e11;
  if (typeof old === "number") return seconds ? Math.floor(time / 1000) : time;
  if (/^\d+$/.test(String(old))) return String(seconds ? Math.floor(time / 1000) : time);
  return new Date(time).toISOString();
}

/** Kinds of value that people edit, those to be tried first in front. */
const KINDS = ["string", "number", "boolean"];

function edit(original: unknown, current: unknown, revision: number): unknown {
  if (typeof original === "boolean") return !current;
  return typeof original === "number" ? original + revision : `${String(original)} ${revision}`;
}

const isTime = (text: string): boolean => /^\d{4}-\d\d-\d\d/.test(text);

/** Every leaf that equals `old` gets the new value, if such a value is hardly there by chance. */
function substitute(record: unknown, old: unknown, next: (old: unknown) => unknown): unknown {
  const distinctive = typeof old === "string" ? old.length >= 6 : typeof old === "number" && Math.abs(old) >= 1e6;
  if (!distinctive) return record;
  return leaves(record)
    .filter(({ value }) => value === old)
    .reduce((changed, { path }) => setAt(changed, path, next(old)), record);
}

function replacements(record: unknown, before: unknown, revision: number): unknown[] {
  return leaves(record)
    .filter(({ value }) => value === before)
    .map(({ path, value }) => setAt(record, path, typeof value === "boolean" ? !value : vary(value, 500 + revision)));
}

/** The record with a member more, or less, in each of its lists whose members hold one of the values. */
function listEdits(
  record: unknown,
  values: readonly unknown[],
  kind: "added" | "removed",
  revision: number,
): unknown[] {
  return lists(record).flatMap(({ path, items }) =>
    items.flatMap((item, place) => {
      const held = leaves(item).find(({ value }) => values.includes(value));
      if (!held) return [];
      if (kind === "removed") return [setAt(record, path, items.toSpliced(place, 1))];
      return [setAt(record, path, [...items, setAt(item, held.path, vary(held.value, 500 + revision))])];
    }),
  );
}

function leaves(value: unknown, path: Path = []): { path: Path; value: unknown }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  const entries = Array.isArray(value) ? value.map((item, i) => [i, item] as const) : Object.entries(value);
  return entries.flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

function lists(value: unknown, path: Path = []): { path: Path; items: unknown[] }[] {
  if (Array.isArray(value)) return [{ path, items: value }, ...value.flatMap((item, i) => lists(item, [...path, i]))];
  return isObject(value) ? Object.entries(value).flatMap(([name, inner]) => lists(inner, [...path, name])) : [];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
}

function setAt(value: unknown, path: Path, next: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return next;
  if (Array.isArray(value))
    return value.map((item, i) => (i === Number(name) ? setAt(item, rest, next) : (item as unknown)));
  return { ...(value as object), [name]: setAt((value as Record<string, unknown>)[name], rest, next) };
}

function includesAll(whole: readonly unknown[], part: readonly unknown[]): boolean {
  return part.every((item) => whole.some((other) => isDeepStrictEqual(other, item)));
}
