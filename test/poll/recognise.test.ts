import { expect, it } from "vitest";
import { findConnection } from "../../runtime/model/connections.ts";
import { createRecognition } from "../../runtime/poll/recognise.ts";
import { withLists, type ListBench } from "./list-vendor.ts";

async function recognises({ bench: { runtime, connection, clock } }: ListBench): Promise<boolean> {
  const recognise = createRecognition({ db: runtime.db, connectors: runtime.connectors, clock }, async () => ({
    workspace: {},
    user: {},
  }));
  const row = (await findConnection(runtime.db, connection))!;
  return await recognise(row, await runtime.accounts.client(connection));
}

it("an account is recognised by records of the lists that can be read, and is no other while one that may have them cannot", async () => {
  const on = await withLists("tokens");
  const { lists } = on;
  for (const id of ["x2", "x3"]) lists.put("x", id);
  await on.poll();
  expect(await recognises(on)).toBe(true);
  lists.fail("y", { status: 403 });
  expect(await recognises(on)).toBe(true);
  lists.fail("x", { status: 403 });
  await expect(recognises(on)).rejects.toMatchObject({ code: "vendor_error" });
  lists.wrong.clear();
  lists.things.clear();
  expect(await recognises(on)).toBe(false);
});
