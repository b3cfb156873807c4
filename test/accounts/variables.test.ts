import { resealTable } from "../../runtime/model/sealing.ts";
import { variables as table } from "../../runtime/model/variables.ts";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createVariables, type Variables } from "../../runtime/accounts/variables.ts";
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

/** Variables that count how often a value is decrypted, and how often the store is asked. */
async function makeCounted() {
  const { db, clock } = await makeStore();
  const vault = createVault([oldKey]);
  const [open, all] = [vi.spyOn(vault, "open"), vi.spyOn(db, "all")];
  return {
    variables: createVariables({ db, vault, clock }),
    opened: () => open.mock.calls.length,
    statements: () => all.mock.calls.length,
  };
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
    const { db, variablesWith } = await makeStore();
    const before = variablesWith([oldKey]);
    await before.set(null, "a", { value: 1 });
    for (let i = 0; i < 10; i++) await before.set(`u_${i}`, "a", { value: i });
    const between = variablesWith([newKey, oldKey]);
    await between.set("u_0", "b", { value: "new" });
    const vault = createVault([newKey, oldKey]);
    expect(await resealTable(db, vault, table)).toEqual({ changed: 11, broken: 0 });
    expect(await resealTable(db, vault, table)).toEqual({ changed: 0, broken: 0 });
    const values = await variablesWith([newKey]).valuesOf("u_0");
    expect(structuredClone(values)).toEqual({ workspace: { a: 1 }, user: { a: 0, b: "new" } });
    const withOldKey = await variablesWith([oldKey]).valuesOf("u_0");
    expect(() => withOldKey.workspace["a"]).toThrow(
      expect.objectContaining({ code: "decryption_failed", message: expect.stringContaining("variables") }),
    );
  });

  it("cannot be moved to another owner or name in the store", async () => {
    const { db, variablesWith } = await makeStore();
    const variables = variablesWith([oldKey]);
    await variables.set("u_1", "apiKey", { value: "secret-of-u1", secret: true });
    await db.run("update variables set user_id = 'u_2'");
    const { user } = await variables.valuesOf("u_2");
    expect(() => user["apiKey"]).toThrow(expect.objectContaining({ code: "decryption_failed" }));
  });

  it("that are secret are found in whatever is logged, however deep they are", async () => {
    const { variablesWith } = await makeStore();
    await variablesWith([oldKey]).set("u_1", "login", { value: { keys: ["deep-secret-canary"] }, secret: true });
    expect(scrub("it was deep-secret-canary, they say")).toBe("it was [secret], they say");
  });

  it("have names of at most 100 characters, values of at most 32,768, and are at most 200", async () => {
    const { variablesWith } = await makeStore();
    const variables = variablesWith([oldKey]);
    await variables.set("u_1", "a".repeat(100), { value: 1 });
    await expect(variables.set("u_1", "a".repeat(101), { value: 1 })).rejects.toMatchObject({
      code: "invalid_input",
      message: "variable/name: a name is a letter, then letters, digits or _, at most 100 in all; choose another",
    });
    await variables.set("u_1", "long", { value: "x".repeat(32_766) });
    await expect(variables.set("u_1", "long", { value: "x".repeat(32_767) })).rejects.toMatchObject({
      code: "too_large",
      message: "Variable long is longer than 32768 characters; shorten it",
    });
    for (let i = 3; i <= 200; i++) await variables.set("u_1", `v${i}`, { value: i });
    await expect(variables.set("u_1", "v201", { value: 1 })).rejects.toMatchObject({
      code: "conflict",
      message: "Variable v201: 200 variables exist already; remove one first",
    });
    await variables.set("u_1", "v200", { value: "again" });
    await variables.set("u_2", "v201", { value: 1 });
  });

  const refusals: [string, (variables: Variables) => Promise<unknown>, object][] = [
    ["no owner", (v) => v.list(undefined as never), { code: "invalid_input", faults: [{ pointer: "/user" }] }],
    ["an empty owner, who would be the workspace", (v) => v.set("", "a", { value: 1 }), { code: "invalid_input" }],
    ["no value", (v) => v.set(null, "a", {} as never), { faults: [{ pointer: "/value", message: "is required" }] }],
    ["nothing", (v) => v.set(null, "a", undefined as never), { code: "invalid_input" }],
    [
      "an unknown property",
      (v) => v.set(null, "a", { value: 1, secrt: true } as never),
      { faults: [{ pointer: "/secrt", message: 'unknown property "secrt"; did you mean "secret"?' }] },
    ],
    [
      "a name that does not exist",
      (v) => v.get(null, "regoin"),
      { code: "not_found", message: 'Variable "regoin" does not exist; did you mean "region"?' },
    ],
    ["a name to remove that does not exist", (v) => v.remove(null, "x"), { code: "not_found" }],
    ["another user's owner", (v) => v.list("u_2", { user: "u_1" }), { code: "not_found" }],
    ["the workspace for a user", (v) => v.get(null, "region", { user: "u_1" }), { code: "not_found" }],
  ];
  it.each(refusals)("refuse %s", async (_what, attempt, expected) => {
    const variables = (await makeStore()).variablesWith([oldKey]);
    await variables.set(null, "region", { value: "eu-1" });
    await expect(attempt(variables)).rejects.toMatchObject({ name: "HooklineError", ...expected });
    expect((await variables.list(null)).data).toHaveLength(1);
  });
});

describe("an owner that is a time", () => {
  it("is the user of that text, as JSON has it", async () => {
    const variables = (await makeStore()).variablesWith([oldKey]);
    await variables.set(new Date(0) as never, "a", { value: new Date(1) });
    expect((await variables.list("1970-01-01T00:00:00.000Z")).data).toMatchObject([
      { name: "a", value: "1970-01-01T00:00:00.001Z" },
    ]);
  });
});

describe("what expressions read of variables", () => {
  it("is opened when it is read, once as long as it stays the same", async () => {
    const { opened, variables } = await makeCounted();
    for (let i = 0; i < 50; i++) await variables.set("u_1", `v${i}`, { value: { n: i } });
    const { user } = await variables.valuesOf("u_1");
    expect([opened(), Object.keys(user)]).toEqual([0, expect.arrayContaining(["v0", "v49"])]);
    expect(user["v7"]).toEqual({ n: 7 });
    expect(opened()).toBe(1);
    expect((await variables.valuesOf("u_1")).user["v7"]).toEqual({ n: 7 });
    expect(opened()).toBe(1);
    await variables.set("u_1", "v7", { value: "new" });
    expect((await variables.valuesOf("u_1")).user["v7"]).toBe("new");
    expect(opened()).toBe(2);
  });

  it("costs one statement, and none for what names no variable", async () => {
    const { statements, variables } = await makeCounted();
    await variables.set(null, "a", { value: 1 });
    const before = statements();
    expect(await variables.valuesOf("u_1", { readsVariables: false })).toEqual({ workspace: {}, user: {} });
    expect(statements()).toBe(before);
    expect((await variables.valuesOf("u_1", { readsVariables: true })).workspace["a"]).toBe(1);
    expect(statements()).toBe(before + 1);
  });

  it("cannot be changed by one reader for another", async () => {
    const { variables } = await makeCounted();
    await variables.set(null, "list", { value: [1] });
    const { workspace } = await variables.valuesOf("u_1");
    (workspace["list"] as number[]).push(2);
    expect(workspace["list"]).toEqual([1]);
  });
});
