import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { SIZES } from "../fixtures/tier.ts";

describe("a process killed in the middle of its work", () => {
  let folder: string;
  let location: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hookline-crash-"));
    location = `sqlite:${join(folder, "hookline.db")}`;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    spawn(process.execPath, [join(import.meta.dirname, "crash-worker.ts"), location, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });

  it("loses no job, finishes none twice, and keeps the order of each key", async () => {
    for (const lifetime of SIZES.engineLives) {
      const worker = run();
      await once(worker.stdout, "data");
      await sleep(lifetime);
      worker.kill("SIGKILL");
      await once(worker, "exit");
    }
    const last = run("drain");
    expect(await once(last, "exit")).toEqual([0, null]);

    const db = await openDatabase(location, { log: createLog({ level: "silent" }) });
    const accepted = await db.all<{ id: number }>("select id, key from accepted order by key, id");
    const finished = await db.all<{ id: number }>("select id, key from finished order by key, rowid");
    const { interrupted } = (await db.get<{ interrupted: number }>(
      "select sum(interrupted) as interrupted from finished",
    ))!;
    await db.close();
    expect(accepted.length).toBeGreaterThan(0);
    expect(finished).toEqual(accepted);
    expect(interrupted).toBeGreaterThan(0);
  });
});
