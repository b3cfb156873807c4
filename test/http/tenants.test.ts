import { assert, asyncProperty, boolean, constantFrom, func } from "fast-check";
import { describe, expect, it } from "vitest";
import { receiver } from "../deliver/harness.ts";
import { runs } from "../fixtures/tier.ts";
import { makeApi, soon, type Api } from "./compose.ts";
import type { OpenApi } from "./contract.ts";

type Ids = Record<
  "connection" | "endpoint" | "subscription" | "event" | "delivery" | "batch" | "variable" | "user",
  string
>;

/** What stands before an id in a path, and whose id it is. */
const KINDS: Record<string, keyof Ids> = {
  connections: "connection",
  endpoints: "endpoint",
  subscriptions: "subscription",
  events: "event",
  deliveries: "delivery",
  batches: "batch",
};

/** One of everything that belongs to a user. */
async function furnish(api: Api, user: string, url: string): Promise<Ids> {
  const connection = await api.connect(user);
  const endpoint = (await api.must("POST", "/v1/endpoints", { body: { url, user } })).id;
  const body = { connection, trigger: "note_created", endpoint, firstPoll: "emitAll" };
  const subscription = (await api.must("POST", "/v1/subscriptions", { body })).id;
  const { data } = await soon(async () => {
    const page = await api.must("GET", `/v1/deliveries?endpoint=${endpoint}&status=delivered`);
    expect(page.data).toHaveLength(4);
    return page;
  });
  const delivery = data[0];
  const variable = `variable-of-${user}`;
  await api.must("PUT", `/v1/users/${user}/variables/notes`, { body: { value: variable } });
  const inputs = { inputs: [{ title: "bulk" }] };
  const batch = (await api.must("POST", `/v1/connections/${connection}/actions/create_note/batch`, { body: inputs }))
    .id;
  await soon(async () => expect((await api.must("GET", `/v1/batches/${batch}`)).status).toBe("done"));
  return { connection, endpoint, subscription, event: delivery.event, delivery: delivery.id, batch, variable, user };
}

/** Everything of a user that an admin can see. */
async function snapshot(api: Api, ids: Ids): Promise<unknown> {
  const paths = [
    `/v1/connections?user=${ids.user}`,
    `/v1/subscriptions?user=${ids.user}`,
    `/v1/endpoints?user=${ids.user}`,
    `/v1/events?user=${ids.user}`,
    `/v1/deliveries?endpoint=${ids.endpoint}`,
    `/v1/batches/${ids.batch}`,
    `/v1/users/${ids.user}/variables`,
  ];
  return Promise.all(paths.map((path) => api.must("GET", path)));
}

interface Operation {
  method: string;
  path: string;
  parameters: { name: string; in: string }[];
  /** Properties of the body, and which of them have to be there. */
  body: { names: string[]; required: string[] } | undefined;
}

function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      // oxlint-disable-next-line typescript/no-explicit-any
      const { parameters = [], requestBody } = operation as any;
      const schema = requestBody?.content["application/json"]?.schema;
      const body = schema && { names: Object.keys(schema.properties ?? {}), required: schema.required ?? [] };
      return { method: method.toUpperCase(), path, parameters, body };
    }),
  );
}

