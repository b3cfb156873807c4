import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { Receiver } from "../fixtures/receiver.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import { startSandbox } from "../fixtures/sandbox-process.ts";
import { IS_LARGE, SIZES } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { temporaryFolder, withRuntime } from "./scenes.ts";

const PAGE = 1000;
const MEGABYTE = 1e6;
/** V8 lets garbage lie in proportion to the machine's memory; this is what it takes a small machine for. */
const SMALL_HEAP = ["--max-heap-size=256"];

interface Progress {
  known: number;
  checkpoint: string | null;
  cursor: string | null;
}

/** A Google account with so many contacts, and a subscription to them that has not been polled yet. */
async function bigAccount(contacts: number, firstPoll: "baseline" | "emitAll") {
  const [sandbox, receiver] = await Promise.all([startSandbox(contacts), new Receiver().start()]);
  onTestFinished(() => receiver.stop());
  onTestFinished(sandbox.stop);
  const file = join(temporaryFolder(), "hookline.db");
  const options: WorkerOptions = {
    store: `sqlite:${file}`,
    connectors: ["google-contacts"],
    servers: sandbox.servers,
    clients: { "google-contacts": sandbox.client },
  };
  await withRuntime(options, async ({ accounts, endpoints, subscriptions }) => {
    const { secret } = await endpoints.create({ url: `${receiver.url}/` });
    receiver.secrets.set("/", secret);
    const { id: connection } = await accounts.create({
      connector: "google-contacts",
      user: "u_1",
      credentials: sandbox.credentials,
    });
    await subscriptions.create({ connection, trigger: "contact_created", firstPoll });
  });
  const db = new DatabaseSync(file, { readOnly: true });
  onTestFinished(() => db.close());
  const progress = (): Progress =>
    db
      .prepare("select (select count(*) from known) as known, checkpoint, cursor from streams")
      .get() as unknown as Progress;
  const start = async (): Promise<RuntimeProcess> => {
    const runtime = new RuntimeProcess(SMALL_HEAP);
    onTestFinished(() => runtime.kill());
    await runtime.start(options);
    return runtime;
  };
  return { sandbox, receiver, progress, start };
}

describe.runIf(IS_LARGE)("the first read of a large account", () => {
  it(`takes ${SIZES.contactPages.baseline},000 contacts in 300 MB when V8 is given 256 of them, and after a kill goes on at the page where it was`, async () => {
    const contacts = SIZES.contactPages.baseline * PAGE;
    const { sandbox, progress, start } = await bigAccount(contacts, "baseline");
    const first = await start();
    await until(() => progress().known >= contacts / 2);
    const firstPeak = await first.peakBytes();
    first.kill();
    await first.ended();
    const [kept, listed] = [progress(), await sandbox.listed()];
    expect(kept.checkpoint).not.toBeNull();
    expect(kept.cursor).toBeNull();
    expect(kept.known % PAGE).toBe(0);
    expect(kept.known).toBeLessThan(contacts);

    const second = await start();
    await until(() => progress().cursor !== null);
    expect((await sandbox.listed()) - listed).toBe((contacts - kept.known) / PAGE);
    expect(progress()).toMatchObject({ known: contacts, checkpoint: null });
    expect(Math.max(firstPeak, await second.peakBytes()) / MEGABYTE).toBeLessThan(300);
    await second.stop();
  });

  it("tells every contact once when asked to, in the same memory", async () => {
    const contacts = SIZES.contactPages.emitAll * PAGE;
    const { receiver, start } = await bigAccount(contacts, "emitAll");
    const runtime = await start();
    const told = (): Set<string> =>
      new Set(receiver.posts.filter(({ event }) => event.type === "contact.created").map(({ id }) => id));
    await until(() => told().size >= contacts);
    const records = new Set(receiver.events().map(({ data }) => (data as { resource?: { id: string } }).resource?.id));
    records.delete(undefined); // That the connection is active.
    expect(records.size).toBe(contacts);
    expect(told().size).toBe(contacts);
    expect((await runtime.peakBytes()) / MEGABYTE).toBeLessThan(300);
    await runtime.stop();
  });
});
