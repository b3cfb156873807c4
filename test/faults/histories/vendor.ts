import type { ManualClock } from "../../../runtime/core/clock.ts";
import type { VendorResponse } from "../../../runtime/vendor/response.ts";
import type { TransportRequest } from "../../../runtime/vendor/transports/transport.ts";
import { Sessions } from "./sessions.ts";
import { EXPIRED, strategyOf, type Kind, type Strategy } from "./streams.ts";

/** A record as the vendor lists it, apart from the list it is in. */
export interface Item {
  id: string;
  value: number;
  version: number;
  list: string;
  /** Milliseconds since the epoch, by the vendor's clock. */
  updated: number;
  created: number;
  /** Whether the span of a window has it. */
  isNear: boolean;
  previous: string[];
}

/** One change in the vendor's log. `item` is undefined for a deletion. */
export interface Entry {
  at: number;
  id: string;
  item: Item | undefined;
  /** The record that this one was merged into, or renamed to. */
  heir?: string;
}

export type ChangeKind = "create" | "update" | "revert" | "delete" | "rename" | "merge" | "move";
export interface Edit {
  kind: ChangeKind;
  /** Chooses the record. */
  pick: number;
  /** Seconds that pass before it. */
  after: number;
}

export const ok = (body: unknown): VendorResponse => ({ status: 200, headers: {}, url: "", body });
export const refusal = (status: number, body: unknown): VendorResponse => ({ ...ok(body), status });

export const LISTS = ["one", "two"];

/** How the vendor refuses a cursor it no longer knows. */
export type Words = "declared" | "invalid" | "forbidden" | "missing";
const REFUSED: Record<Words, VendorResponse> = {
  declared: refusal(400, EXPIRED),
  invalid: refusal(422, { message: "bad parameter" }),
  forbidden: refusal(403, { message: "no" }),
  missing: refusal(404, { message: "not here" }),
};

/** A vendor that answers without fault: records that live, and a log of all that has ever changed. */
export class ModelVendor {
  readonly kind: Kind;
  readonly strategy: Strategy;
  readonly clock: ManualClock;
  readonly sessions: Sessions;
  readonly items = new Map<string, Item>();
  readonly log: Entry[] = [];
  readonly #pageSize: number;
  /** Whether a renamed or merged record also leaves a deletion under its old key. */
  readonly #marksRenames: boolean;
  /** Milliseconds by which the vendor's clock is ahead. */
  drift = 0;
  /** Cursors that begin before this place in the log are refused. */
  #knownFrom = 0;
  #words: Words = "declared";
  /** Tokens of pages that were given before are refused. */
  #pageEpoch = 0;
  #serial = 0;
  readonly #retired = new Set<string>();

  constructor(kind: Kind, clock: ManualClock, { pageSize, marksRenames }: { pageSize: number; marksRenames: boolean }) {
    this.kind = kind;
    this.strategy = strategyOf(kind);
    this.clock = clock;
    this.#pageSize = pageSize;
    this.#marksRenames = marksRenames;
    this.sessions = new Sessions(this);
  }

  get now(): number {
    return this.clock.now() + this.drift;
  }

  edit({ kind, pick, after }: Edit): void {
    this.clock.advance(after * 1000);
    const { strategy } = this;
    const alive = [...this.items.values()];
    const item = alive[pick % Math.max(alive.length, 1)];
    if (kind === "create" || !item) return this.#create(pick);
    switch (kind) {
      case "update":
        return this.#save({ ...item, value: ++this.#serial });
      case "revert": {
        const before = this.log.filter((entry) => entry.id === item.id && entry.item).at(-2)?.item;
        return this.#save({ ...item, value: before?.value ?? ++this.#serial });
      }
      case "delete":
        return this.#remove(item.id);
      case "move":
        if (strategy.hasLists) return this.#save({ ...item, list: item.list === "one" ? "two" : "one" });
        return this.#save({ ...item, isNear: !item.isNear || this.kind !== "window", value: ++this.#serial });
      case "rename":
        return this.#inherit({ ...item, id: this.#newId(), previous: [], created: this.now }, item);
      case "merge": {
        const heir = alive[(pick + 1) % alive.length]!;
        return this.#inherit({ ...heir, value: ++this.#serial }, heir === item ? undefined : item);
      }
    }
  }

  /** All cursors and page tokens that were given so far are unknown from now on. */
  forgetCursors(words: Words): void {
    this.#knownFrom = this.log.length + 1;
    // So that the next cursor is another one.
    this.log.push({ at: this.clock.now(), id: "", item: undefined });
    this.#words = words;
  }

