/**
 * The runtime as it is: the google-contacts connector, a subscription, an endpoint. `HOOKLINE_BENCH_TRANSPORT=http` reads
 * the same pages over plain HTTP instead of through googleapis.
 */
import { join } from "node:path";
import { compose } from "../../../runtime/compose.ts";
import type { JobEngine } from "../../../runtime/engine/loop.ts";
import { composeOptions } from "../../fixtures/compose.ts";
import { contend } from "../contender.ts";
import { overPlainHttp } from "../manifest.ts";

/** As short as the trigger allows: what a process does every few minutes, whatever it polls, is no cost of a poll. */
const INTERVAL_SECONDS = 60;
/** As many as the baselines. */
const IN_FLIGHT = 64;

contend(async ({ vendor, receiver, folder }) => {
  const plainHttp = process.env["HOOKLINE_BENCH_TRANSPORT"] === "http";
  let ahead = 0;
  const options = composeOptions({
    store: `sqlite:${join(folder, "hookline.db")}`,
    connectors: [plainHttp ? await overPlainHttp() : "google-contacts"],
    servers: { "google-contacts": { url: vendor } },
    clients: { "google-contacts": { clientId: "bench", clientSecret: "bench" } },
    concurrency: { polls: 64, deliveries: 128, perEndpoint: IN_FLIGHT },
    clock: { now: () => Date.now() + ahead },
  });
  const runtime = await compose(options);
  // Google's limits would slow the bench down, not the runtime.
  Object.assign(runtime.connectors.get("google-contacts")!.manifest, { rateLimits: [] });
  const engine = runtime.engine as JobEngine;

  let polled: () => void = () => {};
  const counted = runtime.metrics.polled;
  runtime.metrics.polled = (poll) => {
    counted(poll);
    if (poll.outcome === "failed") process.exitCode = 1;
    else polled();
  };
  /** Lets the next poll come due, and waits until it has ended and is written down. */
  const poll = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => (polled = resolve));
    ahead += INTERVAL_SECONDS * 1000;
    await engine.tick();
    await ended;
    await engine.tick();
  };
  const delivering = async (): Promise<boolean> =>
    (await runtime.db.get("select 1 from jobs where queue = 'deliver' limit 1")) !== undefined;

  return {
    prepare: async () => {
      const { id: connection } = await runtime.accounts.create({
        connector: "google-contacts",
        user: "u_1",
        credentials: { accessToken: "bench" },
      });
      await runtime.endpoints.create({ url: receiver, events: ["contact.*"] });
      await runtime.subscriptions.create({ connection, trigger: "contact_created", everySeconds: INTERVAL_SECONDS });
      const ended = new Promise<void>((resolve) => (polled = resolve));
      await engine.start();
      await ended;
      await engine.tick();
    },
    run: async () => {
      await poll();
      while (await delivering()) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    idle: poll,
    close: async () => {
      await engine.stop();
      await runtime.close();
    },
  };
});
