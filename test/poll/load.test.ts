import { describe, expect, it } from "vitest";
import { loadStreams } from "../../runtime/poll/load.ts";
import { createBench } from "./harness.ts";

describe("what polls need", () => {
  it("is loaded for many streams at once: each with its connection and its active subscriptions", async () => {
    await using bench = await createBench();
    const { runtime, connection, subscribe, streamOf } = bench;
    const first = await subscribe("sync_any");
    const second = await subscribe("sync_created");
    const paused = await subscribe("snapshot_any");
    await runtime.subscriptions.pause(paused);
    const [busy, idle] = [await streamOf(first), await streamOf(paused)];
    const loaded = await loadStreams(runtime.db, [busy.id, idle.id, 4711]);
    expect([...loaded.keys()].toSorted((a, b) => a - b)).toEqual([busy.id, idle.id]);
    expect(loaded.get(busy.id)).toMatchObject({ stream: busy, connection: { id: connection, user: "u_1" } });
    expect(loaded.get(busy.id)!.subscriptions.map(({ id }) => id)).toEqual([first, second].toSorted());
    expect(loaded.get(idle.id)).toMatchObject({ stream: idle, subscriptions: [] });
  });
});
