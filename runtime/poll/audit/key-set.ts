import { hash } from "node:crypto";

/** Slots that a new set has. */
const FIRST_SLOTS = 1024;
/** 32-bit words of a digest. */
const WORDS = 4;

/**
 * A set of texts that keeps a digest of each, of 127 bits: two texts out of ten million are taken for one with a chance of one in
 * 10^24. It takes 32 to 64 bytes a text, however long it is; 100,000 texts take 4 MB.
 */
export class KeySet {
  #size = 0;
  #slots = FIRST_SLOTS;
  #words = new Uint32Array(FIRST_SLOTS * WORDS);

  get size(): number {
    return this.#size;
  }

  /** Adds a text; false when it was there. */
  add(text: string): boolean {
    const digest = digestOf(text);
    const at = this.#placeOf(digest);
    if (this.#words[at + 3] !== 0) return false;
    this.#words.set(digest, at);
    if (++this.#size * 2 > this.#slots) this.#grow();
    return true;
  }

  has(text: string): boolean {
    return this.#words[this.#placeOf(digestOf(text)) + 3] !== 0;
  }

  /** Where a digest is, or the free slot that it belongs into. */
  #placeOf(digest: Uint32Array): number {
    for (let slot = digest[0]! % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * WORDS;
      if (this.#words[at + 3] === 0 || digest.every((word, i) => word === this.#words[at + i])) return at;
    }
  }

  #grow(): void {
    const before = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * WORDS);
    for (let at = 0; at < before.length; at += WORDS) {
      const digest = before.subarray(at, at + WORDS);
      if (digest[3] !== 0) this.#words.set(digest, this.#placeOf(digest));
    }
  }
}

/** Its last word is never 0, which marks a free slot. */
function digestOf(text: string): Uint32Array {
  const bytes = hash("sha256", text, "buffer");
  const digest = Uint32Array.from({ length: WORDS }, (_, i) => bytes.readUInt32LE(i * 4));
  digest[3]! |= 1;
  return digest;
}
