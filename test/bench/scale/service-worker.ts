/** One process of the service: opens a store, works when told to, and reports what it did. */
import { openRuntime, type Transport } from "./runtime.ts";

export interface Service {
  store: string;
  vendor: string;
  transport: Transport;
}

/** Since the report before. */
export interface Report {
  polls: number;
  attempts: number;
  failures: number;
  cpuMs: number;
  /** The most memory the process ever had. */
  peakBytes: number;
}

type Order = "start" | "report" | "stop";

// Nothing goes on without the bench.
process.once("disconnect", () => process.exit());
process.once("message", (service: Service) => void serve(service));

async function serve(service: Service): Promise<void> {
  const runtime = await openRuntime(service);
  const { metrics, engine } = runtime;
  let [polls, attempts, failures] = [0, 0, 0];
  const { polled, attempted } = metrics;
  metrics.polled = (poll) => {
    polled(poll);
    polls++;
    if (poll.outcome === "failed") failures++;
  };
  metrics.attempted = (attempt) => {
    attempted(attempt);
    attempts++;
    if (attempt.outcome !== "delivered") failures++;
  };
  let cpu = process.cpuUsage();
  const report = (): Report => {
    const { user, system } = process.cpuUsage(cpu);
    const found = {
      polls,
      attempts,
      failures,
      cpuMs: (user + system) / 1000,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    };
    cpu = process.cpuUsage();
    [polls, attempts, failures] = [0, 0, 0];
    return found;
  };
  process.on("message", async ({ order }: { order: Order }) => {
    if (order === "report") process.send!(report());
    if (order === "start") {
      await engine.start();
      process.send!(report());
    }
    if (order === "stop") {
      await engine.stop();
      await runtime.close();
      process.disconnect();
    }
  });
  process.send!({});
}