/** Which id a parameter or property wants. */
function idFor(name: string, path: string, ids: Ids): string {
  if (name !== "id") return ids[name as keyof Ids];
  return ids[KINDS[/^\/v1\/(\w+)\//.exec(path)?.[1] ?? ""] as keyof Ids] ?? "key_1";
}

const VALUES: Record<string, unknown> = {
  connector: "notes",
  action: "create_note",
  target: "note_created",
  property: "folder",
  path: "notes",
  inputs: [{ title: "mine" }],
  value: "mine",
  trigger: "note_created",
  name: "notes",
  stream: "notes",
  key: "n1",
  live: "true",
  limit: "200",
  credentials: { token: "mine" },
  url: "https://mine.example/hook",
  events: ["*"],
  label: "mine",
  status: "active",
  since: "2026-01-01T00:00:00Z",
  everySeconds: 3600,
  format: "bare",
  ordered: true,
};

describe("two tenants", () => {
  it("never read or change each other's things, whatever route, parameter or body names them", async () => {
    const [hisHook, herHook] = [await receiver(), await receiver()];
    const api = await makeApi();
    const him = await furnish(api, "u_him", hisHook.url);
    const her = await furnish(api, "u_her", herHook.url);
    const token = await api.tokenOf("u_her");
    const before = await snapshot(api, him);
    const operations = operationsOf((await api.must("GET", "/openapi.json")) as OpenApi).filter(
      ({ path }) => path.startsWith("/v1/") && !path.startsWith("/v1/oauth/"),
    );
    const canaries = [...Object.values(him), "token-of-u_him", hisHook.url];

    let reached = 0;
    const leaks: string[] = [];
    const call = async (operation: Operation, his: (slot: string) => boolean, has: (slot: string) => boolean) => {
      const { method, path, parameters, body } = operation;
      const named: unknown[] = [];
      const value = (name: string, slot: string): unknown => {
        const id = idFor(name, path, his(slot) ? him : her);
        const chosen = id ?? VALUES[name];
        named.push(chosen);
        return chosen;
      };
      const inPath = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => String(value(name, `path ${name}`)));
      const query = new URLSearchParams();
      for (const { name, in: place } of parameters) {
        if (place !== "query" || !has(`query ${name}`)) continue;
        const given = value(name, `query ${name}`);
        if (given !== undefined) query.set(name, String(given));
      }
      const names = body?.names.filter((name) => body.required.includes(name) || has(`body ${name}`)) ?? [];
      const given = Object.fromEntries(names.map((name) => [name, value(name, `body ${name}`)]));
      const answer = await api.ask(method, `${inPath}?${query}`, { token, body: body && given });
      const text = JSON.stringify(answer.body);
      const where = `${method} ${inPath}?${query} ${JSON.stringify(given)} → ${answer.status} ${text}`;
      leaks.push(...canaries.filter((canary) => !named.includes(canary) && text.includes(canary)).map(() => where));
      const namesHim = named.some((one) => canaries.includes(one as string));
      if (answer.status < 300 && !namesHim) reached++;
      // A filter may name his things, as long as it finds nothing.
      if (answer.status < 300 && namesHim && text !== '{"data":[],"nextCursor":null}') leaks.push(where);
    };

    for (const operation of operations) {
      await call(
        operation,
        () => true,
        () => true,
      );
    }
    await assert(
      asyncProperty(
        constantFrom(...operations.filter(({ method }) => method !== "DELETE")),
        func(boolean()),
        func(boolean()),
        async (operation, his, has) => {
          await call(operation, his, has);
        },
      ),
      { numRuns: runs(300) },
    );
    expect(leaks).toEqual([]);
    expect(reached).toBeGreaterThan(20);
    expect(await snapshot(api, him)).toEqual(before);
    expect(hisHook.requests.filter(({ body }) => body.includes("u_her"))).toEqual([]);
    expect(herHook.requests.filter(({ body }) => body.includes("u_him"))).toEqual([]);
  });

  it("may not name each other in a body or a filter", async () => {
    const { ask, tokenOf } = await makeApi();
    const token = await tokenOf("u_her");
    const body = { connector: "notes", user: "u_him", credentials: { token: "t" } };
    for (const answer of [
      await ask("POST", "/v1/connections", { token, body }),
      await ask("POST", "/v1/endpoints", { token, body: { url: "https://a.example", user: "u_him" } }),
      await ask("GET", "/v1/connections?user=u_him", { token }),
      await ask("GET", "/v1/events?user=u_him", { token }),
    ]) {
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
        403,
        "forbidden",
        "user: a user token acts for its own user only; leave it out, or use an API key",
      ]);
    }
  });

  it("are counted apart", async () => {
    const { must, connect, tokenOf } = await makeApi();
    await connect("u_him");
    const stats = await must("GET", "/v1/stats", { token: await tokenOf("u_her") });
    expect([stats.connections, stats.events, stats.deliveries]).toEqual([{}, [], {}]);
    expect((await must("GET", "/v1/stats")).connections).toEqual({ active: 1 });
  });

  it("own what they make without saying so", async () => {
    const { must, tokenOf } = await makeApi();
    const token = await tokenOf("u_her");
    const connection = await must("POST", "/v1/connections", {
      token,
      body: { connector: "notes", credentials: { token: "t" } },
    });
    const endpoint = await must("POST", "/v1/endpoints", { token, body: { url: "https://a.example" } });
    expect([connection.user, endpoint.user]).toEqual(["u_her", "u_her"]);
  });
});
