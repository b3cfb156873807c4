/** Starts an engine that has nothing due, and leaves it alone. */
import { systemClock } from "../../runtime/core/clock.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";

const log = createLog({ level: "silent" });
const db = await openDatabase("sqlite::memory:", { log });
await migrate(db);
const engine = await openEngine({ db, clock: systemClock, log });
engine.work("deliver", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, async () => ({ done: true }));
engine.cron("sweep", "* * * * * *", async () => {});
await engine.start();
await db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: {}, runAt: Date.now() + 3_600_000 }]));
await engine.tick();
