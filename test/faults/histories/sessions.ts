import type { VendorResponse } from "../../../runtime/vendor/response.ts";
import type { TransportRequest } from "../../../runtime/vendor/transports/transport.ts";
import type { Item, ModelVendor } from "./vendor.ts";

/** What the vendor's answers have let a reader believe of a record from some moment on. */
export interface Sight {
  at: number;
  /** Names the version; null while there is no such record. */
  state: string | null;
  /** Whether it was so. Otherwise an answer only had it so: of a replica that lagged, or of a list that left it out. */
  isReal: boolean;
}

/** One walk through the vendor's list. */
interface Session {
  begunAt: number;
  /** Whether no request of it had a cursor. */
  isComplete: boolean;
  isOver: boolean;
  /** What each place of the list last had: an answer that a reader could not keep is asked for again. */
  pages: Map<string, string[]>;
  /** Alive from its beginning until now. */
  alive: Set<string>;
  lists: string[];
  /** Lists that were read to their end, or could not be had. */
  over: Set<string>;
  missed: Set<string>;
  /** Lists that fail, and since when. */
  failing: Map<string, number>;
}

/** So many may be missing at once, and such a share, before a second read is expected. A little above the product's own bounds. */
const FEW = 22;
const DOUBTED = 0.3;
const HELD = 0.6;
const SECOND_READ_MS = 60_000;
const RELEASE_MS = 24 * 3_600_000;

/** Names a version of a record as told events do. */
export function stateOf(vendor: ModelVendor, item: Pick<Item, "value" | "version" | "list">): string {
  if (vendor.kind === "shifting") return `version ${item.version}`;
  return vendor.strategy.hasLists ? `${item.value} in ${item.list}` : String(item.value);
}

/**
 * What a reader of the vendor's answers can have seen of each record: the log of changes, and what answers said that was not so.
 * Nobody can know better than the answers: what they all leave out has gone, as far as a reader can tell. But what would be much
 * to lose is to be looked for in a second read.
 */
export class Sessions {
  readonly sights = new Map<string, Sight[]>();
  /** Whether the first read has ended: until then nothing is missed. */
  isBaselined = false;
  /** Whether the last read has ended. */
  isAtRest = false;
  readonly #vendor: ModelVendor;
  /**
   * Records that a complete read was told do not exist, of a stream that is not read completely again: nobody can know better
   * until they change.
   */
  readonly denied = new Set<string>();
  /** Records that were listed and could not be had when they were asked for. */
  readonly unread = new Set<string>();
  readonly #everServed = new Set<string>();
  /** The list in which each record was served last, and all of them: a reader that dies may know it of another. */
  readonly #lastIn = new Map<string, string>();
  readonly #everIn = new Map<string, Set<string>>();
  #session: Session;
  /** As it was when its place was committed last. */
  #kept: Session;
  #suspicion: { at: number; isMost: boolean; isEmpty: boolean } | undefined;

  constructor(vendor: ModelVendor) {
    this.#vendor = vendor;
    this.#session = this.#begin(false);
    this.#kept = copyOf(this.#session);
  }

  /** To be called when the place of the reader is committed: it goes on from here. */
  keep(): void {
    this.#kept = copyOf(this.#session);
  }

  /** To be called when a poll begins: of what was answered since the reader's place was committed, it knows nothing. */
  goOn(): void {
    this.#session = copyOf(this.#kept);
  }

