import type { Pagination } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { atPointer, isObject, pointerTokens } from "../core/json.ts";
import type { CompiledPagination } from "../manifest/compile-reads.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { timeMs } from "../core/vendor-time.ts";
import { exampleOf } from "./example.ts";
import type { Forge } from "./forge.ts";
import { answerWith, merge, nest, satisfy, type AnswerPart } from "./invert.ts";
import { follows, goesByRecord, numeric, readKeyset } from "./order.ts";
import { readTarget, type Incoming, type Reply } from "./server.ts";

interface Entry {
  key: string;
  record: unknown;
  time: number;
  revision: number;
  deleted: boolean;
  /** The vendor does not list it before: its index is behind. */
  shownFrom: number;
  /** On which list it is, where the stream is read for each of several. */
  item: number;
}

export type ListKind = "list" | "baseline" | "recover" | "enrich" | "each";

/** Gives the body that holds these records, where the manifest's own `select` cannot be turned around. */
export type BodyOf = (records: readonly unknown[]) => unknown;

type Edit = (record: unknown, revision: number, time: number) => unknown;

/** Records of a page where the manifest does not fix a size by which the last page is known. */
export const PAGE = 2;
/** The same for pages that step back, which may hold fewer records of one time than a page has. */
export const STEPPING_PAGE = 4;

/** One stream of a vendor: its records, and every answer the manifest expects of it. Lists are made again for each page. */
export class Listing {
  /** Answers hold records twice: at the end of each page those it began with. */
  repeats = false;
  /** Cursors given until now are not taken any more; they are answered with this. */
  expired: Reply | undefined;
  /** The fields that only the last page may have also stand on the pages before, with a cursor that is long over. */
  decoys = false;
  /** Records of a page, whatever the request asks for. */
  size: number | undefined;
  /** The vendor's own order, where nobody asks for one. */
  order: "newest first" | "oldest first" = "newest first";
  readonly entries = new Map<string, Entry>();
  readonly #stream: CompiledStream;
  readonly #forge: Forge;
  readonly #clock: Clock;
  readonly #bodyOf: BodyOf | undefined;
  readonly #input: unknown;
  #items: unknown[] | undefined;
  #revision = 1;
  #expiredBelow = 0;
  #made = 0;
  /** The revision that the newest list's first page was made at: what came later is left to the next read. */
  #began = 0;

  constructor(stream: CompiledStream, forge: Forge, clock: Clock, bodyOf?: BodyOf) {
    this.#stream = stream;
    this.#forge = forge;
    this.#clock = clock;
    this.#bodyOf = bodyOf;
    this.#input = exampleOf(stream.definition.input ?? { type: "object" });
  }

