/**
 * The groups of one queue that may have due jobs, taking turns, and how many jobs of each run.
 * A group is asked for work only while it is in here, so what nobody has reason to look at costs nothing.
 */
export class Rotation {
  readonly #perGroup: number;
  /** In order of their turn; each has a free slot. */
  readonly #ready = new Set<string>();
  /** Those whose slots are all taken: they come back with the first slot. */
  readonly #full = new Set<string>();
  readonly #running = new Map<string, number>();

  constructor(perGroup: number) {
    this.#perGroup = perGroup;
  }

  /** How many groups wait for their turn. */
  get size(): number {
    return this.#ready.size;
  }

  /** Something happened because of which this group may have due jobs. */
  offer(group: string): void {
    if (this.#free(group) > 0) this.#ready.add(group);
    else this.#full.add(group);
  }

  /** The group whose turn it is and its free slots. It leaves the rotation until it is offered again. */
  next(): { group: string; free: number } | undefined {
    const [group] = this.#ready;
    if (group === undefined) return undefined;
    this.#ready.delete(group);
    return { group, free: this.#free(group) };
  }

  /** A job of this group takes a slot. */
  take(group: string): void {
    this.#running.set(group, (this.#running.get(group) ?? 0) + 1);
  }

  /** A job of this group gives its slot back. */
  give(group: string): void {
    const left = this.#running.get(group)! - 1;
    if (left === 0) this.#running.delete(group);
    else this.#running.set(group, left);
    if (this.#full.delete(group)) this.#ready.add(group);
  }

  #free(group: string): number {
    return this.#perGroup - (this.#running.get(group) ?? 0);
  }
}
