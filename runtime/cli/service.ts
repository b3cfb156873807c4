import express from "express";
import { pino } from "pino";
import { createRuntime } from "../runtime.ts";
import { readConfig } from "./config.ts";
import { listen } from "./listen.ts";
import { stopSignal } from "./signals.ts";

/** How long what is in flight may take after the signal to stop, in milliseconds: orchestrators kill after ten seconds. */
const GRACE = 8_000;

/**
 * Runs the service until a signal stops it.
 * @throws HooklineError `invalid_config`, and whatever keeps a runtime from starting
 */
export async function startService(file: string | undefined): Promise<void> {
  const stop = stopSignal();
  const { port, host, logLevel, runtime, overruled } = await readConfig({ file, env: process.env, cwd: process.cwd() });
  const logger = pino({ level: logLevel });
  for (const { variable, pointer } of overruled) {
    logger.warn({ variable, pointer }, "the environment replaces what the configuration file says");
  }
  const choosePort = `set "port" in the configuration, or PORT`;
  let hookline!: ReturnType<typeof createRuntime>;
  const server = await listen({ port, host, choosePort }, (actual) => {
    hookline = createRuntime({ ...runtime, baseUrl: runtime.baseUrl ?? `http://localhost:${actual}`, logger });
    return express().disable("x-powered-by").use(hookline.router);
  });
  try {
    await hookline.start();
    logger.info({ port: server.port, store: runtime.store?.split(":")[0] }, "hookline is ready");
    await stop;
    logger.info({}, "stopping: finishing what is in flight");
  } finally {
    await Promise.all([server.close(), hookline.stop(GRACE)]);
  }
}