  forgetPages(): void {
    this.#pageEpoch++;
  }

  #newId(): string {
    return `r${++this.#serial}`;
  }

  #create(pick: number): void {
    const dead = this.log.find(({ id, item }) => id !== "" && !item && !this.items.has(id) && !this.#retired.has(id));
    // A record that is asked for by its id says nothing of the one before that had it.
    const id = pick % 3 === 0 && dead && this.kind !== "history" ? dead.id : this.#newId();
    const facts = { updated: 0, version: 0, created: this.now, previous: [], isNear: true };
    this.#save({ id, value: ++this.#serial, list: LISTS[pick % 2]!, ...facts });
  }

  #save(item: Item): void {
    const saved = { ...item, updated: this.now, version: this.log.length + 1 };
    // What changes goes to the end, as in a list by time of change.
    if (this.kind !== "shifting") this.items.delete(item.id);
    this.items.set(item.id, saved);
    this.#write({ id: item.id, item: saved });
  }

  #remove(id: string, heir?: string): void {
    this.items.delete(id);
    this.#write({ id, item: undefined, ...(heir !== undefined && { heir }) });
  }

  /** One record takes the place of another. */
  #inherit(heir: Item, item: Item | undefined): void {
    const previous = item && this.strategy.namesPreviousKeys ? [item.id, ...item.previous] : [];
    // Keys that records are known to have had are not given to others.
    if (item && this.strategy.namesPreviousKeys) this.#retired.add(item.id).add(heir.id);
    if (item) this.#remove(item.id, heir.id);
    this.#save({ ...heir, previous: [...new Set([...heir.previous, ...previous])] });
  }

  #write(entry: Omit<Entry, "at">): void {
    this.log.push({ at: this.clock.now(), ...entry });
    this.sessions.changed(entry.id, entry.item);
  }

  /** All that was alive after so many entries of the log. */
  aliveAt(revision: number): Map<string, Item> {
    if (revision >= this.log.length) return this.items;
    const alive = new Map<string, Item>();
    for (const { id, item } of this.log.slice(0, revision)) {
      alive.delete(id);
      if (item) alive.set(id, item);
    }
    return alive;
  }

  /** The honest answer as of a place in the log, which is in the past for a replica that lags. */
  answer({ path = "", query = {} }: TransportRequest, revision = this.log.length): VendorResponse {
    const asked = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const { page, token, start, list } = asked;
    if (path === "/profile") return ok({ number: String(revision) });
    if (path.startsWith("/one/")) {
      const item = this.aliveAt(revision).get(path.slice(5));
      return item ? ok(item) : refusal(404, { message: "gone" });
    }
    if (path === "/lists") return ok({ items: LISTS.map((id) => ({ id })) });
    const cursor = token ?? start;
    if (cursor !== undefined && Number(cursor) < this.#knownFrom) return REFUSED[this.#words];
    // A page token names where in the log its list was begun, and after which record it goes on.
    const [epoch, begun = String(Math.max(revision, Number(cursor ?? 0))), after = ""] = page?.split(":") ?? [];
    if (epoch !== undefined && Number(epoch) < this.#pageEpoch) return refusal(400, { message: "Invalid page token" });
    if (path === "/recover") return this.#recovery(Number(asked["since"]), revision, begun, after);
    if (start !== undefined) return this.#history(Math.max(Number(start), Number(after)), revision, begun);
    if (token !== undefined) return this.#changes(Number(token), revision, begun, list, after);
    if (asked["offset"] !== undefined) {
      const offset = Number(asked["offset"]);
      return ok({ items: [...this.aliveAt(revision).values()].slice(offset, offset + this.#pageSize) });
    }
    if (this.kind === "keyset") return this.#keyset(asked, revision);
    if (this.kind === "descending") return this.#descending(begun, after, revision);
    if (this.kind === "flagged") return this.#flagged(asked["since"], begun, after, revision);
    const since = asked["since"] === undefined ? -Infinity : Date.parse(asked["since"]);
    const rows = this.#alive(revision, after).filter(
      (item) => item.updated >= since && (list ?? item.list) === item.list,
    );
    return this.#paged(this.kind === "window" ? rows.filter(({ isNear }) => isNear) : rows, begun);
  }

  /** Living records after a key, in the order of keys. */
  #alive(revision: number, after: string): Item[] {
    return [...this.aliveAt(revision).values()].filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** One page; the last has the token that a list of changes begins with. */
  #paged(rows: readonly { id: string }[], begun: string): VendorResponse {
    const items = rows.slice(0, this.#pageSize);
    return ok({
      items,
      ...(rows.length > items.length ? { page: this.#page(begun, items.at(-1)!.id) } : { next: begun }),
    });
  }

  #page(begun: string, after: string): string {
    return `${this.#pageEpoch}:${begun}:${after}`;
  }

  /** What has changed since a time, epoch seconds, and is still there; a record has to be asked for by its id. */
  #recovery(since: number, revision: number, begun: string, after: string): VendorResponse {
    const rows = this.#alive(revision, after).filter(({ updated }) => updated >= since * 1000);
    return this.#paged(
      rows.map(({ id, updated }) => ({ id, updated })),
      begun,
    );
  }

  /** What has changed since a token, once for each record; of one list, what has left it is deleted there. */
  #changes(token: number, revision: number, begun: string, list: string | undefined, after: string): VendorResponse {
    const alive = this.aliveAt(revision);
    const oldest = this.kind === "tombstones" ? this.clock.now() - this.strategy.keptMs : -Infinity;
    const ids = new Map(this.log.slice(token, revision).map((entry) => [entry.id, entry]));
    const rows: object[] = [];
    for (const [id, entry] of ids) {
      const item = alive.get(id);
      if (item && (list === undefined || item.list === list)) rows.push(item);
      else if (id === "" || entry.at < oldest) continue;
      else if (list !== undefined && item && !this.#wasIn(list, id)) continue;
      else if (!item && entry.heir !== undefined && this.strategy.namesPreviousKeys && !this.#marksRenames) continue;
      else rows.push({ id, deleted: true, previous: this.#lastOf(id)?.previous ?? [] });
    }
    const sorted = (rows as Item[]).filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.#paged(sorted, begun);
  }

  #wasIn(list: string, id: string): boolean {
    return this.log.some((entry) => entry.id === id && entry.item?.list === list);
  }

  #lastOf(id: string): Item | undefined {
    return this.log.findLast((entry) => entry.id === id && entry.item)?.item;
  }

  #history(start: number, revision: number, begun: string): VendorResponse {
    const rows = this.log
      .slice(start, revision)
      .map(({ id, item }, i) => ({ id, n: start + i + 1, ...(!item && { deleted: true }) }));
    const items = rows.slice(0, this.#pageSize);
    const page = rows.length > items.length ? { page: this.#page(begun, String(items.at(-1)!.n)) } : {};
    return ok({ items: items.filter(({ id }) => id !== ""), number: String(revision), ...page });
  }

  #keyset({ after, afterId }: Record<string, string>, revision: number): VendorResponse {
    const time = Number(after ?? -Infinity);
    const isLater = ({ updated, id }: Item): boolean => updated > time || (updated === time && id > (afterId ?? ""));
    const sorted = [...this.aliveAt(revision).values()].sort(byTime).filter(isLater);
    return ok({ items: sorted.slice(0, this.#pageSize) });
  }

  #descending(begun: string, after: string, revision: number): VendorResponse {
    const [time, id] = after === "" ? [Infinity, ""] : [Number(after.split("/")[0]), after.split("/")[1]!];
    const isEarlier = (item: Item): boolean => item.updated < time || (item.updated === time && item.id < id);
    const rows = [...this.aliveAt(revision).values()].sort((a, b) => byTime(b, a)).filter(isEarlier);
    const items = rows.slice(0, this.#pageSize);
    const last = items.at(-1);
    return ok({
      items,
      ...(rows.length > items.length && { page: this.#page(begun, `${last!.updated}/${last!.id}`) }),
    });
  }

  /** Deletions stay in the list for as long as the vendor keeps them. */
  #flagged(since: string | undefined, begun: string, after: string, revision: number): VendorResponse {
    const from = since === undefined ? -Infinity : Date.parse(since);
    const rows: object[] = this.#alive(revision, after).filter(({ updated }) => updated >= from);
    const gone = new Map(this.log.slice(0, revision).map((entry) => [entry.id, entry]));
    const oldest = this.clock.now() - this.strategy.keptMs;
    for (const { id, item, at } of gone.values()) {
      if (!item && id > after && at >= Math.max(oldest, from) && since !== undefined)
        rows.push({ id, deleted: true, updated: at });
    }
    return this.#paged(
      (rows as Item[]).sort((a, b) => (a.id < b.id ? -1 : 1)),
      begun,
    );
  }
}

const byTime = (a: Item, b: Item): number => a.updated - b.updated || (a.id < b.id ? -1 : 1);
