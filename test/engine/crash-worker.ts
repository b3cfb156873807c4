/**
 * Enqueues jobs and works them until it is killed. Each accepted job leaves a row in `accepted`, each finished one a row
 * in `finished`, both in the transaction that makes it so. With "drain" it enqueues nothing and ends when all is done.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../runtime/core/clock.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";

const [location, mode] = process.argv.slice(2);
const log = createLog({ level: "silent" });
const db = await openDatabase(location!, { log });
await migrate(db);
await db.run("create table if not exists accepted (id integer primary key, key text)");
await db.run("create table if not exists finished (id integer, key text, interrupted integer)");

const engine = await openEngine({ db, clock: systemClock, log });
engine.work("deliver", { concurrency: 16, perGroup: 8, deadlineMs: 60_000 }, async (job) => {
  await sleep(job.id % 4);
  const row = [job.data.id as number, job.data.key as string, Number(job.interrupted)];
  return { done: true, commit: async (tx) => void (await tx.run("insert into finished values (?, ?, ?)", row)) };
});
await engine.start();
process.stdout.write("started\n");

const enqueueFive = (): Promise<void> =>
  db.transaction(async (tx) => {
    const { last } = (await tx.get<{ last: number }>("select coalesce(max(id), 0) as last from accepted"))!;
    const jobs = Array.from({ length: 5 }, (_, i) => ({ id: last + 1 + i, key: `k${(last + i) % 7}` }));
    await engine.enqueue(
      tx,
      jobs.map((data) => ({ queue: "deliver" as const, key: data.key, group: `g${data.id % 3}`, data })),
    );
    await tx.many(
      "insert into accepted values (?, ?)",
      jobs.map(({ id, key }) => [id, key]),
    );
  });
if (mode !== "drain") {
  for (;;) {
    await enqueueFive();
    await sleep(1);
  }
}
const left = async (): Promise<number> => (await db.get<{ n: number }>("select count(*) as n from jobs"))!.n;
while ((await left()) > 0) await sleep(5);
await engine.stop();
await db.close();
