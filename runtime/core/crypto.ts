import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { HooklineError } from "./errors.ts";

/** Where a sealed value stands. It opens nowhere else, so moving ciphertext between rows gains nothing. */
export interface SealContext {
  table: string;
  row: string;
  field: string;
  /** Whose it is, null for the workspace; left out for what belongs to nobody. It opens for nobody else. */
  user?: string | null;
}

/** A small durable map of text, such as the table `meta`. */
export interface KeyRegister {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
}

/**
 * Envelope encryption: each sealed value has a data key of its own, wrapped by a key-encryption key.
 * AES-256-GCM throughout, with random 96-bit nonces and 128-bit tags (NIST SP 800-38D).
 */
export interface Vault {
  seal(plaintext: string, context: SealContext): Uint8Array;
  /**
   * Opens a sealed value.
   * @throws HooklineError `decryption_failed` when the value was changed, was sealed for another place, or needs another key
   */
  open(sealed: Uint8Array, context: SealContext): string;
  /**
   * The value with its data key wrapped by the first key, or sealed anew where it was not bound to its user; null when it is so
   * already.
   * @throws HooklineError as `open`
   */
  rewrap(sealed: Uint8Array, context: SealContext): Uint8Array | null;
  /**
   * Compares the keys with those a store was written with, and notes the first one there.
   * @throws HooklineError `encryption_key` when one of them is missing: then nothing may be written
   */
  verify(register: KeyRegister): Promise<void>;
  /** Notes that only the first key is in use any more, after everything has been rewrapped. */
  retire(register: KeyRegister): Promise<void>;
}

/** Layout: version, key id, nonce and tag of the wrapped data key, the wrapped data key, nonce and tag of the value, the value. */
const VERSION = 1;
/** The same layout, bound to a user as well. */
const OF_USER = 2;
const ID = 8;
const NONCE = 12;
const TAG = 16;
const KEY = 32;
const WRAPPED = NONCE + TAG + KEY;
const HEAD = 1 + ID + WRAPPED;
const REGISTER_NAME = "encryption_keys";

interface NamedKey {
  /** Derived from the key one way, so that it can be stored and shown. */
  id: string;
  key: Buffer;
}

/**
 * A vault with keys of 32 bytes, written in base64 or hex: the first encrypts, all decrypt.
 * @throws HooklineError `encryption_key` when no key is given or one is malformed
 */
export function createVault(keys: readonly string[]): Vault {
  const named = keys.map(parseKey);
  const [first] = named;
  if (first === undefined) {
    throw new HooklineError("encryption_key", `encryptionKeys: no key given; ${MAKE_ONE}`);
  }
  const byId = new Map(named.map((key) => [key.id, key]));

  const unwrap = (sealed: Buffer, context: SealContext): Buffer => {
    const isKnown = sealed[0] === VERSION || sealed[0] === OF_USER;
    if (sealed.length < HEAD + NONCE + TAG || !isKnown) throw failed(context, "is not in a known format");
    const key = byId.get(sealed.toString("hex", 1, 1 + ID));
    if (!key) throw failed(context, "was sealed with a key that is not among the given ones");
    return decrypt(key.key, sealed.subarray(1 + ID, HEAD), associated(sealed[0]!, "key", context), context);
  };
  const wrap = (dataKey: Buffer, context: SealContext): Buffer =>
    Buffer.concat([
      Buffer.of(versionFor(context)),
      Buffer.from(first.id, "hex"),
      encrypt(first.key, dataKey, associated(versionFor(context), "key", context)),
    ]);

  const vault: Vault = {
    seal: (plaintext, context) => {
      const dataKey = randomBytes(KEY);
      const value = encrypt(dataKey, Buffer.from(plaintext), associated(versionFor(context), "value", context));
      return Buffer.concat([wrap(dataKey, context), value]);
    },
    open: (sealed, context) => {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      const additional = associated(bytes[0]!, "value", context);
      return decrypt(unwrap(bytes, context), bytes.subarray(HEAD), additional, context).toString();
    },
    rewrap: (sealed, context) => {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes[0] !== versionFor(context)) return vault.seal(vault.open(sealed, context), context);
      if (bytes.toString("hex", 1, 1 + ID) === first.id) return null;
      return Buffer.concat([wrap(unwrap(bytes, context), context), bytes.subarray(HEAD)]);
    },
    verify: async (register) => {
      const inUse = (await register.get(REGISTER_NAME))?.split(" ") ?? [];
      const missing = inUse.filter((id) => !byId.has(id));
      if (missing.length > 0) {
        throw new HooklineError(
          "encryption_key",
          `encryptionKeys: this store was written with key ${missing.join(" and ")}, which is not among the given ` +
            `(${[...byId.keys()].join(", ")}); give the old key as well, after the new one`,
        );
      }
      if (!inUse.includes(first.id)) await register.set(REGISTER_NAME, [...inUse, first.id].join(" "));
    },
    retire: (register) => register.set(REGISTER_NAME, first.id),
  };
  return vault;
}

const MAKE_ONE = "make one with: openssl rand -base64 32";

function parseKey(text: string, index: number): NamedKey {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  const wellFormed = /^([0-9a-f]{64}|[\w+/-]{43}=?)$/i.test(text);
  if (!wellFormed || key.length !== KEY) {
    throw new HooklineError(
      "encryption_key",
      `encryptionKeys[${index}]: expected 32 bytes in base64 or hex; ${MAKE_ONE}`,
    );
  }
  return {
    id: createHmac("sha256", key)
      .update("hookline key id")
      .digest("hex")
      .slice(0, 2 * ID),
    key,
  };
}

function versionFor({ user }: SealContext): number {
  return user === undefined ? VERSION : OF_USER;
}

function associated(version: number, part: "key" | "value", { table, row, field, user }: SealContext): Buffer {
  return Buffer.from(
    JSON.stringify([version, part, table, row, field, ...(version === OF_USER ? [user ?? null] : [])]),
  );
}

function encrypt(key: Buffer, plain: Buffer, additional: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG }).setAAD(additional);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

function decrypt(key: Buffer, sealed: Buffer, additional: Buffer, context: SealContext): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(additional)
    .setAuthTag(sealed.subarray(NONCE, NONCE + TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]);
  } catch (cause) {
    throw failed(context, "was changed, or was sealed for another place", cause);
  }
}

function failed({ table, row, field }: SealContext, what: string, cause?: unknown): HooklineError {
  return new HooklineError(
    "decryption_failed",
    `${table} ${row}: ${field} ${what}; give every encryption key this store was written with, or connect again`,
    { cause },
  );
}
