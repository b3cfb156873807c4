/** Processes that stand still, are taken over, and go on: what they come back with changes nothing. */
import type { ServerResponse } from "node:http";
import { IS_LARGE } from "../fixtures/tier.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose, type Composed } from "../../runtime/compose.ts";
import type { ComposeOptions } from "../../runtime/compose.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { FastClock, type FastTime } from "../fixtures/fast-clock.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { act } from "../flows/bench.ts";
import { ContactsVendor, flat, nested } from "../sync/vendors.ts";
import { DeskVendor, deskManifest } from "../flows/vendor.ts";
import { NotesVendor, notesManifest } from "../http/notes-vendor.ts";
import { createTestStore, letTimeRun } from "../postgres.ts";

/** A PostgreSQL on which a lease lasts a second, a runtime to look with, and processes that work. */
async function makeScene(given: Pick<ComposeOptions, "connectors" | "servers">) {
  const { url: store, drop } = await createTestStore();
  onTestFinished(drop);
  const time: FastTime = { epoch: Date.now(), speed: 15, ahead: 0 };
  await letTimeRun(store, time);
  const own: Composed = await compose(composeOptions({ ...given, store, clock: new FastClock(time) }));
  onTestFinished(() => own.close());
  const launch = async (): Promise<RuntimeProcess> => {
    const child = new RuntimeProcess();
    onTestFinished(() => child.kill());
    await child.start({ ...given, store, time });
    return child;
  };
  return { own, launch };
}

const answer = (response: ServerResponse) =>
  void response.writeHead(200, { "content-type": "application/json" }).end("{}");

describe("a process that stands still until another has taken it over", () => {
  it("does no step of a flow once more, and leaves the run as it is", async () => {
    const vendor = await new DeskVendor().start();
    onTestFinished(() => vendor.stop());
    const { own, launch } = await makeScene({ connectors: [deskManifest], servers: { desk: { url: vendor.url } } });
    const { id: connection } = await own.accounts.create({ connector: "desk", user: "u_1" });
    const flow = await own.flows.create({
      name: "Once",
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        act("keyed", connection, "post_keyed", { name: "$trigger#/name" }),
        act("note", connection, "create_note", { text: "$trigger#/name" }),
        { id: "wait", delay: "P1D" },
      ],
    });
    const first = await launch();
    let held: ServerResponse | undefined;
    vendor.intercept = (request, response) => {
      if (held !== undefined || request.url !== "/keyed") return false;
      held = response;
      first.freeze();
      return true;
    };
    const run = await own.flows.call(flow.id, { name: "Ada" });
    await expect.poll(() => held).toBeDefined();
    const second = await launch();
    await expect.poll(async () => (await own.runs.get(run!.id)).status).toBe("waiting");
    const before = await own.runs.get(run!.id);
    answer(held!);
    first.thaw();
    await second.stop();
    // Whatever the first went on with lies behind it once it has done this.
    await own.flows.call(flow.id, { name: "Bob" });
    await expect.poll(() => vendor.done("/note").map(({ text }) => text)).toEqual(["Ada", "Bob"]);
    expect(await own.runs.get(run!.id)).toEqual(before);
  });

  it.runIf(IS_LARGE)("does no item of a batch once more, and moves none of them back", async () => {
    const vendor = new NotesVendor();
    onTestFinished(await vendor.start());
    const { own, launch } = await makeScene({ connectors: [notesManifest], servers: { notes: { url: vendor.url } } });
    const { id: connection } = await own.accounts.create({
      connector: "notes",
      user: "u_1",
      credentials: { token: "token-1" },
    });
    const first = await launch();
    const held: ServerResponse[] = [];
    let frozen = false;
    vendor.write = (_request, response) => {
      if (frozen) return answer(response);
      held.push(response);
      if (held.length < 4) return;
      frozen = true;
      first.freeze();
    };
    const inputs = Array.from({ length: 12 }, (_, i) => ({ id: `n${i}` }));
    const { id } = await own.batches.create(connection, "rename_note", { inputs });
    await expect.poll(() => frozen).toBe(true);
    const second = await launch();
    await expect.poll(async () => (await own.batches.get(id, { limit: 1 })).status).toBe("done");
    const requests = vendor.requests.length;
    const before = await own.batches.get(id, { limit: 12 });
    for (const response of held) answer(response);
    first.thaw();
    await second.stop();
    const other = await own.batches.create(connection, "rename_note", { inputs: [{ id: "last" }] });
    await expect.poll(async () => (await own.batches.get(other.id, { limit: 1 })).status).toBe("done");
    expect(vendor.requests.slice(requests)).toEqual(["PUT /notes/last"]);
    expect(await own.batches.get(id, { limit: 12 })).toEqual(before);
    expect(before.results.map(({ status }) => status)).toEqual(Array(12).fill("succeeded"));
  });

  it.runIf(IS_LARGE)("writes nothing of a sync to either side, and leaves its links as they are", async () => {
    const now = () => Date.now();
    const left = await new ContactsVendor(nested, now).start();
    const right = await new ContactsVendor(flat, now).start();
    onTestFinished(async () => void (await Promise.all([left.stop(), right.stop()])));
    const servers = { [left.face.name]: { url: left.url }, [right.face.name]: { url: right.url } };
    const { own, launch } = await makeScene({ connectors: [left.face.manifest, right.face.manifest], servers });
    const connect = async (vendor: ContactsVendor): Promise<string> =>
      (await own.accounts.create({ connector: vendor.face.name, user: "u_1" })).id;
    const ada = left.add({ first: "Ada", last: "Byron", emails: [{ value: "ada@example.com" }] });
    const first = await launch();
    let frozen = false;
    // It stands still just before it would create the other half.
    right.before = (request, response) => {
      if (frozen || request.method !== "POST") return false;
      frozen = true;
      first.freeze();
      held = response;
      return true;
    };
    let held: ServerResponse | undefined;
    const sync = await own.syncs.create({
      resource: "contact",
      left: await connect(left),
      right: await connect(right),
      everySeconds: 30,
    });
    await expect.poll(() => frozen).toBe(true);
    const second = await launch();
    const links = () => own.db.all("select id, left_id, right_id, state from sync_links order by id");
    const synced = async () => (await own.db.all("select id from sync_links where state = 'synced'")).length;
    await expect.poll(synced).toBe(1);
    const before = await links();
    expect(right.cards.size).toBe(1);
    held!.writeHead(503).end();
    first.thaw();
    await second.stop();
    left.add({ first: "Bob", last: "Babbage", emails: [{ value: "bob@example.com" }] });
    await expect.poll(synced).toBe(2);
    expect((await links()).filter((link) => (link as { left_id: string }).left_id === ada)).toEqual(before);
    expect(right.cards.size).toBe(2);
    expect((await own.syncs.get(sync.id)).links).toMatchObject({ synced: 2, failed: 0 });
  });
});
