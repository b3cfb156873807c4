/** Flows whose connection lacks a scope: told when they are saved, when it changes, and before the first call of a run. */
import { describe, expect, it } from "vitest";
import { createFollowConnection } from "../../runtime/flows/broken.ts";
import { findConnection, type ConnectionRow } from "../../runtime/model/connections.ts";
import { act, makeBench } from "./bench.ts";
import { deskManifest } from "./vendor.ts";

const manifest = {
  ...deskManifest,
  actions: {
    ...deskManifest.actions,
    create_note: { ...deskManifest.actions.create_note, scopes: ["notes"] },
  },
};

async function started() {
  const bench = await makeBench({ manifest });
  const connection = await bench.connect("u_1");
  const change = (changes: Partial<Record<"scopes" | "refused", unknown>>) => {
    const [[name, value]] = Object.entries(changes) as [[string, unknown]];
    return bench.runtime.db.run(`update connections set ${name} = ? where id = ?`, [JSON.stringify(value), connection]);
  };
  await change({ scopes: ["labels", "notes"] });
  return {
    ...bench,
    bench,
    connection,
    change,
    label: act("label", connection, "put_label", { name: "a" }),
    note: (more: object = {}) => act("note", connection, "create_note", { text: "b" }, more),
    flow: (...steps: object[]) => bench.make({ user: "u_1", triggers: [{ call: {} }], steps: steps as never }),
  };
}

const needs = (connection: string) => `Action create_note needs notes, which connection ${connection} was not granted`;

describe("a run one of whose steps lacks a scope", () => {
  it("fails before its first call, and says which", async () => {
    const s = await started();
    const { id } = await s.flow(s.label, s.note());
    await s.change({ scopes: ["labels"] });
    const run = await s.call(id);
    expect(run).toMatchObject({
      status: "failed",
      error: { code: "scope_missing", step: "note", message: expect.stringContaining(needs(s.connection)) },
    });
    expect(s.vendor.effects).toEqual([]);
  });

  it("fails so when the vendor has refused the step for want of one before", async () => {
    const s = await started();
    const { id } = await s.flow(s.label, s.note());
    await s.change({ refused: { "action/create_note": ["notes"] } });
    expect((await s.call(id)).error).toMatchObject({ code: "scope_missing", step: "note" });
    expect(s.vendor.effects).toEqual([]);
  });

  it.each<[string, object]>([
    ["may fail", { onError: "continue" }],
    ["may not come", { when: "trigger.urgent" }],
  ])("does the others where that one %s", async (_what, more) => {
    const s = await started();
    const { id } = await s.flow(s.label, s.note(more));
    await s.change({ scopes: ["labels"] });
    expect(await s.call(id)).toMatchObject({ status: "succeeded" });
    expect(s.vendor.effects).toHaveLength(1);
  });

  it("goes on where it is not known what was granted", async () => {
    const s = await started();
    const { id } = await s.flow(s.label, s.note());
    await s.change({ scopes: [] });
    expect(await s.call(id)).toMatchObject({ status: "succeeded" });
  });
});

describe("a flow whose connection", () => {
  /** What a consent commits, as far as flows are concerned. */
  const consented = async ({ bench, connection }: Awaited<ReturnType<typeof started>>) => {
    const { db, connectors } = bench.runtime;
    const follow = createFollowConnection(
      { clock: bench.clock, connectors, emit: async () => {} },
      { follow: async () => {} } as never,
      async () => undefined,
    );
    const { connector, user } = (await findConnection(db, connection)) as ConnectionRow;
    await db.transaction((tx) => follow(tx, { id: connection, connector, user, status: "active" }));
  };

  it("comes back with less than it needs is broken, with the scopes to ask for, until it has them", async () => {
    const s = await started();
    const { id } = await s.flow(s.label, s.note());
    await s.change({ scopes: ["labels"] });
    await consented(s);
    const { flows } = s.bench.runtime;
    expect(await flows.get(id)).toMatchObject({
      status: "broken",
      problem: {
        code: "scope_missing",
        connection: s.connection,
        message: expect.stringContaining(needs(s.connection)),
      },
    });
    await expect(flows.call(id)).rejects.toMatchObject({ code: "conflict" });
    await s.change({ scopes: ["labels", "notes"] });
    await consented(s);
    expect(await flows.get(id)).toMatchObject({ status: "active", problem: null });
  });

  it("lacks a scope that the vendor has refused is not saved", async () => {
    const s = await started();
    await s.change({ refused: { "action/create_note": ["notes"] } });
    await expect(s.flow(s.note())).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/steps/0/connection", message: expect.stringContaining("as the vendor has answered") }],
    });
  });
});
