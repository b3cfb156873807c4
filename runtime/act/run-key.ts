import { hash, randomBytes } from "node:crypto";

/** RFC 4648 §7 in lower case: what vendors that let clients choose ids commonly accept. */
const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/**
 * What a manifest reads as `$run.key`: 32 characters of base32hex (160 bits), the same in every step and try of one run of
 * an action. Runs of one action of one connection with the same seed have the same; without one it is random.
 */
export function runKey(connection: string, action: string, seed: string | undefined): string {
  const bytes =
    seed === undefined
      ? randomBytes(20)
      : hash("sha256", JSON.stringify([connection, action, seed]), "buffer").subarray(0, 20);
  let bits = BigInt(`0x${bytes.toString("hex")}`);
  let key = "";
  for (let i = 0; i < 32; i++, bits >>= 5n) key = ALPHABET[Number(bits & 31n)]! + key;
  return key;
}
