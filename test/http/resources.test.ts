import { describe, expect, it } from "vitest";
import { receiver } from "../deliver/harness.ts";
import { makeApi, soon } from "./compose.ts";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A subscription whose first poll told of the vendor's four notes, and where they went. */
async function makeDelivered(user = "u_1") {
  const api = await makeApi();
  const hook = await receiver();
  const connection = await api.connect(user);
  const endpoint = await api.must("POST", "/v1/endpoints", { body: { url: hook.url, user, events: ["note.*"] } });
  const subscription = await api.must("POST", "/v1/subscriptions", {
    body: { connection, trigger: "note_created", endpoint: endpoint.id, firstPoll: "emitAll" },
  });
  await soon(async () => {
    const { data } = await api.must("GET", "/v1/deliveries?status=delivered");
    expect(data).toHaveLength(4);
  });
  return { ...api, hook, connection, endpoint, subscription };
}

describe("connectors", () => {
  it("are listed in short, and given whole", async () => {
    const { must, ask } = await makeApi();
    const { data } = await must("GET", "/v1/connectors");
    expect(data.map(({ name }: { name: string }) => name)).toEqual(["google-contacts", "notes"]);
    expect((await must("GET", "/v1/connectors/notes")).actions.create_note.title).toBe("Create note");
    const { status, body } = await ask("GET", "/v1/connectors/nots");
    expect([status, body.detail]).toEqual([404, 'Connector "nots" does not exist; did you mean "notes"?']);
  });
});

describe("connections", () => {
  it("are tested when they are made with credentials, and never show them", async () => {
    const { ask } = await makeApi();
    const body = { connector: "notes", user: "u_1", credentials: { token: "a-secret-token" } };
    const { status, body: made, headers } = await ask("POST", "/v1/connections", { body });
    expect([status, made.status, made.user]).toEqual([201, "active", "u_1"]);
    expect(headers.get("location")).toMatch(new RegExp(`/v1/connections/${made.id}$`));
    const refused = await ask("POST", "/v1/connections", { body: { ...body, credentials: { token: "wrong" } } });
    expect([refused.status, refused.body.code]).toEqual([422, "connection_rejected"]);
  });

  it("need a user, and a connector that is loaded", async () => {
    const { ask } = await makeApi();
    const nobody = await ask("POST", "/v1/connections", { body: { connector: "notes" } });
    expect([nobody.status, nobody.body.errors]).toEqual([400, [{ pointer: "/user", message: "is required" }]]);
    const unknown = await ask("POST", "/v1/connections", { body: { connector: "nots", user: "u_1" } });
    expect([unknown.status, unknown.body.code]).toEqual([404, "not_found"]);
  });

  it("are read, filtered, changed, tested and removed", async () => {
    const { ask, must, connect } = await makeApi();
    const id = await connect("u_1");
    await connect("u_2");
    expect((await must("GET", "/v1/connections?user=u_1&status=active&connector=notes")).data).toHaveLength(1);
    expect((await must("PATCH", `/v1/connections/${id}`, { body: { label: "Mine" } })).label).toBe("Mine");
    expect((await must("GET", `/v1/connections/${id}`)).warnings).toEqual([]);
    expect((await must("POST", `/v1/connections/${id}/test`)).status).toBe("active");
    expect((await ask("POST", `/v1/connections/${id}/reconnect`)).status).toBe(409);
    expect((await ask("DELETE", `/v1/connections/${id}`)).status).toBe(204);
    expect((await ask("GET", `/v1/connections/${id}`)).status).toBe(404);
  });

  it("run actions and list the values of their inputs", async () => {
    const { ask, must, connect } = await makeApi();
    const path = `/v1/connections/${await connect("u_1")}`;
    expect((await must("POST", `${path}/actions/create_note`, { body: { title: "a" } })).output.id).toMatch(/^note-/);
    expect(await must("GET", `${path}/options/note_created/folder`)).toEqual({
      data: [{ value: "f1", label: "Work" }],
    });
    const { status, body } = await ask("POST", `${path}/actions/create_note`, { body: { titel: "a" } });
    expect([status, body.errors.length]).toEqual([400, 2]);
    expect((await ask("POST", `${path}/actions/creat_note`, { body: {} })).body.detail).toContain(
      'did you mean "create_note"?',
    );
  });

  it("give samples of a trigger, live ones without a trace in what polls remember", async () => {
    const { ask, must, connect, vendor } = await makeApi();
    const id = await connect("u_1");
    const path = `/v1/connections/${id}/triggers/note_created/sample`;
    const sample = {
      record: { id: "sample", title: "A sample" },
      resource: { type: "note", id: "sample", title: "A sample" },
    };
    expect(await must("GET", path)).toEqual({ live: false, data: [sample] });
    const live = await must("GET", `${path}?live=true`);
    expect([live.live, live.data.map(({ record }: { record: { id: string } }) => record.id)]).toEqual([
      true,
      ["n1", "n2", "n3"],
    ]);
    expect(vendor.count("GET /notes")).toBe(1);
    expect((await must("GET", `/v1/explain?connection=${id}&stream=notes&key=n1`)).reads).toEqual([]);
    const { status, body } = await ask("GET", `${path}?live=true&input=${encodeURIComponent('{"foldr":"x"}')}`);
    expect([status, body.errors[0].pointer]).toEqual([400, "/query/input/foldr"]);
  });
});

