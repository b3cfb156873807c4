import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { ENCRYPTION_KEY } from "../fixtures/compose.ts";
import { notesManifest } from "./notes-vendor.ts";
import { makeApi, type Api } from "./compose.ts";

const url = "https://consumer.example/hook";
const none = "ep_00000000000000000000000000000000";

type Runtime = Api["runtime"];

/** The same wrong call through the library and through HTTP. */
const CALLS: [
  what: string,
  library: (runtime: Runtime) => Promise<unknown>,
  method: string,
  path: string,
  body?: unknown,
][] = [
  ["an endpoint without a body", (r) => r.endpoints.create(undefined as never), "POST", "/v1/endpoints"],
  ["an endpoint of a wrong type", (r) => r.endpoints.create({ url: 7 } as never), "POST", "/v1/endpoints", { url: 7 }],
  [
    "an endpoint with an unknown property",
    (r) => r.endpoints.create({ url, evnts: [] } as never),
    "POST",
    "/v1/endpoints",
    { url, evnts: [] },
  ],
  [
    "an event pattern that nearly misses a known type",
    (r) => r.endpoints.create({ url, events: ["notes.*", "note.craeted"] }),
    "POST",
    "/v1/endpoints",
    { url, events: ["notes.*", "note.craeted"] },
  ],
  ["a change of nothing", (r) => r.endpoints.update(none, {}), "PATCH", `/v1/endpoints/${none}`, {}],
  ["an endpoint that does not exist", (r) => r.endpoints.get(none), "GET", `/v1/endpoints/${none}`],
  [
    "a recovery since nothing",
    (r) => r.endpoints.recover(none, {} as never),
    "POST",
    `/v1/endpoints/${none}/recover`,
    {},
  ],
  [
    "a recovery since no time",
    (r) => r.endpoints.recover(none, { since: "monday" }),
    "POST",
    `/v1/endpoints/${none}/recover`,
    { since: "monday" },
  ],
  ["a list with a bad cursor", (r) => r.deliveries.list({ cursor: "x" }), "GET", "/v1/deliveries?cursor=x"],
  ["a list that is too long", (r) => r.deliveries.list({ limit: 201 }), "GET", "/v1/deliveries?limit=201"],
  [
    "a list of a status that there is not",
    (r) => r.deliveries.list({ status: "delivring" } as never),
    "GET",
    "/v1/deliveries?status=delivring",
  ],
  ["a list by an unknown filter", (r) => r.deliveries.list({ evnt: "x" } as never), "GET", "/v1/deliveries?evnt=x"],
  ["events since no time", (r) => r.events.list({ since: "monday" }), "GET", "/v1/events?since=monday"],
  ["events by an unknown filter", (r) => r.events.list({ typ: "x" } as never), "GET", "/v1/events?typ=x"],
  ["events with a bad cursor", (r) => r.events.list({ cursor: "x" }), "GET", "/v1/events?cursor=x"],
  ["an event that does not exist", (r) => r.events.get("evt_1"), "GET", "/v1/events/evt_1"],
  [
    "an explanation of nothing",
    (r) => r.events.explain({ connection: "con_1" } as never),
    "GET",
    "/v1/explain?connection=con_1",
  ],
  ["a delivery that does not exist", (r) => r.deliveries.retry("dlv_1"), "POST", "/v1/deliveries/dlv_1/retry"],
];

describe("library and HTTP", () => {
  it("refuse the same calls with the same code, places and words", async () => {
    const { runtime, ask } = await makeApi();
    for (const [what, library, method, path, body] of CALLS) {
      const error = await library(runtime).then(
        () => expect.unreachable(`${what} was not refused`),
        (caught: unknown) => caught as HooklineError,
      );
      const answer = await ask(method, path, { body });
      const places = error.faults.map(({ pointer, message }) => ({ pointer, message }));
      const told = (answer.body.errors ?? []).map(({ pointer, message }: { pointer: string; message: string }) => ({
        pointer: pointer.replace(/^\/query/, ""),
        message,
      }));
      expect([what, answer.body.code, told]).toEqual([what, error.code, places]);
      expect(answer.body.detail).toBe(error.message);
    }
  });

  it("give the same lists", async () => {
    const { runtime, must } = await makeApi();
    await runtime.endpoints.create({ url });
    await runtime.endpoints.create({ url });
    const page = await runtime.endpoints.list({ limit: 1 });
    expect(await must("GET", "/v1/endpoints?limit=1")).toEqual(page);
    expect(await must("GET", `/v1/endpoints?limit=1&cursor=${page.nextCursor}`)).toEqual(
      await runtime.endpoints.list({ limit: 1, cursor: page.nextCursor! }),
    );
    expect(await must("GET", "/v1/deliveries")).toEqual(await runtime.deliveries.list());
  });
});

describe("a consumer", () => {
  it("that nearly misses a type of event keeps the runtime from starting, and leaves the store free", async () => {
    const store = `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;
    const options = { store, connectors: [notesManifest], encryptionKeys: [ENCRYPTION_KEY] };
    const logger = pino({ level: "silent" });
    const wrong = createRuntime({ ...options, logger });
    wrong.on("note.craeted", () => {});
    await expect(wrong.start()).rejects.toMatchObject({
      code: "invalid_input",
      message: 'on: "note.craeted" matches no event of a loaded connector; did you mean "note.created"?',
    });
    await using right = createRuntime({ ...options, logger });
    right.on("note.created", () => {});
    await right.start();
    expect(() => right.on("notes.*", () => {})).toThrow(/did you mean "note\.\*"/);
    expect(() => right.on("note", undefined as never)).toThrow(TypeError);
  });
});

describe("over HTTP", () => {
  it.each([
    ["/v1/events?limit=0", ["/query/limit"]],
    ["/v1/events?since=monday&typ=a", ["/query/since", "/query/typ"]],
    ["/v1/explain?connection=con_1", ["/query/stream", "/query/key"]],
    ["/v1/stats?since=monday", ["/query/since"]],
  ])("%s names every place that is wrong", async (path, pointers) => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", path);
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  it("an event or connection that does not exist is not found", async () => {
    const { ask } = await makeApi();
    const event = await ask("GET", "/v1/events/evt_1");
    expect([event.status, event.body.detail]).toEqual([
      404,
      "Event evt_1 does not exist; list them to find the right id",
    ]);
    const record = await ask("GET", "/v1/explain?connection=con_1&stream=notes&key=n1");
    expect([record.status, record.body.detail]).toEqual([
      404,
      "Connection con_1 does not exist; list them to find the right id",
    ]);
  });
});
