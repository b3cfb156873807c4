import { describe, expect, it, vi } from "vitest";
import { newId } from "../../runtime/core/ids.ts";
import { DAY } from "../../runtime/core/time.ts";
import { createStats } from "../../runtime/deliver/stats.ts";
import { deliveries } from "../../runtime/model/deliveries.ts";
import { makeHarness, type Harness } from "./harness.ts";

const url = "https://consumer.example/hook";

/** A connection of u_1 whose stream of notes knows the record n1. */
async function furnish({ database }: Harness): Promise<void> {
  await database.run(
    `insert into connections (id, connector, user_id, status, inputs, captured, scopes, auth_type, version, created_at, updated_at)
     values ('con_1', 'notes', 'u_1', 'active', '{}', '{}', '[]', 'none', 1, 0, 0)`,
  );
  await database.run(
    `insert into streams (id, connection, stream, input_hash, input, cursor_version, sequence, consecutive_errors, last_poll_at)
     values (1, 'con_1', 'notes', 'h', '{"folder":"f1"}', 1, 0, 0, 1000)`,
  );
}

const hexId = (prefix: string, time: number, n = 0) =>
  `${prefix}_${time.toString(16).padStart(12, "0")}7${n.toString(16).padStart(19, "0")}`;

describe("events", () => {
  it("are listed newest first by type, connection, user and time, each whole", async () => {
    const { events, emit } = await makeHarness();
    const at = (time: string) => ({ at: Date.parse(time) });
    await emit(
      { ...at("2026-01-01T00:00:00Z"), type: "note.created" },
      { ...at("2026-01-02T00:00:00Z"), connection: "con_2", user: "u_2" },
      { ...at("2026-01-03T00:00:00Z"), type: "note.created", data: { n: 3 } },
    );
    const idsOf = async (query: Parameters<typeof events.list>[0], user?: string) =>
      (await events.list(query, { user })).data.map(({ timestamp }) => timestamp.slice(8, 10));
    expect(await idsOf({})).toEqual(["03", "02", "01"]);
    expect(await idsOf({ type: "note.created" })).toEqual(["03", "01"]);
    expect(await idsOf({ connection: "con_2" })).toEqual(["02"]);
    expect(await idsOf({ since: "2026-01-02T00:00:00Z" })).toEqual(["03", "02"]);
    expect(await idsOf({ since: "2026-01-02T00:00:00.001Z" })).toEqual(["03"]);
    expect(await idsOf({ user: "u_2" })).toEqual(["02"]);
    expect(await idsOf({}, "u_2")).toEqual(["02"]);
    const [newest] = (await events.list({ limit: 1 })).data;
    expect(newest).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      position: expect.stringMatching(/^pos_[0-9a-f]{32}$/),
      type: "note.created",
      timestamp: "2026-01-03T00:00:00.000Z",
      connection: "con_1",
      user: "u_1",
      subscription: "sub_1",
      data: { n: 3 },
    });
  });

  it("come in pages that hold everything once", async () => {
    const { events, emit } = await makeHarness();
    await emit({ data: { n: 1 } }, { data: { n: 2 } }, { data: { n: 3 } });
    const first = await events.list({ limit: 2 });
    const second = await events.list({ limit: 2, cursor: first.nextCursor! });
    const all = [...first.data, ...second.data];
    expect(all.map(({ data }) => data["n"])).toEqual([3, 2, 1]);
    expect(second.nextCursor).toBeNull();
    expect(all.map(({ position }) => position)).toEqual(
      all
        .map(({ position }) => position)
        .toSorted()
        .toReversed(),
    );
  });

  it("come in pages that hold everything once, also of more events in a millisecond than a clock tells apart", async () => {
    const { events, emit } = await makeHarness();
    const still = vi.spyOn(Date, "now").mockReturnValue(Date.now());
    const count = 4_200;
    for (let n = 0; n < count; n += 600) await emit(...Array.from({ length: 600 }, (_, i) => ({ data: { n: n + i } })));
    still.mockRestore();
    const seen: unknown[] = [];
    for (let cursor: string | null = null; seen.length === 0 || cursor !== null;) {
      const page: Awaited<ReturnType<typeof events.list>> = await events.list({
        limit: 200,
        ...(cursor !== null && { cursor }),
      });
      seen.push(...page.data.map(({ data }) => data["n"]));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => count - 1 - i));
  });

  it.each([
    ["an unknown property", { typ: "a.b" }, "/typ", 'unknown property "typ"; did you mean "type"?'],
    ["a wrong type", { type: 7 }, "/type", "must be a string, not a number"],
    ["a limit of 0", { limit: 0 }, "/limit", "must be at least 1"],
    ["a limit over 200", { limit: 201 }, "/limit", "must be at most 200"],
    ["a bad cursor", { cursor: "x" }, "/cursor", "is not valid; pass the `nextCursor` of the previous page"],
    [
      "a cursor of a version whose ids had an order",
      { cursor: Buffer.from(newId("evt")).toString("base64url") },
      "/cursor",
      "is not valid; pass the `nextCursor` of the previous page",
    ],
    ["no time", { since: "yesterday" }, "/since", expect.stringContaining("must be a date and time (RFC 3339)")],
    [
      "a leap second",
      { since: "2016-12-31T23:59:60Z" },
      "/since",
      expect.stringContaining("is not a time that can be read"),
    ],
  ])("are refused for %s, whoever asks", async (_what, query, pointer, message) => {
    const { events } = await makeHarness();
    const refused = { code: "invalid_input", faults: [{ pointer, message }] };
    await expect(events.list(query as never)).rejects.toMatchObject(refused);
  });

  it("do not exist for another user, who cannot name the owner either", async () => {
    const { events, emit, stored } = await makeHarness();
    await emit({});
    const { id } = (await stored())[0]!;
    const none = { code: "not_found", message: `Event ${id} does not exist; list them to find the right id` };
    await expect(events.get(id, { user: "u_2" })).rejects.toMatchObject(none);
    expect(await events.get(id, { user: "u_1" })).toMatchObject({ id, deliveries: [] });
    await expect(events.list({ user: "u_1" }, { user: "u_2" })).rejects.toMatchObject({ code: "forbidden" });
  });

  it.each([
    [99, 99],
    [100, 100],
    [101, 100],
  ])("with %i deliveries show the latest %i", async (count, shown) => {
    const harness = await makeHarness();
    await harness.emit({});
    const [event] = await harness.stored();
    const made = Array.from({ length: count }, (_, n) => ({
      id: hexId("dlv", 1, n),
      event: event!.id,
      endpoint: "ep_1",
      status: "delivered" as const,
      attempts: [],
      nextAttemptAt: null,
      createdAt: 0,
      finishedAt: 0,
    }));
    await deliveries.insert(harness.database, ...made);
    const ids = (await harness.events.get(event!.id)).deliveries.map(({ id }) => id);
    expect(ids).toEqual(
      made
        .map(({ id }) => id)
        .toReversed()
        .slice(0, shown),
    );
  });
});

