import type { NewJob } from "../engine/engine.ts";

/** The first comparison of all there is on both sides. */
export const matchJob = (sync: string): NewJob => ({
  queue: "sync",
  group: sync,
  unique: `${sync}:match`,
  data: { sync },
});

/** Work on one link; `listed` when both sides were listed just before. */
export const linkJob = (sync: string, link: string, listed = false): NewJob => ({
  queue: "sync",
  group: sync,
  unique: `${sync}:${link}`,
  data: { sync, link, listed },
});
