import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { BookVendor } from "../fixtures/book-vendor.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { FastClock, type FastTime } from "../fixtures/fast-clock.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import { until } from "../fixtures/wait.ts";
import { vendorManifest } from "../poll/vendor.ts";

/** More than an event is given. */
const RESTARTS = 8;

describe("an event over which its process dies", () => {
  it("is dead after five deaths, each on record, and keeps no other event from being handled", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hookline-poison-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const vendor = await new BookVendor().start();
    onTestFinished(() => vendor.stop());
    const time: FastTime = { epoch: Date.now(), speed: 600, ahead: 0 };
    const options = {
      store: `sqlite:${join(folder, "hookline.db")}`,
      connectors: [vendorManifest()],
      servers: { acme: { url: vendor.url } },
    };
    const open = () => compose(composeOptions({ ...options, clock: new FastClock(time) }));
    const names = ["a", "b", "c", "poison", "d", "e"];
    for (const name of names) vendor.put(name, "as it was");
    const before = await open();
    const { id: connection } = await before.accounts.create({ connector: "acme", user: "u_1" });
    before.consumers.on("item.*", () => {});
    await before.consumers.start();
    await before.subscriptions.create({ connection, trigger: "sync_any", everySeconds: 30, firstPoll: "emitAll" });
    await before.close();
    // The read has to be over: what is read again is told again.
    const reader = new RuntimeProcess();
    onTestFinished(() => reader.kill());
    await reader.start({ ...options, time });
    const file = new DatabaseSync(join(folder, "hookline.db"), { readOnly: true });
    await until(() => file.prepare("select 1 from streams where baselined_at is not null").get() !== undefined);
    onTestFinished(() => file.close());
    await reader.stop();

    const pending = file.prepare("select 1 from deliveries where status = 'pending'");
    const handled = new Set<string>();
    let deaths = 0;
    for (let restart = 0; restart < RESTARTS; restart++) {
      const child = new RuntimeProcess();
      onTestFinished(() => child.kill());
      child.onHandled((name) => handled.add(name));
      await child.start({ ...options, time, poison: "poison" });
      const over = until(() => pending.get() === undefined).catch(() => {});
      if ((await Promise.race([child.ended(), over])) === "SIGKILL") deaths++;
      else {
        await child.stop();
        break;
      }
    }
    expect(deaths).toBe(5);
    expect([...handled].sort()).toEqual(names.filter((name) => name !== "poison").sort());

    const after = await open();
    const deliveries = await after.db.all<{ status: string; attempts: string }>(
      "select status, attempts from deliveries",
    );
    expect(deliveries.filter(({ status }) => status !== "delivered")).toHaveLength(1);
    const poison = deliveries.find(({ status }) => status === "dead");
    expect((JSON.parse(poison!.attempts) as { error: string }[]).map(({ error }) => error)).toEqual(
      Array(5).fill("interrupted"),
    );
    const told = await after.db.all<{ type: string }>("select type from events where type = 'delivery.exhausted'");
    expect(told).toHaveLength(1);
    await after.close();
  });
});
