import { hash, randomFillSync } from "node:crypto";

/** Prefixes of the ids that leave Hookline; each names the kind of thing. */
export type IdPrefix =
  | "con"
  | "sub"
  | "ep"
  | "evt"
  | "pos"
  | "dlv"
  | "flow"
  | "run"
  | "sync"
  | "str"
  | "key"
  | "bat"
  | "lnk"
  | "cfl"
  | "era"
  | "rev";

const pool = Buffer.alloc(4096);
let used = pool.length;
let lastMillisecond = 0;
let counter = 0;

/**
 * A new id: prefix, underscore, UUIDv7 in hex (RFC 9562 §5.7), so that ids sort by the time they were made.
 * Within a millisecond the 12 bits after the time count upwards, so one process never makes two out of order.
 */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  if (now > lastMillisecond) [lastMillisecond, counter] = [now, 0];
  else if (++counter > 0xfff) [lastMillisecond, counter] = [lastMillisecond + 1, 0];
  if (used + 8 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  pool[used] = (pool[used]! & 0x3f) | 0x80;
  const high = lastMillisecond.toString(16).padStart(12, "0");
  const middle = (0x7000 | counter).toString(16);
  return `${prefix}_${high}${middle}${pool.toString("hex", used, (used += 8))}`;
}

/** One of the facts that tell something apart from everything else of its kind. */
export type Fact = string | number | null;

/** An id that follows from facts: prefix, underscore, the first 128 bits of their SHA-256 in hex. The same facts give the same id. */
export function derivedId(prefix: IdPrefix, facts: readonly Fact[]): string {
  return `${prefix}_${hash("sha256", JSON.stringify(facts), "hex").slice(0, 32)}`;
}
