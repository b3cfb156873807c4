import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { makeApi, type Api } from "../http/compose.ts";

/** What a refusal says, whatever door it came out of. */
interface Refusal {
  code: string;
  message: string;
  faults: object[];
}

async function byLibrary(work: Promise<unknown>): Promise<Refusal> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HooklineError);
  const { code, message, faults } = error as HooklineError;
  return { code, message, faults };
}

async function byHttp(api: Api, ...[method, path, given]: Parameters<Api["ask"]>): Promise<Refusal> {
  const { body } = await api.ask(method, path, given);
  return { code: body.code, message: body.detail, faults: body.errors ?? [] };
}

const refused: [what: string, given: object, pointer: string, message: string][] = [
  ["a missing trigger", { trigger: undefined }, "/trigger", "is required"],
  [
    "an unknown property",
    { evrySeconds: 60 },
    "/evrySeconds",
    'unknown property "evrySeconds"; did you mean "everySeconds"?',
  ],
  ["a flow, which only flows and syncs are given", { flow: "flow_1" }, "/flow", 'unknown property "flow"'],
  ["a number as text", { everySeconds: "60" }, "/everySeconds", "must be an integer or null, not a string"],
  ["an unknown first poll", { firstPoll: "silent" }, "/firstPoll", 'must be one of "baseline", "emitAll"'],
  [
    "a misspelt first poll",
    { firstPoll: "baselin" },
    "/firstPoll",
    'must be one of "baseline", "emitAll"; did you mean "baseline"?',
  ],
  [
    "a misspelt trigger",
    { trigger: "note_creatd" },
    "/trigger",
    'Trigger "note_creatd" does not exist; did you mean "note_created"?',
  ],
  [
    "a connection that does not exist",
    { connection: "con_none" },
    "/connection",
    "Connection con_none does not exist; list them to find the right id",
  ],
  [
    "an endpoint that does not exist",
    { endpoint: "ep_none" },
    "/endpoint",
    "Endpoint ep_none does not exist; list them to find the right id",
  ],
  [
    "two ways to say when",
    { everySeconds: 90, schedule: "0 9 * * *" },
    "/everySeconds",
    "choose schedule or everySeconds",
  ],
  ["a time zone alone", { timeZone: "Europe/Berlin" }, "/timeZone", "belongs to a schedule; give one, or leave it out"],
  ["a schedule that is none", { schedule: "daily" }, "/schedule", '"daily" is not a cron expression of five fields'],
  ["a condition that does not parse", { where: "record." }, "/where", "expression `record.`"],
];

describe("a subscription is refused by the library and by HTTP in the same words", () => {
  it("whatever is wrong with it", async () => {
    const api = await makeApi();
    const connection = await api.connect("u_1");
    for (const [, wrong, pointer, message] of refused) {
      const given = { connection, trigger: "note_created", ...wrong };
      const library = await byLibrary(api.runtime.subscriptions.create(given));
      expect(library).toMatchObject({
        code: "invalid_input",
        faults: [{ pointer, message: expect.stringContaining(message) }],
      });
      expect(library.message).toContain(`subscription${pointer}: `);
      expect(await byHttp(api, "POST", "/v1/subscriptions", { body: given })).toEqual(library);
    }
    expect((await api.runtime.subscriptions.list()).data).toEqual([]);
  });

  it("and so is a change of it", async () => {
    const api = await makeApi();
    const connection = await api.connect("u_1");
    const { id } = await api.runtime.subscriptions.create({ connection, trigger: "note_created" });
    const refusedChanges: [given: object, message: string][] = [
      [{}, "must not be empty"],
      [{ trigger: "note_created" }, 'unknown property "trigger"'],
      [{ everySeconds: 1 }, "must be at least "],
    ];
    for (const [given, message] of refusedChanges) {
      const library = await byLibrary(api.runtime.subscriptions.update(id, given));
      expect(library).toMatchObject({ code: "invalid_input", message: expect.stringContaining(message) });
      expect(await byHttp(api, "PATCH", `/v1/subscriptions/${id}`, { body: given })).toEqual(library);
    }
  });

  it("where it names what belongs to another user: as if it did not exist", async () => {
    const api = await makeApi();
    const [theirs, token] = [await api.connect("u_1"), await api.tokenOf("u_2")];
    const own = await api.connect("u_2");
    const trigger = "note_created";
    const { id } = await api.runtime.subscriptions.create({ connection: theirs, trigger });
    const endpoint = (await api.runtime.endpoints.create({ url: "https://example.com/hook", user: "u_1" })).id;
    for (const [pointer, given] of [
      ["/connection", { connection: theirs, trigger }],
      ["/endpoint", { connection: own, trigger, endpoint }],
    ] as const) {
      const library = await byLibrary(api.runtime.subscriptions.create(given, { user: "u_2" }));
      expect(library).toMatchObject({ code: "invalid_input", faults: [{ pointer }] });
      expect(await byHttp(api, "POST", "/v1/subscriptions", { token, body: given })).toEqual(library);
    }
    const { subscriptions } = api.runtime;
    for (const [method, path, work] of [
      ["GET", "", () => subscriptions.get(id, { user: "u_2" })],
      ["PATCH", "", () => subscriptions.update(id, { everySeconds: 90 }, { user: "u_2" })],
      ["DELETE", "", () => subscriptions.remove(id, { user: "u_2" })],
      ["POST", "/pause", () => subscriptions.pause(id, { user: "u_2" })],
      ["POST", "/resume", () => subscriptions.resume(id, {}, { user: "u_2" })],
      ["POST", "/poll", () => subscriptions.poll(id, { user: "u_2" })],
      ["GET", "/health", () => subscriptions.health(id, { user: "u_2" })],
    ] as const) {
      const library = await byLibrary(work());
      expect(library).toEqual({
        code: "not_found",
        message: `Subscription ${id} does not exist; list them to find the right id`,
        faults: [],
      });
      const body = method === "PATCH" ? { everySeconds: 90 } : undefined;
      expect(await byHttp(api, method, `/v1/subscriptions/${id}${path}`, { token, body })).toEqual(library);
    }
    const forbidden = await byLibrary(subscriptions.list({ user: "u_1" }, { user: "u_2" }));
    expect(forbidden.code).toBe("forbidden");
    expect(await byHttp(api, "GET", "/v1/subscriptions?user=u_1", { token })).toEqual(forbidden);
  });
});

