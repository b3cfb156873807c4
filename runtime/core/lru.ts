/** A map of at most `size` entries: the one that was used least recently makes room for a new one. */
export class Lru<Key, Value> {
  readonly #size: number;
  /** In the order of their last use. */
  readonly #entries = new Map<Key, Value>();

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#size) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest!);
  }

  /** The value of a key, made on the first use. A value that cannot be made is not kept. */
  getOr(key: Key, make: () => Value): Value {
    let value = this.get(key);
    if (value === undefined) this.set(key, (value = make()));
    return value;
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }
}
