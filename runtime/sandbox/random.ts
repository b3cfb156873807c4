/** FNV-1a over the parts, then murmur's finisher, so that seeds one apart give streams with nothing in common. */
export function hash32(...parts: readonly (string | number)[]): number {
  const text = parts.join("\0");
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A number of up to 19 digits that depends on nothing but the parts: the form Google gives its ids. */
export function decimalId(...parts: readonly (string | number)[]): string {
  const high = hash32(...parts, "high") >>> 1;
  return ((BigInt(high) << 32n) | BigInt(hash32(...parts, "low"))).toString();
}

/** Randomness that repeats itself for the same seed (mulberry32); not for secrets. */
export class Random {
  #state: number;

  constructor(...seed: readonly (string | number)[]) {
    this.#state = hash32(...seed);
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to, but not including, `limit`. */
  below(limit: number): number {
    return this.uint32() % limit;
  }

  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.uint32() < probability * 0x1_0000_0000;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  digits(count: number): string {
    let text = "";
    for (let i = 0; i < count; i++) text += this.below(10);
    return text;
  }
}
