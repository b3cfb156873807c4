import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { makeApi, type Answer } from "../http/compose.ts";

/** What was said no to: the code, the sentence, and every place that is wrong. */
interface Refusal {
  code: string;
  message: string;
  faults: { pointer: string; message: string }[];
}

interface Case {
  /** Method and path, `{con}` for the id of a connection and so on. */
  http: `${"GET" | "POST" | "PATCH" | "PUT" | "DELETE"} /v1/${string}`;
  body?: unknown;
  /** The same call of the library; it gets the same ids. */
  library: (runtime: Runtime, ids: Record<string, string>) => Promise<unknown>;
  /** Who asks: the admin, or a user. */
  as?: "u_1" | "u_2";
}

const endpoint = { url: "https://consumer.example/hooks" };
const NOBODY = "ep_019a1f2e4c7b7d1a8b1c2d3e4f506172";

/** Calls that no door lets through. */
const CASES: Record<string, Case> = {
  "an endpoint with a misspelt property": {
    http: "POST /v1/endpoints",
    body: { ...endpoint, event: ["contact.*"] },
    library: (h) => h.endpoints.create({ ...endpoint, event: ["contact.*"] } as never),
  },
  "an endpoint with several faults": {
    http: "POST /v1/endpoints",
    body: { url: 7, where: "a ==", format: "xml", ratePerSecond: 0, events: ["contact..x"] },
    library: (h) =>
      h.endpoints.create({ url: 7, where: "a ==", format: "xml", ratePerSecond: 0, events: ["contact..x"] } as never),
  },
  "an endpoint at a private address": {
    http: "POST /v1/endpoints",
    body: { url: "ftp://consumer.example" },
    library: (h) => h.endpoints.create({ url: "ftp://consumer.example" }),
  },
  "an endpoint with a character that no store keeps": {
    http: "POST /v1/endpoints",
    body: { ...endpoint, user: "u_\0" },
    library: (h) => h.endpoints.create({ ...endpoint, user: "u_\0" }),
  },
  "an endpoint with half a character in a header": {
    http: "POST /v1/endpoints",
    body: { ...endpoint, headers: { a: "\ud83d" } },
    library: (h) => h.endpoints.create({ ...endpoint, headers: { a: "\ud83d" } }),
  },
  "an endpoint whose id cannot be": {
    http: "GET /v1/endpoints/ep_%00",
    library: (h) => h.endpoints.get("ep_\0"),
  },
  "connections that are derived for nothing": {
    http: "POST /v1/connections/{con}/derived",
    body: {},
    library: (h, { con }) => h.connections.derive(con!, {}),
  },
  "connections that are derived for some and for all": {
    http: "POST /v1/connections/{con}/derived",
    body: { ids: ["x", "x"], all: "yes", usr: "u_1" },
    library: (h, { con }) => h.connections.derive(con!, { ids: ["x", "x"], all: "yes", usr: "u_1" } as never),
  },
  "connections that are derived from one that has none": {
    http: "POST /v1/connections/{con}/derived",
    body: { all: true },
    library: (h, { con }) => h.connections.derive(con!, { all: true }),
  },
  "a list of what is derived from one that has none": {
    http: "GET /v1/connections/{con}/derived",
    library: (h, { con }) => h.connections.derived(con!),
  },
  "a list of what is derived from somebody else's connection": {
    http: "GET /v1/connections/{con}/derived",
    library: (h, { con }) => h.connections.derived(con!, {}, { user: "u_2" }),
    as: "u_2",
  },
  "connections of a user who cannot be": {
    http: "GET /v1/connections?user=u_%00",
    library: (h) => h.connections.list({ user: "u_\0" }),
  },
  "a variable of a user who cannot be": {
    http: "PUT /v1/users/u_%00/variables/a",
    body: { value: 1 },
    library: (h) => h.variables.set("u_\0", "a", { value: 1 }),
  },
  "an endpoint whose where reads what none of its events has": {
    http: "POST /v1/endpoints",
    body: { ...endpoint, events: ["note.*"], where: "resource.titel == 'x' && !record.title.x" },
    library: (h) =>
      h.endpoints.create({ ...endpoint, events: ["note.*"], where: "resource.titel == 'x' && !record.title.x" }),
  },
  "an endpoint whose events have not what its where reads": {
    http: "PATCH /v1/endpoints/{ep}",
    body: { events: ["note.*"], where: "recrod.title" },
    library: (h, { ep }) => h.endpoints.update(ep!, { events: ["note.*"], where: "recrod.title" }),
  },
  "a subscription whose where can never hold": {
    http: "POST /v1/subscriptions",
    body: {
      connection: "{con}",
      trigger: "note_created",
      where: "recrod.title || input == '5' || length(record) == '3'",
    },
    library: (h, { con }) =>
      h.subscriptions.create({
        connection: con!,
        trigger: "note_created",
        where: "recrod.title || input == '5' || length(record) == '3'",
      }),
  },
  "no endpoint at all": {
    http: "POST /v1/endpoints",
    body: {},
    library: (h) => h.endpoints.create(undefined as never),
  },
  "an endpoint for another user": {
    as: "u_2",
    http: "POST /v1/endpoints",
    body: { ...endpoint, user: "u_1" },
    library: (h) => h.endpoints.create({ ...endpoint, user: "u_1" }, { user: "u_2" }),
  },
  "an endpoint that is not there": {
    http: `GET /v1/endpoints/${NOBODY}`,
    library: (h) => h.endpoints.get(NOBODY),
  },
  "another user's endpoint": {
    as: "u_2",
    http: "GET /v1/endpoints/{ep}",
    library: (h, { ep }) => h.endpoints.get(ep!, { user: "u_2" }),
  },
  "a change of nothing": {
    http: "PATCH /v1/endpoints/{ep}",
    body: {},
    library: (h, { ep }) => h.endpoints.update(ep!, {}),
  },
  "a recovery since no time": {
    http: "POST /v1/endpoints/{ep}/recover",
    body: { since: "yesterday" },
    library: (h, { ep }) => h.endpoints.recover(ep!, { since: "yesterday" }),
  },
  "a list with a wrong limit and an unknown filter": {
    http: "GET /v1/endpoints?limit=0&usr=u_1",
    library: (h) => h.endpoints.list({ limit: 0, usr: "u_1" } as never),
  },
  "a list with a cursor of no list": {
    http: "GET /v1/deliveries?cursor=nonsense",
    library: (h) => h.deliveries.list({ cursor: "nonsense" }),
  },
  "deliveries of an unknown status": {
    http: "GET /v1/deliveries?status=lost",
    library: (h) => h.deliveries.list({ status: "lost" as never }),
  },
  "events since no time": {
    http: "GET /v1/events?since=yesterday",
    library: (h) => h.events.list({ since: "yesterday" }),
  },
  "a list with a parameter that is in every object": {
    http: "GET /v1/endpoints?__proto__=x",
    library: (h) => h.endpoints.list(JSON.parse('{"__proto__":"x"}') as object),
  },
  "an explanation of nothing": {
    http: "GET /v1/explain?connection=con_1&kye=n1",
    library: (h) => h.events.explain({ connection: "con_1", kye: "n1" } as never),
  },
  "functions in an unknown format": {
    http: "GET /v1/functions?format=xml&usr=u_1",
    library: (h) => h.functions.list({ format: "xml", usr: "u_1" } as never),
  },
  "functions of nobody": {
    http: "GET /v1/functions",
    library: (h) => h.functions.list(),
  },
  "a function called for nobody": {
    http: "POST /v1/functions/notes-create_note/call",
    body: { title: "a" },
    library: (h) => h.functions.call("notes-create_note", { title: "a" }),
  },
  "a connection without a user": {
    http: "POST /v1/connections",
    body: { connector: "notes", return_to: "x" },
    library: (h) => h.connections.create({ connector: "notes", return_to: "x" } as never),
  },
  "a connection for triggers and actions that are not there": {
    http: "POST /v1/connections",
    body: { connector: "notes", user: "u_1", triggers: ["note_creatd"], actions: ["create_nte"], scopes: ["notes"] },
    library: (h) =>
      h.connections.create({
        connector: "notes",
        user: "u_1",
        triggers: ["note_creatd"],
        actions: ["create_nte"],
        scopes: ["notes"],
      }),
  },
  "a connection of an unknown connector": {
    http: "POST /v1/connections",
    body: { connector: "note", user: "u_1" },
    library: (h) => h.connections.create({ connector: "note", user: "u_1" }),
  },
  "a connection with credentials of another form": {
    http: "POST /v1/connections",
    body: { connector: "notes", user: "u_1", credentials: { tokn: "x" } },
    library: (h) => h.connections.create({ connector: "notes", user: "u_1", credentials: { tokn: "x" } }),
  },
  "a connection that is not there": {
    http: "GET /v1/connections/con_1",
    library: (h) => h.connections.get("con_1"),
  },
  "a connection with inputs and credentials of odd names": {
    http: "POST /v1/connections",
    body: { connector: "notes", user: "u_1", credentials: { "a/b": "x", token: "t" } },
    library: (h) => h.connections.create({ connector: "notes", user: "u_1", credentials: { "a/b": "x", token: "t" } }),
  },
  "a confirmation without a code": {
    http: "POST /v1/connections/{con}/confirm",
    body: { cod: "K3TX-9WQ2" },
    library: (h, { con }) => h.connections.confirm(con!, { cod: "K3TX-9WQ2" } as never),
  },
  "a confirmation that nothing waits for": {
    as: "u_1",
    http: "POST /v1/connections/{con}/confirm",
    body: { code: "K3TX-9WQ2" },
    library: (h, { con }) => h.connections.confirm(con!, { code: "K3TX-9WQ2" }, { user: "u_1" }),
  },
  "a confirmation of another user's connection": {
    as: "u_2",
    http: "POST /v1/connections/{con}/confirm",
    body: { code: "K3TX-9WQ2" },
    library: (h, { con }) => h.connections.confirm(con!, { code: "K3TX-9WQ2" }, { user: "u_2" }),
  },
  "connections of an unknown status": {
    http: "GET /v1/connections?status=lost",
    library: (h) => h.connections.list({ status: "lost" as never }),
  },
  "an unknown action": {
    http: "POST /v1/connections/{con}/actions/create_noet",
    body: {},
    library: (h, { con }) => h.connections.runAction(con!, "create_noet", {}),
  },
  "an action without its input": {
    http: "POST /v1/connections/{con}/actions/create_note",
    body: { titel: "a" },
    library: (h, { con }) => h.connections.runAction(con!, "create_note", { titel: "a" }),
  },
  "a subscription that begins in no known way": {
    http: "POST /v1/subscriptions",
    body: { connection: "{con}", trigger: "note_created", firstPoll: "silent" },
    library: (h, { con }) =>
      h.subscriptions.create({ connection: con!, trigger: "note_created", firstPoll: "silent" as never }),
  },
  "a subscription to an unknown trigger": {
    http: "POST /v1/subscriptions",
    body: { connection: "{con}", trigger: "note_creatd" },
    library: (h, { con }) => h.subscriptions.create({ connection: con!, trigger: "note_creatd" }),
  },
  "a subscription to a connection that is not there": {
    http: "POST /v1/subscriptions",
    body: { connection: "con_1", trigger: "note_created" },
    library: (h) => h.subscriptions.create({ connection: "con_1", trigger: "note_created" }),
  },
  "a subscription with two schedules and a where that does not parse": {
    http: "POST /v1/subscriptions",
    body: { connection: "{con}", trigger: "note_created", schedule: "* * * * *", everySeconds: 300, where: "a ==" },
    library: (h, { con }) =>
      h.subscriptions.create({
        connection: con!,
        trigger: "note_created",
        schedule: "* * * * *",
        everySeconds: 300,
        where: "a ==",
      }),
  },
  "a subscription that is not there": {
    http: "POST /v1/subscriptions/sub_1/poll",
    library: (h) => h.subscriptions.poll("sub_1"),
  },
  "an audit of a subscription that is not there": {
    http: "POST /v1/subscriptions/sub_1/audit",
    library: (h) => h.subscriptions.audit("sub_1"),
  },
  "an audit with no time, and a misspelt property": {
    http: "POST /v1/subscriptions/sub_1/audit",
    body: { timeoutSeconds: 0, timeout: 5 },
    library: (h) => h.subscriptions.audit("sub_1", { timeoutSeconds: 0, timeout: 5 } as never),
  },
  "a flow without steps": {
    http: "POST /v1/flows",
    body: { name: "a", triggers: [], step: [] },
    library: (h) => h.flows.create({ name: "a", triggers: [], step: [] } as never),
  },
  "a flow that is not there": {
    http: "GET /v1/flows/flow_1",
    library: (h) => h.flows.get("flow_1"),
  },
  "flows of an unknown filter": {
    http: "GET /v1/flows?state=on",
    library: (h) => h.flows.list({ state: "on" } as never),
  },
  "a run that is not there": {
    http: "POST /v1/runs/run_1/replay",
    library: (h) => h.runs.replay("run_1"),
  },
  "a template that is not there": {
    http: "POST /v1/flow-templates/no-such-template/install",
    body: {},
    library: (h) => h.templates.install("no-such-template", {}),
  },
  "a sync of one side": {
    http: "POST /v1/syncs",
    body: { resource: "contact", left: "{con}", direction: "up" },
    library: (h, { con }) => h.syncs.create({ resource: "contact", left: con!, direction: "up" } as never),
  },
  "a sync that is not there": {
    http: "GET /v1/syncs/sync_1",
    library: (h) => h.syncs.get("sync_1"),
  },
  "links of a sync that is not there, in an unknown state": {
    http: "GET /v1/syncs/sync_1/links?state=lost",
    library: (h) => h.syncs.links("sync_1", { state: "lost" as never }),
  },
  "conflicts of a sync that is not there, with a wrong limit": {
    http: "GET /v1/syncs/sync_1/conflicts?limit=0",
    library: (h) => h.syncs.conflicts("sync_1", { limit: 0 }),
  },
  "a user's template for the workspace": {
    as: "u_2",
    http: "POST /v1/flow-templates",
    body: {},
    library: (h) => h.templates.put({}, { user: "u_2" }),
  },
  "a template that a user removes": {
    as: "u_2",
    http: "DELETE /v1/flow-templates/no-such-template",
    library: (h) => h.templates.remove("no-such-template", { user: "u_2" }),
  },
  "a variable of an impossible name": {
    http: "PUT /v1/users/u_1/variables/1st",
    body: { value: 1 },
    library: (h) => h.variables.set("u_1", "1st", { value: 1 }),
  },
  "a variable without a value": {
    http: "PUT /v1/users/u_1/variables/first",
    body: { secret: true },
    library: (h) => h.variables.set("u_1", "first", { secret: true } as never),
  },
  "a variable that is not there": {
    http: "GET /v1/workspace/variables/nothing",
    library: (h) => h.variables.get(null, "nothing"),
  },
};

