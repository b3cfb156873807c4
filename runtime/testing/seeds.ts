import { isDeepStrictEqual } from "node:util";
import { isObject, pointerTokens } from "../core/json.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { Recordings } from "./recordings.ts";

/** A recorded answer cut down to one record. */
interface Seed {
  body: unknown;
  /** The record, as the manifest selects it. */
  listed: unknown;
  /** The same, with what one more request for it was answered. */
  record: unknown;
}

/** Answers are cut down in so many ways at most. */
const MOST_SEEDS = 20;

/**
 * Answers for records of a stream, made of recorded ones where the manifest's `select` cannot be turned around: what a record has
 * from the answer is replaced there.
 */
export class Seeds {
  readonly #stream: CompiledStream;
  readonly #seeds: readonly Seed[];

  constructor(stream: CompiledStream, { streams }: Recordings) {
    const recorded = [...streams.values()].filter((recording) => recording.stream === stream.name);
    const exchanges = recorded.flatMap(({ polls }) => polls.flatMap((poll) => poll.exchanges));
    const answers = exchanges.filter(({ response }) => (response.status ?? 200) < 300 && response.body !== undefined);
    this.#stream = stream;
    this.#seeds = answers
      .flatMap(({ response }) => this.#cut(this.#withoutPlaces(response.body)))
      .slice(0, MOST_SEEDS)
      .map((seed) => {
        const { enrich } = stream;
        if (enrich?.into === undefined) return seed;
        const key = (seed.listed as { id?: unknown }).id;
        const found = answers.find(({ request }) => key !== undefined && request.path.endsWith(`/${String(key)}`));
        return found ? { ...seed, record: { ...(seed.listed as object), [enrich.into]: found.response.body } } : seed;
      });
  }

  /** Records as they were recorded, those in front that were asked for by themselves. */
  get records(): unknown[] {
    const isWhole = ({ listed, record }: Seed): number => Number(listed !== record);
    return this.#seeds.toSorted((a, b) => isWhole(b) - isWhole(a)).map(({ record }) => record);
  }

  /** A body that holds the records; undefined when none can be made. */
  bodyOf(records: readonly unknown[]): unknown {
    const bodies = records.map((record) => this.#bodyOfOne(record));
    if (bodies.includes(undefined)) return undefined;
    return bodies.length > 0 ? bodies.reduce(joined) : this.#seeds[0] && emptied(this.#seeds[0].body);
  }

  #bodyOfOne(record: unknown): unknown {
    const candidates = this.#seeds.map(({ body, listed }) =>
      this.#extended(substituted(body, differences(listed, record)), listed, record),
    );
    const isRight = (body: unknown, alike: (listed: unknown) => boolean): boolean => {
      const found = this.#select(body);
      return found.length === 1 && alike(found[0]);
    };
    const key = this.#stream.key(record);
    return (
      candidates.find((body) => isRight(body, (listed) => includes(record, listed))) ??
      candidates.find((body) => isRight(body, (listed) => this.#stream.key(listed) === key))
    );
  }

  /** With what the record has beyond the recorded one, where the answer has an object with its id. */
  #extended(body: unknown, listed: unknown, record: unknown): unknown {
    if (!isObject(listed) || !isObject(record)) return body;
    const { enrich, definition } = this.#stream;
    const known = new Set([...Object.keys(listed), enrich?.into]);
    const more = Object.fromEntries(Object.entries(record).filter(([name]) => !known.has(name)));
    const ids = [definition.records.primaryKey].flat().flatMap((at) => pointerTokens(at).slice(0, 1));
    const isOwn = (value: Record<string, unknown>): boolean =>
      ids.some((name) => typeof value[name] === "string" && value[name] === record[name]);
    const walk = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(walk);
      if (!isObject(value)) return value;
      const inner = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, walk(part)]));
      return isOwn(value) ? { ...inner, ...more } : inner;
    };
    return Object.keys(more).length > 0 ? walk(body) : body;
  }

  #select(body: unknown): readonly unknown[] {
    try {
      return this.#stream.select({ status: 200, headers: {}, body });
    } catch {
      return [];
    }
  }

  /** The answer once for each of its records. */
  #cut(body: unknown): Seed[] {
    const found = this.#select(body);
    if (found.length === 1)
      return this.#stream.deleted?.(found[0]) ? [] : [{ body, listed: found[0], record: found[0] }];
    const list = found.length === 0 ? undefined : longList(body);
    return (list?.items ?? []).flatMap((item) => this.#cut(withList(body, list!.path, [item])));
  }

  /** Without what names the next page and the cursor, which the kit gives itself. */
  #withoutPlaces(body: unknown): unknown {
    const { pagination, cursor } = this.#stream.definition;
    const places = [pagination, cursor].flatMap((part) => (part && "from" in part ? [part.from].flat() : []));
    const pointers = places.flatMap((place) => /^\$response\.body#(\/[^/]+)$/.exec(String(place))?.[1] ?? []);
    const names = new Set(pointers.flatMap(pointerTokens));
    return isObject(body) ? Object.fromEntries(Object.entries(body).filter(([name]) => !names.has(name))) : body;
  }
}

/** The outermost list of more than one object. */
function longList(
  value: unknown,
  path: readonly string[] = [],
): { path: readonly string[]; items: unknown[] } | undefined {
  if (Array.isArray(value)) {
    if (value.length > 1 && value.every(isObject)) return { path, items: value };
    return value.length === 1 ? longList(value[0], [...path, "0"]) : undefined;
  }
  if (!isObject(value)) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = longList(inner, [...path, name]);
    if (found) return found;
  }
  return undefined;
}

function withList(value: unknown, [name, ...rest]: readonly string[], items: unknown[]): unknown {
  if (name === undefined) return items;
  if (Array.isArray(value)) return [withList(value[0], rest, items)];
  const object = value as Record<string, unknown>;
  return { ...object, [name]: withList(object[name], rest, items) };
}

/** What a record has in place of each value of another. */
function differences(from: unknown, to: unknown): [unknown, unknown][] {
  if (isDeepStrictEqual(from, to) || to === undefined) return [];
  const inner =
    isObject(from) && isObject(to) ? Object.entries(from).flatMap(([name, value]) => differences(value, to[name])) : [];
  return [[from, to], ...inner];
}

function substituted(value: unknown, changes: readonly [unknown, unknown][]): unknown {
  const change = changes.find(([from]) => isDeepStrictEqual(from, value));
  if (change) return change[1];
  if (Array.isArray(value)) return value.map((item) => substituted(item, changes));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, substituted(inner, changes)]));
}

/** Whether all that was listed is in a record as well. */
function includes(record: unknown, listed: unknown): boolean {
  return isObject(record) && isObject(listed)
    ? Object.entries(listed).every(([name, value]) => isDeepStrictEqual(record[name], value))
    : isDeepStrictEqual(record, listed);
}

/** Two answers in one: the outermost lists one after the other. */
function joined(first: unknown, second: unknown): unknown {
  if (Array.isArray(first) && Array.isArray(second)) return [...(first as unknown[]), ...(second as unknown[])];
  if (!isObject(first) || !isObject(second)) return second;
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      name in first && name in second ? joined(first[name], second[name]) : (second[name] ?? first[name]),
    ]),
  );
}

/** The answer with its outermost lists empty. */
function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, emptied(inner)]));
}