describe("the explanation of a record", () => {
  it("tells of each read whether it is known, and its latest events with where they went", async () => {
    const harness = await makeHarness();
    await furnish(harness);
    await harness.database.run(`insert into known (stream, key, version, seen) values (1, 'n1', 'v', 1000)`);
    await harness.endpoints.create({ url, user: "u_1" });
    const question = { connection: "con_1", stream: "notes", key: "n1" };
    const read = {
      input: { folder: "f1" },
      seenAt: "1970-01-01T00:00:01.000Z",
      lastPollAt: "1970-01-01T00:00:01.000Z",
    };
    expect(await harness.events.explain(question)).toEqual({
      ...question,
      reads: [{ ...read, known: true, nextPollAt: null, events: [] }],
      reason: "The record is known, and no change since the first poll concerned a subscription.",
    });
    await harness.emit({ recordKey: "n1" }, { recordKey: "n2" });
    const told = await harness.events.explain(question, { user: "u_1" });
    expect(told.reads[0]!.events).toEqual([
      expect.objectContaining({
        type: "contact.created",
        deliveries: [expect.objectContaining({ status: "pending" })],
      }),
    ]);
    expect(told.reason).toBe("The record changed while a subscription was active; its events say more.");
  });

  it.each([
    [19, 19],
    [20, 20],
    [21, 20],
  ])("of %i events shows the latest %i", async (count, shown) => {
    const harness = await makeHarness();
    await furnish(harness);
    await harness.emit(...Array.from({ length: count }, (_, n) => ({ recordKey: "n1", data: { n } })));
    const { reads } = await harness.events.explain({ connection: "con_1", stream: "notes", key: "n1" });
    const numbers = Array.from({ length: count }, (_, n) => n).toReversed();
    expect(reads[0]!.events.map(({ data }) => data["n"])).toEqual(numbers.slice(0, shown));
  });

  it("says why there is nothing", async () => {
    const harness = await makeHarness();
    await furnish(harness);
    const reason = async (stream: string) =>
      (await harness.events.explain({ connection: "con_1", stream, key: "n9" })).reason;
    expect(await reason("tasks")).toBe("No subscription of this connection reads this stream; create one.");
    expect(await reason("notes")).toBe("The first poll has not finished.");
    await harness.database.run("update streams set baselined_at = 1");
    expect(await reason("notes")).toBe(
      "No poll has seen the record: it does not exist, was deleted, or is not in what the stream lists.",
    );
  });

  it("is refused without its three parts, and of another user's connection", async () => {
    const harness = await makeHarness();
    await furnish(harness);
    await expect(harness.events.explain(undefined as never)).rejects.toMatchObject({
      code: "invalid_input",
      faults: ["/connection", "/stream", "/key"].map((pointer) => ({ pointer, message: "is required" })),
    });
    const question = { connection: "con_1", stream: "notes", key: "n1" };
    await expect(harness.events.explain(question, { user: "u_2" })).rejects.toMatchObject({
      code: "not_found",
      message: "Connection con_1 does not exist; list them to find the right id",
    });
  });
});

