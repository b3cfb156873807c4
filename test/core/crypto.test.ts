import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createVault, type KeyRegister } from "../../runtime/core/crypto.ts";

const newKey = () => randomBytes(32).toString("base64");
const here = { table: "connections", row: "con_1", field: "credentials" };

function register(initial: Record<string, string> = {}): KeyRegister & { values: Record<string, string> } {
  const values = { ...initial };
  return { values, get: async (name) => values[name], set: async (name, value) => void (values[name] = value) };
}

describe("a vault", () => {
  it("opens what it sealed, in the same place", () => {
    const vault = createVault([newKey()]);
    expect(vault.open(vault.seal("gehéim 🔑", here), here)).toBe("gehéim 🔑");
  });

  it("writes format 1: 69 bytes of head, a nonce of 96 bits, a tag of 128 bits, then the text", () => {
    const sealed = createVault([newKey()]).seal("x", here);
    expect([sealed[0], sealed.length]).toEqual([1, 69 + 12 + 16 + 1]);
  });

  it("seals the same text differently each time", () => {
    const vault = createVault([newKey()]);
    expect(vault.seal("x", here)).not.toEqual(vault.seal("x", here));
  });

  it("takes keys in hex as well as in base64, with or without padding", () => {
    const key = randomBytes(32);
    const sealed = createVault([key.toString("hex")]).seal("x", here);
    expect(createVault([key.toString("base64")]).open(sealed, here)).toBe("x");
    expect(createVault([key.toString("base64url")]).open(sealed, here)).toBe("x");
  });

  it("refuses a value with any bit flipped", () => {
    const vault = createVault([newKey()]);
    const sealed = vault.seal("secret", here);
    for (let i = 0; i < sealed.length; i++) {
      const flipped = Uint8Array.from(sealed);
      flipped[i]! ^= 1;
      expect(() => vault.open(flipped, here), `byte ${i}`).toThrow(
        expect.objectContaining({ code: "decryption_failed" }),
      );
    }
  });

  it("refuses a value moved to another row, field or table", () => {
    const vault = createVault([newKey()]);
    const sealed = vault.seal("secret", here);
    for (const elsewhere of [
      { ...here, row: "con_2" },
      { ...here, field: "inputs" },
      { ...here, table: "endpoints" },
    ]) {
      expect(() => vault.open(sealed, elsewhere)).toThrow(
        expect.objectContaining({
          code: "decryption_failed",
          message: expect.stringContaining("was changed, or was sealed for another place"),
        }),
      );
    }
  });

  it("refuses a value cut down to a tag of 4 bytes, or to nothing", () => {
    const vault = createVault([newKey()]);
    const sealed = vault.seal("", here);
    for (const length of [0, 1, sealed.length - 12, sealed.length - 1]) {
      expect(() => vault.open(sealed.subarray(0, length), here)).toThrow(
        expect.objectContaining({
          code: "decryption_failed",
          message: expect.stringMatching(/^connections con_1: credentials is not in a known format/),
        }),
      );
    }
  });

  it("names the fault when the key is another one", () => {
    const sealed = createVault([newKey()]).seal("x", here);
    expect(() => createVault([newKey()]).open(sealed, here)).toThrow(
      expect.objectContaining({
        code: "decryption_failed",
        message: expect.stringContaining("a key that is not among the given ones"),
      }),
    );
  });

  it("encrypts with the first key, decrypts with all, and rewraps to the first without touching the value", () => {
    const [old, young] = [newKey(), newKey()];
    const sealed = createVault([old]).seal("x", here);
    const both = createVault([young, old]);
    expect(both.open(sealed, here)).toBe("x");
    const rewrapped = both.rewrap(sealed, here)!;
    expect(createVault([young]).open(rewrapped, here)).toBe("x");
    expect(rewrapped.slice(-29)).toEqual(sealed.slice(-29));
    expect(both.rewrap(rewrapped, here)).toBeNull();
  });

  it.each([
    [[], "encryptionKeys: no key given"],
    [["short"], "encryptionKeys[0]: expected 32 bytes"],
    [[newKey(), randomBytes(16).toString("hex")], "encryptionKeys[1]: expected 32 bytes"],
    [["!".repeat(43)], "encryptionKeys[0]: expected 32 bytes"],
  ])("refuses malformed keys and says how to make one: %j", (keys, message) => {
    expect(() => createVault(keys)).toThrow(
      expect.objectContaining({ code: "encryption_key", message: expect.stringContaining(message) }),
    );
    expect(() => createVault(keys)).toThrow(/openssl rand -base64 32/);
  });
});

describe("the key check of a store", () => {
  it("accepts the key it was written with, and notes a new first one", async () => {
    const [old, young] = [newKey(), newKey()];
    const meta = register();
    await createVault([old]).verify(meta);
    await createVault([old]).verify(meta);
    await createVault([young, old]).verify(meta);
    expect(meta.values.encryption_keys!.split(" ")).toHaveLength(2);
  });

  it("finds a wrong key before anything is written", async () => {
    const meta = register();
    await createVault([newKey()]).verify(meta);
    const before = { ...meta.values };
    await expect(createVault([newKey()]).verify(meta)).rejects.toMatchObject({
      code: "encryption_key",
      message: expect.stringMatching(
        /^encryptionKeys: this store was written with key [0-9a-f]{16}, which is not among the given/,
      ),
    });
    expect(meta.values).toEqual(before);
  });

  it("no longer asks for the old key once it is retired", async () => {
    const [old, young] = [newKey(), newKey()];
    const meta = register();
    await createVault([old]).verify(meta);
    await createVault([young, old]).verify(meta);
    await createVault([young, old]).retire(meta);
    await expect(createVault([young]).verify(meta)).resolves.toBeUndefined();
  });

  it("does not note anything from which the key could be found", async () => {
    const key = newKey();
    const meta = register();
    await createVault([key]).verify(meta);
    expect(JSON.stringify(meta.values)).not.toContain(Buffer.from(key, "base64").toString("hex").slice(0, 16));
  });
});
