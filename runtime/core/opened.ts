/** What was opened of sealed values, by the id of their row: each is opened once, while it stays the same and among the latest `most` used. */
export class OpenedCache<Opened> {
  readonly #open: (id: string, sealed: Uint8Array) => Opened;
  readonly #most: number;
  readonly #entries = new Map<string, { sealed: Uint8Array; opened: Opened }>();

  constructor(open: (id: string, sealed: Uint8Array) => Opened, most = 1000) {
    this.#open = open;
    this.#most = most;
  }

  /** Throws what opening throws. */
  get(id: string, sealed: Uint8Array): Opened {
    const known = this.#entries.get(id);
    this.#entries.delete(id);
    const entry =
      known && Buffer.compare(known.sealed, sealed) === 0 ? known : { sealed, opened: this.#open(id, sealed) };
    this.#entries.set(id, entry);
    if (this.#entries.size > this.#most) this.#entries.delete(this.#entries.keys().next().value!);
    return entry.opened;
  }
}
