import { describe, expect, it, vi } from "vitest";
import { makeBench } from "../flows/bench.ts";

/** A flow that acts when a person appears, with 20 variables around it; counts what is asked of variables from now on. */
async function makeFlow(name: string) {
  const bench = await makeBench();
  const connection = await bench.connect("u_1");
  const { variables, vault, db } = bench.runtime;
  for (let i = 0; i < 10; i++) {
    await variables.set(null, `v${i}`, { value: `workspace ${i}` });
    await variables.set("u_1", `v${i}`, { value: `user ${i}` });
  }
  const step = { id: "label", connection, action: "put_label", input: { name } };
  const flow = await bench.make({ user: "u_1", triggers: [{ connection, trigger: "person_created" }], steps: [step] });
  const open = vi.spyOn(vault, "open");
  const all = vi.spyOn(db, "all");
  bench.vendor.put("p1", "Ada");
  await bench.poll();
  const runs = await bench.runsOf(flow.id);
  expect(runs.map(({ status, error }) => [status, error])).toEqual([["succeeded", null]]);
  return {
    label: bench.vendor.done("/label"),
    opened: open.mock.calls.filter(([, { table }]) => table === "variables").map(([, { row }]) => row),
    statements: all.mock.calls.filter(([sql]) => sql.includes("from variables")).length,
  };
}

describe("variables", () => {
  it("are neither read nor opened for a poll, a run and an action that name none", async () => {
    const { label, opened, statements } = await makeFlow("$trigger.change");
    expect([label, opened, statements]).toEqual([[{ name: "created" }], [], 0]);
  });

  it("are opened when they are named, and only those", async () => {
    const { label, opened, statements } = await makeFlow("{{user.vars.v3}}, {{workspace.vars.v4}}");
    expect(label).toEqual([{ name: "user 3, workspace 4" }]);
    expect([opened.toSorted(), statements]).toEqual([['["u_1","v3"]', '[null,"v4"]'], 1]);
  });
});
