import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { streamsOfConnection, type StreamRecord } from "../../runtime/model/streams.ts";
import { connect, eventReader, openRuntime, settle } from "./runtime.ts";
import { scriptedVendor, type Answer } from "./vendor.ts";

const task = (id: string, minute = 0) => ({
  kind: "tasks#task",
  id,
  etag: `${id}${minute}`,
  title: id,
  status: "needsAction",
  updated: new Date(Date.parse("2026-11-30T00:00:00Z") + minute * 60_000).toISOString(),
});

const answers = (lists: Record<string, object[]>): Answer[] => [
  { path: "/lists/@default$", answer: { status: 200, body: { id: "L1", title: "My Tasks" } } },
  {
    path: "/users/@me/lists$",
    answer: { status: 200, body: { items: Object.keys(lists).map((id) => ({ id, title: id })) } },
  },
  ...Object.entries(lists).map(([id, items]) => ({
    path: `/lists/${id}/tasks$`,
    answer: { status: 200, body: { kind: "tasks#tasks", items } },
  })),
];

/** Hash of the definition of the tasks stream, as version 0.1.0 with checked shapes of answers stored it. */
const HASH_BEFORE = "0In0j7y9Xcx";

/** Rows as they were written when all lists shared one cursor, and records had no list. */
const SHARED_CURSOR = String(Date.parse("2026-11-30T00:05:00Z"));

describe("tasks read by the version before", () => {
  it.each([
    ["between two reads", null],
    [
      "in the middle of a read of what had changed",
      {
        complete: false,
        startedAt: Date.parse("2026-11-30T09:40:00Z"),
        mode: "diff",
        page: { token: "page-2" },
        each: { items: [{ id: "L1", title: "L1" }], at: 0 },
        notes: { newest: Date.parse("2026-11-30T00:05:00Z") },
        joining: [],
        recovering: null,
      },
    ],
    [
      "in the middle of a complete read",
      {
        complete: true,
        startedAt: Date.parse("2026-11-30T09:40:00Z"),
        mode: "diff",
        page: null,
        each: {
          items: [
            { id: "L1", title: "L1" },
            { id: "L2", title: "L2" },
          ],
          at: 0,
        },
        notes: { newest: Date.parse("2026-11-30T00:05:00Z") },
        joining: [],
        recovering: null,
      },
    ],
  ])("go on without a repetition, a loss or a gap, stopped %s", async (_, checkpoint) => {
    const clock = new ManualClock("2026-11-30T09:31:00Z");
    await using vendor = await scriptedVendor(clock);
    vendor.give(answers({ L1: [task("a"), task("b")], L2: [task("c")] }));
    const runtime = await openRuntime(["google-tasks"], vendor, clock);
    try {
      const connection = await connect(runtime, "google-tasks");
      const triggers = ["task_created", "task_updated", "task_deleted"];
      const ids = await Promise.all(
        triggers.map((trigger) => runtime.subscriptions.create({ connection, trigger, everySeconds: 86_400 })),
      );
      await runtime.engine.start();
      const streamNow = async (): Promise<StreamRecord> => {
        await settle(runtime, clock);
        return (await streamsOfConnection(runtime.db, connection))[0]!;
      };
      const newEvents = eventReader(runtime);
      const poll = async (): Promise<string[]> => {
        clock.advance(300_000);
        await runtime.subscriptions.poll(ids[0]!.id);
        expect((await streamNow()).lastError).toBeNull();
        return (await newEvents()).toSorted();
      };
      const before = await streamNow();
      await runtime.db.transaction(async (tx) => {
        const row = [HASH_BEFORE, SHARED_CURSOR, checkpoint && JSON.stringify(checkpoint), before.id];
        const changes = "request_hash = ?, cursor_version = 1, cursor = ?, checkpoint = ?, verified_at = null";
        await tx.run(`update streams set ${changes} where id = ?`, row);
        await tx.run("update known set item = null where stream = ?", [before.id]);
      });
      vendor.give(answers({ L1: [task("a"), { ...task("b", 10), title: "B" }, task("new", 10)], L2: [task("c")] }));
      expect(await poll()).toEqual(["task.created new", "task.updated b"]);
      expect(await poll()).toEqual([]);
      const newest = Date.parse("2026-11-30T00:10:00Z");
      expect((await streamNow()).cursor).toEqual({ items: { L1: newest, L2: Date.parse("2026-11-30T00:00:00Z") } });
      // The lists that records are in are known by now: a move is one change.
      vendor.give(
        answers({
          L1: [{ ...task("a", 20), deleted: true }, { ...task("b", 10), title: "B" }, task("new", 10)],
          L2: [task("a", 20), task("c")],
        }),
      );
      expect(await poll()).toEqual(["task.updated a"]);
      expect(await poll()).toEqual([]);
      const gaps = await runtime.db.get<{ n: number }>("select count(*) as n from events where type = 'stream.gap'");
      expect(gaps!.n).toBe(0);
    } finally {
      await runtime.engine.stop(1000);
      await runtime.close();
    }
  });
});
