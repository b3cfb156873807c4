/** A process of an engine on the store it is told. It takes one job, says so, and never ends it. */
import { systemClock } from "../../runtime/core/clock.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { openDatabase } from "../../runtime/store/open.ts";

const log = createLog({ level: "silent" });
const db = await openDatabase(process.argv[2]!, { log });
const engine = await openEngine({ db, clock: systemClock, log });
engine.work("deliver", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, () => {
  process.stdout.write("taken\n");
  return new Promise(() => setInterval(() => {}, 60_000));
});
await engine.start();
