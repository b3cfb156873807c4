import type { Pagination, Target } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { pointerTokens } from "../core/json.ts";
import type { CompiledPagination } from "../manifest/compile-reads.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { timeMs } from "../read/cursors.ts";
import { exampleOf } from "./example.ts";
import type { Forge } from "./forge.ts";
import { answerWith, matching, merge, nest, satisfy, type AnswerPart } from "./invert.ts";
import { readTarget, type Incoming, type Reply } from "./server.ts";

interface Entry {
  key: string;
  record: unknown;
  time: number;
  revision: number;
  deleted: boolean;
  /** The vendor does not list it before: its index is behind. */
  shownFrom: number;
}

export type ListKind = "list" | "baseline" | "recover" | "enrich" | "each";

/** Gives the body that holds these records, where the manifest's own `select` cannot be turned around. */
export type BodyOf = (records: readonly unknown[]) => unknown;

type Edit = (record: unknown, revision: number, time: number) => unknown;

/** Records of a page where the manifest does not fix a size by which the last page is known. */
export const PAGE = 2;

/** One stream of a vendor: its records, and every answer the manifest expects of it. Lists are made again for each page. */
export class Listing {
  /** Answers hold records twice: at the end of each page those it began with. */
  repeats = false;
  /** Cursors given until now are not taken any more; they are answered with this. */
  expired: Reply | undefined;
  /** The fields that only the last page may have also stand on the pages before, with a cursor that is long over. */
  decoys = false;
  readonly entries = new Map<string, Entry>();
  readonly #stream: CompiledStream;
  readonly #forge: Forge;
  readonly #clock: Clock;
  readonly #bodyOf: BodyOf | undefined;
  readonly #input: unknown;
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

