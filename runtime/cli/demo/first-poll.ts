import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "./api.ts";

const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;

/** Waits until a subscription has been polled: edits before that would be taken for what was there all along. */
export async function firstPollEnds(call: Call, subscription: string): Promise<void> {
  await until(`The first poll of ${subscription} does not end; its health says why`, async () => {
    const { state } = await call<{ state: string }>("GET", `/v1/subscriptions/${subscription}/health`);
    return state !== "waiting";
  });
}

/** Waits until a sync knows what both sides have had from the beginning. */
export async function matchingEnds(call: Call, sync: string): Promise<void> {
  await until(`Sync ${sync} could not compare its sides; GET /v1/syncs/${sync} says why`, async () => {
    const { status } = await call<{ status: string }>("GET", `/v1/syncs/${sync}`);
    return status !== "matching";
  });
}

async function until(otherwise: string, holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
    if (await holds()) return;
    await sleep(PAUSE_MS);
  }
  throw new Error(otherwise);
}