describe("the library and HTTP refuse in the same words", () => {
  it.each(Object.entries(CASES))("%s", async (_name, { http, body, library, as }) => {
    const { ask, runtime, connect, tokenOf } = await makeApi();
    const con = await connect("u_1");
    const { id: ep } = await runtime.endpoints.create({ ...endpoint, user: "u_1" });
    const ids = { con, ep };
    const [method, path] = fill(http, ids).split(" ") as [string, string];
    const token = as === undefined ? {} : { token: await tokenOf(as) };
    const given = body === undefined ? {} : { body: fill(JSON.stringify(body), ids) };
    const answer = await ask(method, path, { ...token, ...given });
    const refused = await library(runtime, ids).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HooklineError);
    const { code, message, faults } = refused as HooklineError;
    const said: Refusal = {
      code,
      message,
      faults: faults.map((one) => ({ pointer: one.pointer, message: one.message })),
    };
    expect(said).toEqual(refusalOf(answer));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });
});

describe("what only a program can give", () => {
  it.each<[string, (runtime: Runtime) => Promise<unknown>, string]>([
    ["no id", (h) => h.endpoints.get(undefined as never), "endpoints.get: argument 1 must be text"],
    ["an id that is an object", (h) => h.runs.cancel({ id: 1 } as never), "runs.cancel: argument 1 must be text"],
    [
      "no action",
      (h) => h.connections.runAction("con_1", undefined as never),
      "connections.runAction: argument 2 must be text",
    ],
    [
      "a scope that is a user's id",
      (h) => h.events.list({}, "u_1" as never),
      "events.list: argument 2 is the scope; give {} for everybody's, or { user }",
    ],
    [
      "a scope that is null",
      (h) => h.flows.list({}, null as never),
      "flows.list: argument 2 is the scope; give {} for everybody's, or { user }",
    ],
    [
      "a scope that is misspelt",
      (h) => h.connections.remove("con_1", {}, { usr: "u_1" } as never),
      'connections.remove: argument 3 is the scope, which has no "usr"; it may have "user"',
    ],
    [
      "a scope of an unknown user",
      (h) => h.variables.list("u_1", { user: undefined }),
      "variables.list: argument 2 names no user; leave user out for everybody's",
    ],
    [
      "a number that is none",
      (h) => h.endpoints.create({ ...endpoint, ratePerSecond: Number.NaN }),
      "endpoint/ratePerSecond: is NaN, which JSON cannot carry; give plain data",
    ],
    [
      "a where with a misspelt property",
      (h) => h.endpoints.create({ ...endpoint, events: ["contact.*"], where: "record.emailAdress[0].value" }),
      'endpoint/where: record has no "emailAdress"; did you mean "emailAddresses"?',
    ],
    [
      "a value with a number that is none",
      (h) => h.variables.set(null, "a", { value: { most: Infinity } }),
      "variable/value/most: is Infinity, which JSON cannot carry; give plain data",
    ],
    [
      "an owner who is no number, and would be the workspace",
      (h) => h.variables.set(Number.NaN as never, "a", { value: 1 }),
      "variable/user: is NaN, which JSON cannot carry; give plain data",
    ],
    [
      "an owner who is not there",
      (h) => h.variables.set(undefined as never, "a", { value: 1 }),
      "variable/user: is required",
    ],
  ])("is refused when it is %s", async (_what, call, message) => {
    const { runtime } = await makeApi();
    await expect(call(runtime)).rejects.toMatchObject({ code: "invalid_input", message });
  });
});

function fill(text: string, ids: Record<string, string>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => ids[name] ?? whole);
}

/** Of a query, HTTP says where its parameters stand. */
function refusalOf({ body }: Answer): Refusal {
  const errors = (body.errors ?? []) as Refusal["faults"];
  const faults = errors.map(({ pointer, message }) => ({ pointer: pointer.replace(/^\/query/, ""), message }));
  return { code: body.code, message: body.detail, faults };
}
