import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose, type Composed } from "../../runtime/compose.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { IS_LARGE } from "../fixtures/tier.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import { NotesVendor, notesManifest } from "../http/notes-vendor.ts";

const TOTAL = 60;
/** Ends a process with its n-th commit, or while the vendor has its n-th request. */
type Death = NonNullable<WorkerOptions["dieAtCommit"]> | { atRequest: number };

const deaths: Death[] = [
  { count: 4, when: "before" },
  { atRequest: 5 },
  { count: 6, when: "after" },
  { count: 9, when: "before" },
];

async function makeWorld() {
  const folder = await mkdtemp(join(tmpdir(), "hookline-batch-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const vendor = new NotesVendor();
  const stop = await vendor.start();
  onTestFinished(stop);
  const options = {
    store: `sqlite:${folder}/store.db`,
    connectors: [notesManifest],
    servers: { notes: { url: vendor.url } },
  };
  const opened = async <T>(work: (composed: Composed) => Promise<T>): Promise<T> => {
    const composed = await compose(composeOptions(options));
    try {
      return await work(composed);
    } finally {
      await composed.close();
    }
  };

  /** Lets one process after another work until each has died its death; the last one lives. */
  const work = async (batch: string): Promise<void> => {
    for (const death of deaths) {
      const child = new RuntimeProcess();
      onTestFinished(() => child.kill());
      let requests = 0;
      vendor.write = (_request, response) => {
        if ("atRequest" in death && ++requests === death.atRequest) child.kill();
        else response.setHeader("content-type", "application/json").end("{}");
      };
      await child.start({ ...options, ...("count" in death ? { dieAtCommit: death } : {}) });
      expect(await child.ended()).toBe("SIGKILL");
    }
    vendor.write = undefined;
    await opened(async ({ engine, batches }) => {
      await engine.start();
      await expect.poll(async () => (await batches.get(batch, { limit: 1 })).status).toBe("done");
      await engine.stop();
    });
  };

  const make = (action: string, inputs: Record<string, unknown>[]) =>
    opened(async ({ accounts, batches }) => {
      const { id } = await accounts.create({ connector: "notes", user: "u_1", credentials: { token: "token-1" } });
      return (await batches.create(id, action, { inputs })).id;
    });
  const results = (batch: string) =>
    opened(async ({ batches }) => (await batches.get(batch, { limit: TOTAL })).results);
  return { vendor, make, work, results };
}

describe("a batch whose processes are killed", () => {
  it.runIf(IS_LARGE)("does every item of an action that may be repeated", async () => {
    const { make, work, results, vendor } = await makeWorld();
    const batch = await make(
      "rename_note",
      Array.from({ length: TOTAL }, (_, i) => ({ id: `n${i}` })),
    );
    await work(batch);
    expect((await results(batch)).map(({ status }) => status)).toEqual(
      Array.from({ length: TOTAL }, () => "succeeded"),
    );
    for (let i = 0; i < TOTAL; i++) expect(vendor.count(`PUT /notes/n${i}`)).toBeGreaterThan(0);
    // Four at a time, so no death can make more than four go twice.
    const puts = vendor.requests.filter((request) => request.startsWith("PUT")).length;
    expect(puts).toBeLessThanOrEqual(TOTAL + 4 * deaths.length);
  });

  it("does no item twice of an action that may not, and says which are in doubt", async () => {
    const { make, work, results, vendor } = await makeWorld();
    const batch = await make(
      "create_note",
      Array.from({ length: TOTAL }, (_, i) => ({ title: `Note ${i}` })),
    );
    await work(batch);
    const all = await results(batch);
    const inDoubt = all.filter(({ status }) => status === "failed");
    expect(all.filter(({ status }) => status === "succeeded")).toHaveLength(TOTAL - inDoubt.length);
    expect(inDoubt.length).toBeGreaterThan(0);
    expect(inDoubt.length).toBeLessThanOrEqual(4 * deaths.length);
    for (const { error } of inDoubt) {
      expect(error).toEqual({
        code: "idempotency_conflict",
        message: expect.stringMatching(
          /^The process ended while the vendor was asked, and what the vendor did is unknown; look at/,
        ),
      });
    }
    expect(vendor.count("POST /notes")).toBeLessThanOrEqual(TOTAL);
    expect(vendor.count("POST /notes")).toBeGreaterThanOrEqual(TOTAL - inDoubt.length);
  });
});