  /** The one item that the stream is read for, where it is read for each of a list: the sample's, else whatever its request asks for. */
  get item(): unknown {
    const { each, request } = this.#stream.definition;
    if (!each) return undefined;
    const pointers = JSON.stringify(request).matchAll(/\$item#([\w/~-]+)/g);
    const made = [...pointers].map(([, pointer]) => nest(pointerTokens(pointer!), "item-001")).reduce(merge, {});
    return merge(made, (this.#forge.create(1, 1, 0) as Record<string, unknown>)[each.into]);
  }

  /** Whether the manifest's `select` finds the records in the answers that are made for it. */
  get readable(): boolean {
    try {
      return this.#stream.select({ ...NOTHING, ...this.#body([this.#forge.create(901, 1, 0)]) }).length === 1;
    } catch {
      return false;
    }
  }

  /** Makes a record and gives its key. `time` is when it says it changed. */
  create({ time = this.#now(), shownFrom = 0, edit }: { time?: number; shownFrom?: number; edit?: Edit } = {}): string {
    const made = this.#forge.create(++this.#made, ++this.#revision, time);
    const record = edit ? edit(made, this.#revision, time) : made;
    const key = this.#stream.key(record, this.#input) ?? `without a key (${this.#made})`;
    this.entries.set(key, { key, record, time, revision: this.#revision, deleted: false, shownFrom });
    return key;
  }

  update(key: string, change?: { time?: number; edit?: Edit }): void {
    const entry = this.entries.get(key)!;
    const time = change?.time ?? this.#now();
    const revision = ++this.#revision;
    const edit = change?.edit ?? ((record: unknown) => this.#forge.update(record, revision, time));
    this.entries.set(key, { ...entry, record: edit(entry.record, revision, time), time, revision });
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

  answer(kind: ListKind, request: Incoming): Reply {
    const { cursor, enrich } = this.#stream;
    if (kind === "baseline")
      return answerOf(cursor.definition.type === "sequence" ? cursor.definition.baseline.from : "", this.#revision);
    if (kind === "each") return answerOf(this.#stream.definition.each!.select, [this.item]);
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
    const found = this.#found(since, kind === "list" ? request : undefined);
    if (page.offset === 0 && !page.after) this.#began = this.#revision;
    const [size, start] = [pageSize(pagination.definition), page.began ?? this.#began];
    if (page.of) found.sort((a, b) => (follows(page.of!(a.record), page.of!(b.record)) ? 1 : -1));
    const offset = page.after ? found.findIndex(({ record }) => follows(page.of!(record), page.after!)) : page.offset;
    const shown = offset < 0 ? [] : found.slice(offset, offset + size);
    const last = offset < 0 || offset + size >= found.length;
    const records = shown.map(({ record }) => record);
    let answer = this.#body(
      this.repeats && (last || pagination.definition.type !== "offset")
        ? [...records, ...records.slice(0, 1)]
        : records,
    );
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
    if (by.type !== "keyset") return found.sort((a, b) => b.revision - a.revision);
    const values = (entry: Entry) => cursor.ofRecord.flatMap((of) => of(entry.record));
    found.sort((a, b) => (follows(values(a), values(b)) ? 1 : -1));
    const after = request && readKeyset(request, by.to);
    return after ? found.filter((entry) => follows(values(entry), after)) : found;
  }

  /** Where the asked-for page begins. */
  #place(pagination: CompiledPagination, request: Incoming): Place {
    const p = pagination.definition;
    if (p.type === "page")
      return { offset: (Number(readTarget(request, p.to) ?? p.start ?? 1) - (p.start ?? 1)) * pageSize(p) };
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
  #body(records: readonly unknown[]): AnswerPart {
    const { cursor, records: place } = this.#stream.definition;
    const single = cursor.type === "snapshot" && cursor.single === true;
    if (this.#bodyOf) return { body: this.#bodyOf(records) };
    const first = [place.select].flat()[0]!;
    if (records.length === 0 && place.optional && !place.expect) return { body: {} };
    return answerWith(first, single ? (records[0] ?? {}) : records) ?? {};
  }

  #enriched(into: string | undefined, { path, query }: Incoming): Reply {
    const asked = decodeURIComponent(path) + query.toString();
    const entry = [...this.entries.values()].find(({ key, deleted }) => !deleted && asked.includes(key));
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

/** How the vendor says that a cursor has expired, once for each of the manifest's matchers that can be turned around. */
export function expiries(connector: {
  errors?: readonly Parameters<typeof matching>[0][];
}): { name: string; reply: Reply | undefined }[] {
  return (connector.errors ?? []).flatMap((matcher, index) => {
    if (matcher.class !== "cursorExpired" || (matcher.scope ?? "stream") !== "stream") return [];
    const statuses = matcher.status ?? [400];
    return statuses.map((status) => ({
      name: `errors[${index}], ${status}`,
      reply: matching({ ...matcher, status: [status] }),
    }));
  });
}

const goesByRecord = (from: string | string[]): boolean =>
  [from].flat().some((place) => place.startsWith("$lastRecord"));

function pageSize(p: Pagination): number {
  if (p.type === "none") return Infinity;
  return p.pageSize?.value ?? PAGE;
}

function readKeyset(request: Incoming, to: Target | Target[]): unknown[] | undefined {
  const values = [to].flat().map((target) => readTarget(request, target));
  return values.every((value) => value === undefined || value === null) ? undefined : values.flat();
}

/** Whether the values stand strictly after others: times as times, then texts. */
function follows(values: readonly unknown[], others: readonly unknown[]): boolean {
  for (let i = 0; i < Math.max(values.length, others.length); i++) {
    const [a, b] = [comparable(values[i]), comparable(others[i])];
    if (a !== b) return a > b;
  }
  return false;
}

function comparable(value: unknown): string {
  const time = timeMs(value);
  return time === null ? String(value) : String(time).padStart(16, "0");
}

const numeric = (value: unknown): unknown => (typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value);
const answerOf = (place: Parameters<typeof answerWith>[0], wanted: unknown): AnswerPart =>
  answerWith(place, wanted) ?? {};
const join = (first: AnswerPart, second: AnswerPart): AnswerPart => merge(first, second) as AnswerPart;
