/** Keys that are named at most; all are counted. */
export const MOST_KEYS = 100;

/** How many records there are of a kind, and the keys of the first. */
export class Tally {
  count = 0;
  readonly keys: string[] = [];

  add(key: string): void {
    if (++this.count <= MOST_KEYS) this.keys.push(key);
  }
}