  /** Why lists of several pages cannot be made; undefined when they can. */
  get onePage(): string | undefined {
    const { definition, stopWhen } = this.#stream.pagination;
    if (definition.type === "none") return "the stream has no pagination";
    if (!stopWhen) return undefined;
    const page = (last: boolean) => ({
      ...NOTHING,
      ...join(this.#body([{}, {}]), this.#stop(this.#stream.pagination, last)),
    });
    if (!stopWhen(page(false)) && stopWhen(page(true))) return undefined;
    return "an answer for which pagination.stop holds, and one for which it does not, cannot be made from its condition";
  }

  /** The items that the stream is read for, where it is read for each of a list: one, until a second is added. */
  get items(): readonly unknown[] {
    return (this.#items ??= [this.#firstItem()]);
  }

  addItem(): unknown {
    const added = another(this.items[0]);
    this.#items!.push(added);
    return added;
  }

  /** The sample's, else whatever the stream's request asks for. */
  #firstItem(): unknown {
    const { each, request } = this.#stream.definition;
    if (!each) return undefined;
    const places = JSON.stringify(request).matchAll(/[${]item(?:#\/|\.)([\w/~-]+)/g);
    const made = [...places].map(([, place]) => nest(pointerTokens(`/${place}`), "item-001")).reduce(merge, {});
    return merge(made, (this.#forge.create(1, 1, 0) as Record<string, unknown>)[each.into]);
  }

  /** Whether the manifest's `select` finds the records in the answers that are made for it. */
  get readable(): boolean {
    return this.#selected(this.#forge.create(901, 1, 0)).length === 1;
  }

  /** A record as its list shows it: `select` may add to it. */
  shown(record: unknown): unknown {
    return this.#bodyOf ? (this.#selected(record)[0] ?? record) : record;
  }

  #selected(record: unknown): readonly unknown[] {
    return this.recordsOf(this.#body([record]).body);
  }

  /** What the manifest selects of an answer; nothing of one that it does not take. */
  recordsOf(body: unknown): readonly unknown[] {
    try {
      return this.#stream.select({ ...NOTHING, body });
    } catch {
      return [];
    }
  }

  /** Makes a record and gives its key. `time` is when it says it changed. */
  create({ time = this.#now(), shownFrom = 0, edit }: { time?: number; shownFrom?: number; edit?: Edit } = {}): string {
    const made = this.#forge.create(++this.#made, ++this.#revision, time);
    const record = edit ? edit(made, this.#revision, time) : made;
    const key = this.#stream.key(this.shown(record), this.#input) ?? `without a key (${this.#made})`;
    this.entries.set(key, { key, record, time, revision: this.#revision, deleted: false, shownFrom, item: 0 });
    return key;
  }

  update(key: string, change?: { time?: number; edit?: Edit }): void {
    const entry = this.entries.get(key)!;
    const time = change?.time ?? this.#now();
    const revision = ++this.#revision;
    const edit = change?.edit ?? ((record: unknown) => this.#forge.update(record, revision, time));
    this.entries.set(key, { ...entry, record: edit(entry.record, revision, time), time, revision });
  }

  /** Changes a record, which from now on stands on the second list. */
  move(key: string): void {
    this.update(key);
    this.entries.get(key)!.item = 1;
  }

  remove(key: string): void {
    const entry = this.entries.get(key)!;
    const [revision, time] = [++this.#revision, this.#clock.now()];
    this.entries.set(key, {
      ...entry,
      record: this.#forge.tombstone(entry.record, revision, time),
      time,
      revision,
      deleted: true,
    });
  }

  /** Changes made between two polls have different times. */
  #now(): number {
    return this.#clock.now() + 1000 * (this.#revision % 30);
  }

  expire(reply: Reply): void {
    this.expired = reply;
    this.#expiredBelow = ++this.#revision;
  }

  /** `item`: for which of the items. */
  answer(kind: ListKind, request: Incoming, item = 0): Reply {
    const { cursor, enrich } = this.#stream;
    if (kind === "baseline")
      return answerOf(cursor.definition.type === "sequence" ? cursor.definition.baseline.from : "", this.#revision);
    if (kind === "each") return answerOf(this.#stream.definition.each!.select, this.items);
    if (kind === "enrich") return this.#enriched(enrich!.into, request);
    const { pagination, definition } =
      kind === "recover"
        ? { ...cursor.recover!, definition: cursor.definition }
        : { ...this.#stream, definition: cursor.definition };
    const page = this.#place(pagination, request);
    if (Number.isNaN(page.offset)) return { status: 422, body: { error: "not a page" } };
    const sent =
      definition.type === "syncToken" || definition.type === "sequence"
        ? readTarget(request, definition.to)
        : undefined;
    const since =
      kind === "recover"
        ? undefined
        : (page.since ?? (sent === undefined ? undefined : Number(/\d+$/.exec(String(sent))?.[0] ?? NaN)));
    if (Number.isNaN(since)) return { status: 422, body: { error: `not a cursor: ${String(sent)}` } };
    if (since !== undefined && since < this.#expiredBelow && this.expired) return this.expired;
    const found = this.#found(since, kind === "list" ? request : undefined).filter((entry) => entry.item === item);
    if (page.offset === 0 && !page.after) this.#began = this.#revision;
    const [size, start] = [this.#sizeOf(pagination.definition), page.began ?? this.#began];
    if (page.of) found.sort((a, b) => (follows(page.of!(a.record), page.of!(b.record)) ? 1 : -1));
    const offset = page.after ? found.findIndex(({ record }) => follows(page.of!(record), page.after!)) : page.offset;
    const shown = offset < 0 ? [] : found.slice(offset, offset + size);
    const last = offset < 0 || offset + size >= found.length;
    const records = shown.map(({ record }) => record);
    const repeated = this.repeats && (last || pagination.definition.type !== "offset") ? records.slice(0, 1) : [];
    let answer = this.#body([...records, ...repeated], kind === "recover");
    if (!last) answer = join(answer, this.#next(pagination, request, { since, start, offset: offset + size }));
    answer = join(answer, this.#stop(pagination, last));
    if (definition.type === "sequence" && kind === "list") return join(answer, answerOf(definition.from, start));
    if (definition.type !== "syncToken") return answer;
    if (last) return join(answer, answerOf(definition.from, `cursor-${start}`));
    return this.decoys ? join(answerOf(definition.from, "cursor-0"), answer) : answer;
  }

  /** The records that a read of this kind gets, in the vendor's order: newest first, but by the cursor's values for a keyset. */
  #found(since: number | undefined, request: Incoming | undefined): Entry[] {
    const { cursor, definition } = this.#stream;
    const { definition: by } = cursor;
    const tells = definition.deleted !== undefined || by.type === "syncToken";
    let found = [...this.entries.values()].filter((entry) => entry.shownFrom <= this.#clock.now());
    if (since !== undefined) found = found.filter((entry) => entry.revision > since && (tells || !entry.deleted));
    else if (by.type !== "updatedSince" || !definition.deleted) found = found.filter((entry) => !entry.deleted);
    if (by.type === "updatedSince" && by.to !== undefined && request) {
      const from = timeMs(numeric(readTarget(request, by.to)));
      if (from !== null) found = found.filter((entry) => entry.time >= from);
    }
    const newestFirst = this.order === "newest first" ? 1 : -1;
    if (by.type !== "keyset") return found.sort((a, b) => newestFirst * (b.revision - a.revision));
    const values = (entry: Entry) => cursor.ofRecord.flatMap((of) => of(entry.record));
    found.sort((a, b) => (follows(values(a), values(b)) ? 1 : -1));
    const after = request && readKeyset(request, by.to);
    return after ? found.filter((entry) => follows(values(entry), after)) : found;
  }

  /** Where the asked-for page begins. */
  #place(pagination: CompiledPagination, request: Incoming): Place {
    const p = pagination.definition;
    if (p.type === "page")
      return { offset: (Number(readTarget(request, p.to) ?? p.start ?? 1) - (p.start ?? 1)) * this.#sizeOf(p) };
    if (p.type === "offset") return { offset: Number(readTarget(request, p.to) ?? p.start ?? 0) - (p.start ?? 0) };
    if ((p.type === "token" || p.type === "keyset") && goesByRecord(p.from)) {
      const values = readKeyset(request, p.to);
      const of = (record: unknown) =>
        pagination.from.flatMap((from) => from({ response: NOTHING, lastRecord: record }));
      return { offset: 0, after: values, of };
    }
    const token =
      p.type === "token" || p.type === "keyset" ? readKeyset(request, p.to)?.[0] : request.query.get("kit_page");
    const [, since, began, offset] = /^page-(\d*)-(\d+)-(\d+)$/.exec(String(token ?? "")) ?? [];
    if (offset === undefined) return token === undefined || token === null ? { offset: 0 } : { offset: Number.NaN };
    return { offset: Number(offset), began: Number(began), since: since === "" ? undefined : Number(since) };
  }

  #next(
    { definition: p }: CompiledPagination,
    request: Incoming,
    at: { since: number | undefined; start: number; offset: number },
  ): AnswerPart {
    const token = `page-${at.since ?? ""}-${at.start}-${at.offset}`;
    if (p.type === "token" || p.type === "keyset") {
      return goesByRecord(p.from)
        ? {}
        : [p.from]
            .flat()
            .map((place) => answerOf(place, token))
            .reduce(join);
    }
    if (p.type !== "link") return {};
    const query = new URLSearchParams(request.query);
    query.set("kit_page", token);
    const url = `http://${request.headers.host}${request.path}?${query}`;
    return p.from === undefined ? { headers: { link: `<${url}>; rel="next"` } } : answerOf(p.from, url);
  }

  #stop({ definition: p }: CompiledPagination, last: boolean): AnswerPart {
    const stop = "stop" in p && typeof p.stop === "object" ? p.stop : undefined;
    return stop ? ((satisfy(stop.when, last) as AnswerPart | undefined) ?? {}) : {};
  }

  /** An empty list is left out altogether where it may be, as many vendors do. */
  #body(records: readonly unknown[], recovering = false): AnswerPart {
    const { cursor, records: listed } = this.#stream.definition;
    const single = cursor.type === "snapshot" && cursor.single === true;
    const recovered = recovering && cursor.type === "sequence" ? cursor.recover?.records : undefined;
    const place = recovered ?? listed;
    if (this.#bodyOf && !recovered) return { body: this.#bodyOf(records) };
    const first = [place.select].flat()[0]!;
    if (records.length === 0 && place.optional && !place.expect) return { body: {} };
    return answerWith(first, single ? (records[0] ?? {}) : records) ?? {};
  }

  /** Whether pages are continued behind the last record, in the order that this takes. */
  get isOrdered(): boolean {
    const p = this.#stream.pagination.definition;
    return (p.type === "token" || p.type === "keyset") && goesByRecord(p.from);
  }

  #sizeOf(p: Pagination): number {
    return p.type === "none" ? Infinity : (this.size ?? p.pageSize?.value ?? PAGE);
  }

  /** The record that a request by itself asks for. */
  asked({ path, query }: Incoming): Entry | undefined {
    const asked = decodeURIComponent(path) + query.toString();
    const keys = [this.#stream.definition.records.primaryKey].flat();
    const isAsked = ({ key, record }: Entry): boolean =>
      asked.includes(key) ||
      (keys.length > 1 && keys.map((at) => atPointer(record, at)).some((id) => isId(id) && asked.includes(id)));
    return [...this.entries.values()].find((one) => !one.deleted && isAsked(one));
  }

  #enriched(into: string | undefined, request: Incoming): Reply {
    const entry = this.asked(request);
    if (!entry) return { status: 404, body: { error: "no such record" } };
    const found = into === undefined ? entry.record : (entry.record as Record<string, unknown>)[into];
    return answerOf(this.#stream.definition.enrich!.select ?? "$response.body", found);
  }
}

interface Place {
  offset: number;
  /** The revision that the list's first page was made at, and the cursor it was asked with. */
  began?: number;
  since?: number;
  /** Pages continue after the last record: what a record has for that, and what the last one had. */
  of?: (record: unknown) => unknown[];
  after?: unknown[];
}

const NOTHING = { status: 200, headers: {}, body: {} };

/** The same with other texts. */
function another(item: unknown): unknown {
  if (typeof item === "string") return `${item}-2`;
  return isObject(item)
    ? Object.fromEntries(Object.entries(item).map(([name, value]) => [name, another(value)]))
    : item;
}

const isId = (value: unknown): value is string => typeof value === "string" && value.length >= 6;
const answerOf = (place: Parameters<typeof answerWith>[0], wanted: unknown): AnswerPart =>
  answerWith(place, wanted) ?? {};
const join = (first: AnswerPart, second: AnswerPart): AnswerPart => merge(first, second) as AnswerPart;