describe("subscriptions", () => {
  it("poll, and tell how they fare in exactly these words", async () => {
    const { must, ask, subscription } = await makeDelivered();
    const path = `/v1/subscriptions/${subscription.id}`;
    expect(await must("GET", `${path}/health`)).toEqual({
      state: "active",
      lastPollAt: expect.stringMatching(ISO),
      nextPollAt: expect.stringMatching(ISO),
      lastSuccessAt: expect.stringMatching(ISO),
      lagSeconds: 0,
      cause: null,
      missing: null,
      quietSince: null,
      quarantine: { count: 0, records: [] },
      consecutiveErrors: 0,
      lastError: null,
      cursorAge: expect.any(Number),
    });
    expect((await ask("POST", `${path}/poll`)).status).toBe(202);
    expect((await must("POST", `${path}/pause`)).status).toBe("paused");
    expect((await ask("POST", `${path}/poll`)).body.code).toBe("conflict");
    expect((await must("POST", `${path}/resume`)).status).toBe("active");
    expect((await must("PATCH", path, { body: { everySeconds: 3600 } })).everySeconds).toBe(3600);
    expect((await must("GET", `/v1/subscriptions?trigger=note_created`)).data).toHaveLength(1);
    expect((await ask("DELETE", path)).status).toBe(204);
    expect((await ask("GET", path)).status).toBe(404);
  });
});

describe("events and deliveries", () => {
  it("are found by type, connection and time, and lead to each other", async () => {
    const { must, connection, endpoint, hook } = await makeDelivered();
    const { data } = await must("GET", `/v1/events?type=note.created&connection=${connection}`);
    expect(data.map((event: { data: { record: object } }) => event.data.record)).toContainEqual({
      id: "n1",
      title: "token-of-u_1 1",
    });
    expect((await must("GET", `/v1/events?since=${new Date(Date.now() + 60_000).toISOString()}`)).data).toEqual([]);
    const event = await must("GET", `/v1/events/${data[0].id}`);
    expect(event.deliveries).toEqual([
      expect.objectContaining({ event: event.id, endpoint: endpoint.id, status: "delivered" }),
    ]);
    const delivery = await must("GET", `/v1/deliveries/${event.deliveries[0].id}`);
    expect(delivery.attempts).toEqual([expect.objectContaining({ status: 200, error: null })]);
    expect((await must("POST", `/v1/deliveries/${delivery.id}/retry`)).status).toBe("pending");
    await soon(() => expect(hook.requests).toHaveLength(5));
  });

  it.each([
    ["/v1/events?type=note.created", "position"],
    ["/v1/deliveries?status=delivered", "id"],
  ] as const)("come newest first from %s, by their %s", async (path, key) => {
    const { must } = await makeDelivered();
    const first = await must("GET", `${path}&limit=3`);
    const second = await must("GET", `${path}&limit=3&cursor=${first.nextCursor}`);
    const keys = [...first.data, ...second.data].map((one: Record<typeof key, string>) => one[key]);
    expect([new Set(keys).size, second.nextCursor]).toEqual([4, null]);
    expect(keys).toEqual([...keys].sort().toReversed());
  });

  it("explain what became of a record", async () => {
    const { must, ask, connection } = await makeDelivered();
    const told = await must("GET", `/v1/explain?connection=${connection}&stream=notes&key=n1`);
    expect(told.reads).toEqual([
      expect.objectContaining({
        known: true,
        seenAt: expect.stringMatching(ISO),
        events: [expect.objectContaining({ type: "note.created" })],
      }),
    ]);
    expect(told.reads[0].events[0].deliveries).toHaveLength(1);
    const misspelt = await ask("GET", `/v1/explain?connection=${connection}&stream=note&key=n1`);
    expect([misspelt.status, misspelt.body.detail]).toEqual([
      404,
      'Stream "note" does not exist; did you mean "notes"?',
    ]);
    const unknown = await must("GET", `/v1/explain?connection=${connection}&stream=notes&key=n9`);
    expect([unknown.reads[0].known, unknown.reason]).toEqual([
      false,
      "No poll has seen the record: it does not exist, was deleted, or is not in what the stream lists.",
    ]);
  });

  it("are counted", async () => {
    const { must } = await makeDelivered();
    const stats = await must("GET", "/v1/stats");
    const today = new Date().toISOString().slice(0, 10);
    expect(stats.events).toContainEqual({ day: today, type: "note.created", count: 4 });
    expect([stats.connections, stats.deliveries, stats.polls.streams]).toEqual([{ active: 1 }, { delivered: 4 }, 1]);
    expect(await must("GET", "/metrics")).toContain(
      'hookline_polls_total{connector="notes",stream="notes",outcome="ok"} 1',
    );
  });
});

describe("endpoints", () => {
  it("show their secret once, and are changed, tested, rotated, recovered and removed", async () => {
    const { must, ask, endpoint, hook } = await makeDelivered();
    const path = `/v1/endpoints/${endpoint.id}`;
    expect(endpoint.secret).toMatch(/^whsec_/);
    expect(await must("GET", path)).not.toHaveProperty("secret");
    expect((await must("PATCH", path, { body: { ordered: true } })).ordered).toBe(true);
    expect(await must("POST", `${path}/test`)).toMatchObject({ status: 200, error: null });
    expect(hook.requests.at(-1)!.body).toContain("endpoint.test");
    expect((await must("POST", `${path}/secret/rotate`)).secret).not.toBe(endpoint.secret);
    expect(await must("POST", `${path}/recover`, { body: { since: "2026-01-01T00:00:00Z" } })).toEqual({
      deliveries: 0,
    });
    expect((await must("GET", `${path}/stats`)).deliveries.delivered).toBe(4);
    expect((await ask("DELETE", path)).status).toBe(204);
    expect((await ask("GET", path)).status).toBe(404);
  });
});