describe("the counts", () => {
  it("begin a week ago when no time is given, to the millisecond", async () => {
    const { database: db, clock, emit } = await makeHarness();
    const stats = createStats({ db, clock });
    await emit({}, {}, {});
    const now = clock.now();
    const times = [now - 7 * DAY - 1, now - 7 * DAY, now];
    const ids = (await db.all<{ id: string }>("select id from events order by position")).map(({ id }) => id);
    for (const [n, time] of times.entries())
      await db.run("update events set position = ?, created_at = ? where id = ?", [
        hexId("pos", time, n),
        time,
        ids[n]!,
      ]);
    const count = ({ events }: Awaited<ReturnType<typeof stats>>) =>
      events.reduce((sum, { count: some }) => sum + some, 0);
    expect(count(await stats())).toBe(2);
    expect((await stats()).since).toBe(new Date(now - 7 * DAY).toISOString());
    expect(count(await stats({ since: new Date(times[0]!).toISOString() }))).toBe(3);
    expect(count(await stats({}, { user: "u_2" }))).toBe(0);
  });

  it("are refused for what is not a time, and an unknown property", async () => {
    const { database: db, clock } = await makeHarness();
    const refused = { code: "invalid_input", faults: [{ pointer: "/snce" }, { pointer: "/since" }] };
    const stats = createStats({ db, clock });
    await expect(stats({ snce: "", since: "now" } as never)).rejects.toMatchObject(refused);
  });

  it("of an endpoint take its durations from the latest 1000 deliveries", async () => {
    const { database, endpoints } = await makeHarness();
    const { id: endpoint } = await endpoints.create({ url });
    const attempt = (durationMs: number) => ({ at: "", status: 200, durationMs, error: null, answer: null });
    // The 95th percentile of 1000 is the last of the 950 fast ones; of one more or fewer it would be a slow one.
    const durations = [9, ...Array.from({ length: 950 }, () => 1), ...Array.from({ length: 50 }, () => 9)];
    const made = durations.map((durationMs, n) => ({
      id: hexId("dlv", 1, n),
      event: "evt_1",
      endpoint,
      status: n === 0 ? ("dead" as const) : ("delivered" as const),
      attempts: [attempt(durationMs)],
      nextAttemptAt: null,
      createdAt: 0,
      finishedAt: 0,
    }));
    await deliveries.insert(database, ...made);
    expect(await endpoints.stats(endpoint)).toEqual({
      deliveries: { pending: 0, delivered: 1000, dead: 1, cancelled: 0 },
      successRate: 1000 / 1001,
      durationMs: { p50: 1, p95: 1 },
    });
  });
});
