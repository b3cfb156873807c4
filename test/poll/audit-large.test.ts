import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished } from "vitest";
import { MOST_DIFFERENCES } from "../../runtime/poll/audit/differences.ts";
import { IS_LARGE, SIZES } from "../fixtures/tier.ts";
import { patientAudits } from "./audits.ts";
import { createBench, type Bench } from "./harness.ts";

const MB = 2 ** 20;
const PAGE = 500;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes in use once what nobody needs is gone. */
function inUse(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const keyOf = (n: number): string => `k${String(n).padStart(6, "0")}`;

/** A subscription of an account with so many records, older than what increments may show late; its first poll is over. */
async function accountOf(count: number): Promise<{ bench: Bench; subscription: string }> {
  const bench = await createBench({
    before: (vendor) => {
      vendor.pageSize = PAGE;
      for (let n = 0; n < count; n++) vendor.put(keyOf(n), { updated: vendor.now - 3_600_000 * 48 });
    },
  });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  return { bench, subscription: await bench.subscribe("sync_any", { everySeconds: 86_400 }) };
}

it("an audit of a large account names a hundred keys of each kind and counts all, in little memory", async () => {
  const all = SIZES.audited;
  const { bench, subscription } = await accountOf(all);
  const { db } = bench.runtime;
  await db.run("delete from known where key < ?", [keyOf(100)]);
  await db.run("update known set version = 'another' where key >= ?", [keyOf(all - 101)]);
  bench.vendor.requests.length = 0;
  const progress: [number, number][] = [];
  const before = inUse();
  let most = 0;
  const onProgress = (read: number, expected: number): void => {
    progress.push([read, expected]);
    if (progress.length % 10 === 0) most = Math.max(most, inUse() - before);
  };
  const found = await patientAudits(bench).audits.audit(subscription, { timeoutSeconds: 3600 }, {}, { onProgress });
  expect(found).toMatchObject({
    verdict: "different",
    read: all,
    known: all - 100,
    missing: { count: 100 },
    stale: { count: 101 },
    extra: { count: 0, keys: [] },
  });
  expect(found.missing!.keys).toEqual(Array.from({ length: 100 }, (_, n) => keyOf(n)));
  expect(found.stale!.keys).toEqual(Array.from({ length: 100 }, (_, n) => keyOf(all - 101 + n)));
  const pages = Array.from({ length: all / PAGE }, (_, n) => (n + 1) * PAGE);
  expect(progress).toEqual([...pages, ...pages].map((read) => [read, Math.max(read, all - 100)]));
  expect(most).toBeLessThan(16 * MB);
});

it.runIf(IS_LARGE)("an audit counts a hundred thousand losses, and reports nothing when there are more", async () => {
  expect(MOST_DIFFERENCES).toBe(100_000);
  const { bench, subscription } = await accountOf(MOST_DIFFERENCES);
  await bench.runtime.db.run("delete from known");
  const audit = () => patientAudits(bench).audits.audit(subscription, { timeoutSeconds: 3600 });
  expect(await audit()).toMatchObject({ verdict: "different", missing: { count: MOST_DIFFERENCES } });
  bench.vendor.put("more");
  await expect(audit()).rejects.toMatchObject({
    code: "conflict",
    message: `More than 100000 records of sync differ from what is known, too many to name the cause of each; nothing is reported. Check that connection ${bench.connection} still is the account that was polled`,
  });
});