describe("subscriptions", () => {
  it("are listed in pages, and shown as HTTP shows them", async () => {
    const api = await makeApi();
    const { subscriptions } = api.runtime;
    const made = [];
    for (const user of ["u_1", "u_2"])
      made.push(await subscriptions.create({ connection: await api.connect(user), trigger: "note_created" }));
    const first = await subscriptions.list({ limit: 1 });
    expect(first).toEqual({ data: [made[0]], nextCursor: expect.any(String) });
    expect(await subscriptions.list({ limit: 1, cursor: first.nextCursor! })).toEqual({
      data: [made[1]],
      nextCursor: null,
    });
    expect((await subscriptions.list({ user: "u_2", trigger: "note_created" })).data).toEqual([made[1]]);
    expect(await subscriptions.list()).toEqual(await api.must("GET", "/v1/subscriptions"));
    expect(await api.must("GET", `/v1/subscriptions/${made[0]!.id}`)).toEqual(made[0]);
    for (const hidden of ["stream", "degraded", "backfill", "flow"]) expect(made[0]).not.toHaveProperty(hidden);
    expect(made[0]!.createdAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(await byLibrary(subscriptions.list({ cursor: "nonsense" }))).toEqual({
      code: "invalid_input",
      message: "subscriptions/cursor: is not valid; pass the `nextCursor` of the previous page",
      faults: [{ pointer: "/cursor", message: "is not valid; pass the `nextCursor` of the previous page" }],
    });
  });

  it("take null for a choice that is taken back", async () => {
    const api = await makeApi();
    const connection = await api.connect("u_1");
    const { subscriptions } = api.runtime;
    const { id } = await subscriptions.create({
      connection,
      trigger: "note_created",
      schedule: "0 9 * * *",
      timeZone: "Europe/Berlin",
      where: "record.id == 'n1'",
    });
    expect(await subscriptions.update(id, { where: null, schedule: null })).toMatchObject({
      where: null,
      schedule: null,
      timeZone: null,
      everySeconds: null,
    });
    expect(await subscriptions.update(id, { everySeconds: 3600 })).toMatchObject({ everySeconds: 3600 });
    expect(await subscriptions.update(id, { schedule: "0 9 * * *" })).toMatchObject({
      schedule: "0 9 * * *",
      everySeconds: null,
    });
  });
});

describe("a sample", () => {
  it("of a trigger that does not exist is not found, in the words of a subscription to it", async () => {
    const api = await makeApi();
    const connection = await api.connect("u_1");
    expect(await byHttp(api, "GET", `/v1/connections/${connection}/triggers/note_creatd/sample`)).toEqual({
      code: "not_found",
      message: 'Trigger "note_creatd" does not exist; did you mean "note_created"?',
      faults: [],
    });
  });
});
