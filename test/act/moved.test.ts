/** Actions whose connection is moved to another account while they are at work: nothing of them reaches it. */
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { soon } from "../fixtures/wait.ts";
import { NotesVendor, notesManifest } from "../http/notes-vendor.ts";
import { storeOfTest } from "../postgres.ts";

async function makeWorld() {
  const vendor = new NotesVendor();
  onTestFinished(await vendor.start());
  const composed = await compose(
    composeOptions({
      store: await storeOfTest("real"),
      connectors: [notesManifest],
      servers: { notes: { url: vendor.url } },
    }),
  );
  onTestFinished(async () => {
    await composed.engine.stop(0);
    await composed.close();
  });
  const { id } = await composed.accounts.create({ connector: "notes", user: "u_1", credentials: { token: "t" } });
  return {
    ...composed,
    vendor,
    id,
    /** As a confirmed move leaves the row. */
    move: () => composed.db.run("update connections set moves = 1, version = version + 1 where id = ?", [id]),
    writes: () => vendor.count("POST /notes"),
  };
}

const titles = (count: number) => Array.from({ length: count }, (_, i) => ({ title: `Note ${i}` }));

describe("a batch whose connection is moved to another account", () => {
  it("while items are in hand does no other, and says why", async () => {
    const world = await makeWorld();
    world.vendor.write = (_request, response) => {
      void world.move().then(() => response.setHeader("content-type", "application/json").end('{"id":"note-1"}'));
    };
    const { id } = await world.batches.create(world.id, "create_note", { inputs: titles(12) });
    await world.engine.start();
    await soon(async () => expect((await world.batches.get(id)).status).toBe("done"));
    const batch = await world.batches.get(id, { limit: 12 });
    const done = world.writes();
    // Those that had left already went to the first account.
    expect(done).toBeLessThanOrEqual(4);
    expect(batch.counts).toMatchObject({ succeeded: done, failed: 12 - done });
    expect(batch.results.at(-1)!.error).toMatchObject({
      code: "account_moved",
      message: `${world.id} was moved to another account meanwhile; begin again`,
    });
  });

  it("before it begins does nothing", async () => {
    const world = await makeWorld();
    const { id } = await world.batches.create(world.id, "create_note", { inputs: titles(3) });
    await world.move();
    await world.engine.start();
    await soon(async () => expect((await world.batches.get(id)).counts.failed).toBe(3));
    expect(world.writes()).toBe(0);
  });
});

describe("an action whose connection is moved to another account", () => {
  it("between two tries is not tried again", async () => {
    const world = await makeWorld();
    world.vendor.write = (_request, response) => {
      void world.move().then(() => response.writeHead(429, { "retry-after": "0" }).end());
    };
    await expect(world.actions.run(world.id, "create_note", { title: "a" })).rejects.toMatchObject({
      code: "account_moved",
    });
    expect(world.writes()).toBe(1);
  });
});