  /** A record has changed in truth. */
  changed(id: string, item: Item | undefined): void {
    if (!item) for (const { alive } of [this.#session, this.#kept]) alive.delete(id);
    this.denied.delete(id);
    if (id === "") return;
    // Who moves while the lists are read one after the other is in neither of them, and tokens show no more than that.
    const before = this.sights.get(id)?.at(-1)?.state ?? null;
    const hasMoved = item !== undefined && before !== null && before !== this.#stateOf(item);
    if (this.#vendor.kind === "list_tokens" && !this.isAtRest && hasMoved) this.#see(id, null, false);
    this.#see(id, this.#stateOf(item), true);
  }

  /** To be called with each answer that reached the reader; it is of what the vendor had at `revision`. */
  served(request: TransportRequest, { body }: VendorResponse, revision: number): void {
    const { path, query = {} } = request;
    if (path === "/profile" || path!.startsWith("/one/")) return;
    this.#continue(request);
    if (revision < this.#vendor.log.length) this.#seeStale(revision);
    const session = this.#session;
    const { items, page } = body as { items: { id?: string; deleted?: boolean }[]; page?: string };
    const ids = items.flatMap(({ id }) => id ?? []);
    if (path === "/lists") {
      session.lists = [...new Set(ids)];
      if (ids.length > 0 || page !== undefined) return;
    } else {
      const alive = items.flatMap(({ id, deleted }) => (id === undefined || deleted ? [] : [id]));
      session.pages.set(JSON.stringify(query), alive);
      for (const id of alive) this.#everServed.add(id);
      if (alive.length > 0 && this.#suspicion?.isEmpty) this.#suspicion = undefined;
    }
    const endsEmpty = "offset" in query || this.#vendor.kind === "keyset";
    const isLastPage = endsEmpty ? items.length === 0 : page === undefined;
    const list = query["list"];
    if (typeof list === "string") {
      for (const { id, deleted } of items) if (id !== undefined && !deleted) this.#servedIn(id, list);
      session.missed.delete(list);
      if (isLastPage) session.over.add(list);
    }
    if (isLastPage && this.#isLastList(session, path!)) this.#end(session);
  }

  #servedIn(id: string, list: string): void {
    this.#lastIn.set(id, list);
    this.#everIn.set(id, (this.#everIn.get(id) ?? new Set()).add(list));
  }

  /** To be called when a list could not be had. What is in no other may have moved into it. */
  failed(list: string): void {
    const session = this.#session;
    session.over.add(list);
    session.missed.add(list);
    const now = this.#vendor.clock.now();
    if (!session.failing.has(list)) session.failing.set(list, now);
    // What is in no other list is believed to be gone after a day, as where all lists answer.
    if (now - session.failing.get(list)! >= RELEASE_MS) this.#movedInto(list);
    if (this.#isLastList(session, "/list")) this.#end(session);
  }

  #movedInto(list: string): void {
    for (const item of this.#vendor.items.values()) {
      const wasElsewhere = [...(this.#everIn.get(item.id) ?? [])].some((other) => other !== list);
      if (item.list === list && wasElsewhere) this.#seeFor(item.id, null);
    }
  }

  #isLastList(session: Session, path: string): boolean {
    if (!this.#vendor.strategy.hasLists || path === "/lists") return true;
    return session.lists.every((list) => session.over.has(list));
  }

  /** The session that a request belongs to is the current one from now on. */
  #continue({ path, query = {} }: TransportRequest): void {
    const { page, offset, after, since, token, start } = query;
    const isFirst = page === undefined && after === undefined && (offset === undefined || offset === 0);
    const hasCursor = [token, start, since].some((cursor) => cursor !== undefined);
    const { kind, strategy } = this.#vendor;
    if (path === "/lists" || (isFirst && !strategy.hasLists)) this.#session = this.#begin(path !== "/recover");
    else if (this.#session.isOver && (hasCursor || kind === "keyset")) this.#session = this.#begin(false);
    if (hasCursor) this.#session.isComplete = false;
    this.isAtRest = false;
  }

  #begin(isComplete: boolean): Session {
    const alive = new Set(this.#vendor.items.keys());
    const begunAt = this.#vendor.clock.now();
    return {
      begunAt,
      isComplete,
      isOver: false,
      pages: new Map(),
      alive,
      lists: [],
      over: new Set(),
      missed: new Set(),
      failing: new Map(this.#session?.failing),
    };
  }

  #end(session: Session): void {
    session.isOver = true;
    const served = new Set([...session.pages.values()].flat());
    const { kind, strategy } = this.#vendor;
    for (const list of session.lists) if (!session.missed.has(list)) session.failing.delete(list);
    const meansAbsence = strategy.deletions !== "unseen" || kind === "window";
    if (session.isComplete && (meansAbsence || !this.isBaselined)) {
      const begunAgo = (at = 0): number => this.#vendor.clock.now() - at;
      // Nobody knows what is in a list that could not be had.
      const alive = [...session.alive].filter((id) => !session.missed.has(this.#lastIn.get(id) ?? this.#listOf(id)));
      const known = alive.filter((id) => this.#everServed.has(id));
      const unlisted = alive.filter((id) => !served.has(id));
      const missing = known.filter((id) => !served.has(id)).length;
      // A first read that begins again is doubted like any other; an empty answer after it is the second one.
      const isBelievable = this.#isBelievable(session.begunAt, served.size, missing, known.length);
      const mayHaveMoved = [...session.missed].some((list) => begunAgo(session.failing.get(list)) < RELEASE_MS);
      if (!this.isBaselined || (isBelievable && !mayHaveMoved)) {
        for (const id of unlisted) this.#seeFor(id, null);
        if (strategy.deletions === "shown") for (const id of unlisted) this.denied.add(id);
      }
    }
  }

  #listOf(id: string): string {
    return this.#vendor.items.get(id)?.list ?? "";
  }

  #isBelievable(begunAt: number, served: number, missing: number, known: number): boolean {
    const isMuch = (share: number): boolean => missing > FEW && missing > share * known;
    // What has truly gone is missed as well.
    const isEmpty = served === 0 && this.#everServed.size > 0;
    if (!isEmpty && !isMuch(DOUBTED)) {
      this.#suspicion = undefined;
      return true;
    }
    // What has only left a window is not held.
    const isMost = this.#vendor.strategy.deletions !== "unseen" && isMuch(HELD);
    const { at, isMost: wasMost } = (this.#suspicion ??= { at: begunAt, isMost, isEmpty });
    return begunAt - at >= (isMost && wasMost ? RELEASE_MS : SECOND_READ_MS);
  }

  #seeStale(revision: number): void {
    const { items } = this.#vendor;
    const then = this.#vendor.aliveAt(revision);
    for (const id of new Set([...items.keys(), ...then.keys()])) {
      const state = this.#stateOf(then.get(id));
      if (state !== this.#stateOf(items.get(id))) this.#seeFor(id, state);
    }
  }

  /** An answer has a record so; then it is as it is. */
  #seeFor(id: string, state: string | null): void {
    this.#see(id, state, false);
    this.#see(id, this.#stateOf(this.#vendor.items.get(id)), true);
  }

  #see(id: string, state: string | null, isReal: boolean): void {
    const sights = this.sights.get(id) ?? [];
    this.sights.set(id, sights);
    sights.push({ at: this.#vendor.clock.now(), state, isReal });
  }

  #stateOf(item: Item | undefined): string | null {
    return item && item.isNear ? stateOf(this.#vendor, item) : null;
  }
}

const copyOf = (session: Session): Session => ({
  ...session,
  pages: new Map(session.pages),
  alive: new Set(session.alive),
  over: new Set(session.over),
  missed: new Set(session.missed),
  failing: new Map(session.failing),
});
