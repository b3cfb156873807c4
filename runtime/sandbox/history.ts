/** One state of one record. A version never changes, except that a later one may follow it. */
export interface Version<T> {
  readonly id: string;
  /** Place in the history, from 0 without gaps. */
  readonly sequence: number;
  /** When it was written, in milliseconds since the epoch. */
  readonly time: number;
  /** Undefined when the record was deleted. */
  readonly value: T | undefined;
  /** Ids that the record had before, oldest first. */
  readonly previousIds: readonly string[];
  next: Version<T> | undefined;
}

export interface LiveVersion<T> extends Version<T> {
  readonly value: T;
}

interface HistoryPage<T> {
  versions: Version<T>[];
  /** Where the next page begins; undefined after the last. */
  next: number | undefined;
}

/** A version as it is written down: one line of the log. */
export interface VersionSnapshot<T> {
  id: string;
  time: number;
  value: T | undefined;
  previousIds: readonly string[];
}

const NO_IDS: readonly string[] = [];

/**
 * Everything that ever happened to a set of records, as one log of versions.
 * A *bound* is a length of that log: reading with a bound sees the records exactly as they were then, however much was
 * written since. Lists, sync tokens, propagation delay and a lagging search index are all the same read with another bound.
 */
export class History<T> {
  #log: Version<T>[] = [];
  #live = new Map<string, LiveVersion<T>>();
  #renamed = new Map<string, string>();

  /** A history in which the same happened: bounds, and what they show, are the same. */
  static restore<T>(log: readonly VersionSnapshot<T>[]): History<T> {
    const history = new History<T>();
    for (const { id, time, value, previousIds } of log) {
      const before = previousIds.at(-1);
      if (before !== undefined && history.#live.has(before)) history.rename(before, id, time);
      else if (value === undefined) history.remove(id, time);
      else history.put(id, value, time);
    }
    return history;
  }

  snapshot(): VersionSnapshot<T>[] {
    return this.#log.map(({ id, time, value, previousIds }) => ({ id, time, value, previousIds }));
  }

  /** How many records exist now. */
  get size(): number {
    return this.#live.size;
  }

  /** The bound of this moment. */
  get bound(): number {
    return this.#log.length;
  }

  /** The bound as it was at a time: what was written up to then, inclusive. */
  boundAt(time: number): number {
    let [low, high] = [0, this.#log.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#log[middle]!.time <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The newest version of a record, found under any id it ever had; undefined when it does not exist. */
  get(id: string): LiveVersion<T> | undefined {
    return this.#live.get(this.#renamed.get(id) ?? id);
  }

  live(): IterableIterator<LiveVersion<T>> {
    return this.#live.values();
  }

  put(id: string, value: T, time: number): LiveVersion<T> {
    const version = this.#append(id, value, time, this.#live.get(id)) as LiveVersion<T>;
    this.#live.set(id, version);
    return version;
  }

  /** Gives the record another id; it stays reachable under the old one. */
  rename(id: string, newId: string, time: number): LiveVersion<T> | undefined {
    const before = this.#live.get(id);
    if (!before) return undefined;
    const version = this.#append(newId, before.value, time, before) as LiveVersion<T>;
    this.#live.delete(id);
    this.#live.set(newId, version);
    for (const previous of version.previousIds) this.#renamed.set(previous, newId);
    return version;
  }

  remove(id: string, time: number): boolean {
    const before = this.#live.get(id);
    if (!before) return false;
    this.#append(id, undefined, time, before);
    this.#live.delete(id);
    return true;
  }

  /** Versions from a place on that are the newest of their record below the bound, oldest first. */
  page(from: number, bound: number, limit: number, options: { deleted: boolean }): HistoryPage<T> {
    const versions: Version<T>[] = [];
    for (let i = from; i < bound; i++) {
      const version = this.#log[i]!;
      if (!isNewest(version, bound) || (version.value === undefined && !options.deleted)) continue;
      if (versions.length === limit) return { versions, next: i };
      versions.push(version);
    }
    return { versions, next: undefined };
  }

  /** The records that existed at a bound, least recently changed first. */
  *at(bound: number): Generator<LiveVersion<T>> {
    for (let i = 0; i < bound; i++) {
      const version = this.#log[i]!;
      if (version.value !== undefined && isNewest(version, bound)) yield version as LiveVersion<T>;
    }
  }

  /** The first existing record at or after a place in the log, going round; for choosing one at random. */
  nearest(place: number): LiveVersion<T> | undefined {
    for (let i = 0; i < this.#log.length; i++) {
      const version = this.#log[(place + i) % this.#log.length]!;
      if (version.value !== undefined && version.next === undefined) return version as LiveVersion<T>;
    }
    return undefined;
  }

  #append(id: string, value: T | undefined, time: number, before: Version<T> | undefined): Version<T> {
    const renamed = before !== undefined && before.id !== id;
    const previousIds = renamed ? [...before.previousIds, before.id] : (before?.previousIds ?? NO_IDS);
    const version: Version<T> = { id, sequence: this.#log.length, time, value, previousIds, next: undefined };
    if (before) before.next = version;
    this.#log.push(version);
    return version;
  }
}

function isNewest(version: Version<unknown>, bound: number): boolean {
  return version.next === undefined || version.next.sequence >= bound;
}
