import { describe, expect, it, onTestFinished } from "vitest";
import { createVariables } from "../../runtime/accounts/variables.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { scrub } from "../../runtime/core/secrets.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";

const [oldKey, newKey] = [7, 8].map((byte) => Buffer.alloc(32, byte).toString("base64")) as [string, string];

async function makeStore() {
  const db = await openDatabase(await storeOfTest());
  onTestFinished(() => db.close());
  await migrate(db);
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  return { db, clock, variablesWith: (keys: string[]) => createVariables({ db, vault: createVault(keys), clock }) };
}

describe("variables", () => {
  it("keep the time they were first set, whatever is set later", async () => {
    const { clock, variablesWith } = await makeStore();
    const variables = variablesWith([oldKey]);
    await variables.set(null, "region", { value: "eu-1" });
    clock.advance(60_000);
    expect(await variables.set(null, "region", { value: "us-1" })).toEqual({
      name: "region",
      secret: false,
      value: "us-1",
      createdAt: "2026-01-01T00:00:00.000Z",
      updatedAt: "2026-01-01T00:01:00.000Z",
    });
  });

  it("are wrapped with the newest key, every one, and then need no other", async () => {
    const { variablesWith } = await makeStore();
    const before = variablesWith([oldKey]);
    await before.set(null, "a", { value: 1 });
    for (let i = 0; i < 10; i++) await before.set(`u_${i}`, "a", { value: i });
    const between = variablesWith([newKey, oldKey]);
    await between.set("u_0", "b", { value: "new" });
    expect(await between.rewrap()).toBe(11);
    expect(await between.rewrap()).toBe(0);
    expect(await variablesWith([newKey]).valuesOf("u_0")).toEqual({ workspace: { a: 1 }, user: { a: 0, b: "new" } });
    await expect(variablesWith([oldKey]).valuesOf("u_0")).rejects.toMatchObject({
      code: "decryption_failed",
      message: expect.stringContaining("variables"),
    });
  });

  it("cannot be moved to another owner or name in the store", async () => {
    const { db, variablesWith } = await makeStore();
    const variables = variablesWith([oldKey]);
    await variables.set("u_1", "apiKey", { value: "secret-of-u1", secret: true });
    await db.run("update variables set user_id = 'u_2'");
    await expect(variables.valuesOf("u_2")).rejects.toMatchObject({ code: "decryption_failed" });
  });

  it("that are secret are found in whatever is logged, however deep they are", async () => {
    const { variablesWith } = await makeStore();
    await variablesWith([oldKey]).set("u_1", "login", { value: { keys: ["deep-secret-canary"] }, secret: true });
    expect(scrub("it was deep-secret-canary, they say")).toBe("it was [secret], they say");
  });
});
