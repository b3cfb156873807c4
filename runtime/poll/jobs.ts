import type { NewJob } from "../engine/engine.ts";

/** The one poll job of a stream; enqueuing it again only ever makes it earlier. */
export function pollJob(stream: number, connection: string, runAt: number): NewJob {
  return { queue: "poll", data: { stream }, group: connection, unique: `stream:${stream}`, runAt };
}
