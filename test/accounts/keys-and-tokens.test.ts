import { SignJWT } from "jose";
import { describe, expect, it, onTestFinished } from "vitest";
import { createApiKeys } from "../../runtime/accounts/api-keys.ts";
import { createTokenSecret } from "../../runtime/accounts/token-secret.ts";
import { createUserTokens } from "../../runtime/accounts/user-tokens.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { rememberSecret, scrub } from "../../runtime/core/secrets.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";

async function makeStore() {
  const db = await openDatabase(await storeOfTest());
  onTestFinished(() => db.close());
  await migrate(db);
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  const vault = createVault([Buffer.alloc(32, 7).toString("base64")]);
  return { db, clock, vault };
}

async function makeTokens() {
  const context = await makeStore();
  return {
    ...context,
    tokens: createUserTokens(context, { secret: createTokenSecret(context), audience: "https://app.example" }),
  };
}

describe("an API key", () => {
  it("is valid until it is revoked, and is never stored", async () => {
    const context = await makeStore();
    const keys = createApiKeys(context);
    const { id, key, name } = await keys.create({ name: "deployment" });
    expect([name, await keys.isValid(key), await keys.isValid(`${key.slice(0, -1)}-`)]).toEqual([
      "deployment",
      true,
      false,
    ]);
    expect(JSON.stringify(await context.db.all("select * from api_keys"))).not.toContain(key.slice(36));
    await keys.revoke(id);
    expect(await keys.isValid(key)).toBe(false);
    await expect(keys.revoke(id)).rejects.toMatchObject({
      code: "not_found",
      message: `API key ${id} does not exist; list them to find the right id`,
    });
  });

  it("that nobody made drives no secret out of memory", async () => {
    const keys = createApiKeys(await makeStore());
    rememberSecret("a-secret-of-this-process");
    for (let i = 0; i < 10_001; i++) await keys.isValid(`hl_${"0".repeat(32)}_${String(i).padStart(43, "0")}`);
    expect(scrub("it is a-secret-of-this-process")).toBe("it is [secret]");
  });

  it("shows when it was last used, to the minute", async () => {
    const { clock, ...context } = await makeStore();
    const keys = createApiKeys({ ...context, clock });
    const { key } = await keys.create({ name: "a" });
    const lastUsed = async () => {
      await keys.isValid(key);
      return (await keys.list()).data[0]!.lastUsedAt;
    };
    expect(await lastUsed()).toBe("2026-01-01T00:00:00.000Z");
    clock.advance(59_999);
    expect(await lastUsed()).toBe("2026-01-01T00:00:00.000Z");
    clock.advance(1);
    expect(await lastUsed()).toBe("2026-01-01T00:01:00.000Z");
  });

  it.each([
    ["no name", {}, [{ pointer: "/name", message: "is required" }]],
    ["an empty name", { name: "" }, [{ pointer: "/name" }]],
    ["an unknown property", { name: "a", key: "b" }, [{ pointer: "/key" }]],
  ])("is not created with %s", async (_what, given, faults) => {
    const keys = createApiKeys(await makeStore());
    await expect(keys.create(given as never)).rejects.toMatchObject({ code: "invalid_input", faults });
    expect(await keys.list()).toEqual({ data: [], nextCursor: null });
  });

  it("is not listed after a cursor that is not ours", async () => {
    const keys = createApiKeys(await makeStore());
    await expect(keys.list({ cursor: "x" })).rejects.toMatchObject({ faults: [{ pointer: "/cursor" }] });
  });
});

