import { setTimeout as sleep } from "node:timers/promises";
import type { BookVendor } from "../fixtures/book-vendor.ts";
import type { Receiver } from "../fixtures/receiver.ts";
import type { RuntimeProcess } from "../fixtures/runtime-process.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import type { Random } from "../../runtime/sandbox/random.ts";

/** A moment at which a process dies. */
export type Death =
  | { at: "any time"; afterMs: number }
  /** Before a transaction is durable, and right after: between pages, before a poll's outcome, after a delivery's, … */
  | { at: "commit"; count: number; when: "before" | "after" }
  /** While the vendor has its request and has not answered. */
  | { at: "poll request"; count: number }
  /** When the vendor has answered and nothing is done with it yet. */
  | { at: "poll answer"; count: number }
  /** While the receiver has a webhook and has not answered. */
  | { at: "webhook"; count: number }
  /** When the receiver has answered 2xx and nobody has written that down. */
  | { at: "webhook answer"; count: number };

export const DEATHS: readonly Death["at"][] = [
  "any time",
  "commit",
  "poll request",
  "poll answer",
  "webhook",
  "webhook answer",
];

/** How long a process lives at most when the moment does not come. */
const LIFE_MS = 400;

export function randomDeath(at: Death["at"], random: Random): Death {
  switch (at) {
    case "any time":
      return { at, afterMs: random.below(150) };
    case "commit":
      return { at, count: 1 + random.below(30), when: random.chance(0.5) ? "before" : "after" };
    default:
      return { at, count: 1 + random.below(8) };
  }
}

/** Runs a process until it meets its death. */
export async function liveAndDie(
  runtime: RuntimeProcess,
  death: Death,
  options: WorkerOptions,
  { vendor, receiver }: { vendor: BookVendor; receiver: Receiver },
): Promise<void> {
  const nth = (count: number) => {
    let seen = 0;
    return () => {
      if (++seen === count) runtime.kill();
    };
  };
  const polled = vendor.onRequest;
  if (death.at === "poll request") {
    const strike = nth(death.count);
    vendor.onRequest = (request, response) => {
      strike();
      return polled(request, response);
    };
  } else if (death.at === "poll answer") vendor.onAnswered = nth(death.count);
  else if (death.at === "webhook") receiver.onArrival = nth(death.count);
  else if (death.at === "webhook answer") {
    const strike = nth(death.count);
    receiver.onAnswered = (status) => void (status < 300 && strike());
  }
  await runtime.start({ ...options, ...(death.at === "commit" && { dieAtCommit: death }) });
  await Promise.race([runtime.ended(), sleep(death.at === "any time" ? death.afterMs : LIFE_MS)]);
  runtime.kill();
  await runtime.ended();
  vendor.onRequest = polled;
  vendor.onAnswered = receiver.onArrival = receiver.onAnswered = () => {};
}