describe("a user token", () => {
  it.each([
    ["15 minutes by default", {}, 900],
    ["one minute at least", { expiresInSeconds: 60 }, 60],
    ["a day at most", { expiresInSeconds: 86_400 }, 86_400],
  ])("is valid for %s", async (_what, options, seconds) => {
    const { tokens, clock } = await makeTokens();
    const { token, user, expiresAt } = await tokens.create("u_1", options);
    expect([user, Date.parse(expiresAt)]).toEqual(["u_1", clock.now() + seconds * 1000]);
    clock.advance((seconds - 1) * 1000);
    expect(await tokens.userOf(token)).toBe("u_1");
    clock.advance(1000);
    expect(await tokens.userOf(token)).toBeUndefined();
  });

  it.each([[59], [86_401], [60.5], ["900"]])("is not created for %j seconds", async (expiresInSeconds) => {
    const { tokens } = await makeTokens();
    await expect(tokens.create("u_1", { expiresInSeconds } as never)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/expiresInSeconds" }],
    });
  });

  it("is not created for nobody", async () => {
    const { tokens } = await makeTokens();
    for (const user of ["", undefined as never]) {
      await expect(tokens.create(user)).rejects.toMatchObject({
        code: "invalid_input",
        faults: [{ pointer: "/user" }],
      });
    }
  });

  it("that an earlier version made for the workspace is worth nothing", async () => {
    const { clock, ...context } = await makeTokens();
    const secret = Buffer.alloc(32, 5);
    const tokens = createUserTokens(
      { ...context, clock },
      { secret: createTokenSecret(context, secret), audience: "https://app.example" },
    );
    const now = clock.now() / 1000;
    const sign = (user: string) =>
      new SignJWT({ role: "user" })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(user)
        .setIssuer("hookline")
        .setAudience("https://app.example")
        .setExpirationTime(now + 60)
        .sign(secret);
    expect(await tokens.userOf(await sign("u_1"))).toBe("u_1");
    expect(await tokens.userOf(await sign("@workspace"))).toBeUndefined();
  });

  it.each([
    " ",
    "..",
    ".",
    "a\r\nb",
    "%00",
    "a b",
    "a/b",
    "a?b",
    "a#b",
    "a\\b",
    "@workspace",
    "a\u2028b",
    "a\u200bb",
    "u".repeat(256),
  ])("is not created for %j, which is no id", async (user) => {
    const { tokens } = await makeTokens();
    await expect(tokens.create(user)).rejects.toMatchObject({ code: "invalid_input", faults: [{ pointer: "/user" }] });
  });

  it.each([
    "ada.lovelace+home@example.com",
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "019a1f2e-4c7b-7d1a",
    "a:b",
    "…",
    "Zoë",
    "...",
    "..a",
    ".a",
    "🦊",
    "u".repeat(255),
  ])("is created for %j", async (user) => {
    const { tokens } = await makeTokens();
    expect(await tokens.userOf((await tokens.create(user)).token)).toBe(user);
  });

  it("is created for a user whom an earlier version has stored under another id", async () => {
    const { tokens, db } = await makeTokens();
    await db.run("insert into variables values ('a b', 'region', 0, x'00', 0, 0)");
    expect(await tokens.userOf((await tokens.create("a b")).token)).toBe("a b");
    await db.run("delete from variables");
    await expect(tokens.create("a b")).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("is worth nothing once its user's tokens are revoked, in every process and after a restart; later ones are", async () => {
    const { tokens, clock, ...context } = await makeTokens();
    const elsewhere = createUserTokens(
      { ...context, clock },
      { secret: createTokenSecret(context), audience: "https://app.example" },
    );
    const [hers, first] = [
      (await tokens.create("u_2")).token,
      (await elsewhere.create("u_1", { expiresInSeconds: 86_400 })).token,
    ];
    await tokens.revoke("u_1", { user: "u_1" });
    const second = (await tokens.create("u_1", { expiresInSeconds: 86_400 })).token;
    for (const one of [tokens, elsewhere])
      expect([await one.userOf(first), await one.userOf(second), await one.userOf(hers)]).toEqual([
        undefined,
        "u_1",
        "u_2",
      ]);
    await elsewhere.revoke("u_1");
    expect([await tokens.userOf(first), await tokens.userOf(second)]).toEqual([undefined, undefined]);
    // Forgotten when every token that was revoked has expired by itself, and not before.
    clock.advance(2 * 86_400_000);
    expect(await tokens.purge()).toBe(0);
    const third = (await tokens.create("u_1")).token;
    clock.advance(1);
    expect(await tokens.purge()).toBe(1);
    expect(await tokens.userOf(third)).toBe("u_1");
    expect(JSON.stringify(await context.db.all("select * from user_generations"))).not.toContain("u_1");
    await expect(tokens.revoke("u_1", { user: "u_2" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(tokens.revoke("")).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("of another deployment is worth nothing", async () => {
    const { tokens, ...context } = await makeTokens();
    const elsewhere = createUserTokens(context, {
      secret: createTokenSecret(context),
      audience: "https://other.example",
    });
    const { token } = await tokens.create("u_1");
    expect([await tokens.userOf(token), await elsewhere.userOf(token)]).toEqual(["u_1", undefined]);
  });

  it("needs a secret of at least 32 bytes", async () => {
    const context = await makeStore();
    const make = (bytes: number) => () => createTokenSecret(context, new Uint8Array(bytes));
    expect(make(31)).toThrow(new TypeError("tokenSecret: must be at least 32 bytes"));
    expect(make(32)).not.toThrow();
  });
});
