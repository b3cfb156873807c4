import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import type { FaultSpec, Sandbox } from "../../runtime/sandbox/index.ts";
import { control, signIn } from "./sandbox-client.ts";

const LIST = "people.people.connections.list";

let sandbox: Sandbox;
let authorization: string;

beforeEach(async () => {
  sandbox = await createSandbox({ contacts: 5 });
  authorization = `Bearer ${(await signIn(sandbox)).access_token}`;
});
afterEach(() => sandbox.stop());

function get(path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${sandbox.url}${path}`, { headers: { authorization }, signal: signal ?? null });
}

const list = (query = "") => get(`/v1/people/me/connections?personFields=names&${query}`);
const groups = () => get("/v1/contactGroups");
const set = (spec: FaultSpec) => control(sandbox, "POST", "/faults", spec);

async function statuses(count: number, call: () => Promise<Response>): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await call()).status);
  return seen;
}

describe("a fault", () => {
  it("strikes the number of times it was set for, and only the method it names", async () => {
    await set({ kind: "status", status: 503, match: LIST, times: 2 });
    expect((await groups()).status).toBe(200);
    expect(await statuses(4, list)).toEqual([503, 503, 200, 200]);
  });

  it("strikes every n-th request, until it is cleared", async () => {
    await set({ kind: "status", match: "/v1/people/*", method: "GET", every: 3, times: 0 });
    expect(await statuses(6, list)).toEqual([200, 200, 500, 200, 200, 500]);
    await control(sandbox, "DELETE", "/faults");
    expect(await statuses(3, list)).toEqual([200, 200, 200]);
  });

  it("strikes the token endpoint as well", async () => {
    await set({ kind: "status", status: 503, match: "oauth.token" });
    const answer = await fetch(`${sandbox.url}/token`, { method: "POST" });
    expect(answer.status).toBe(503);
  });

  it("of an unknown kind is refused, with the kinds there are", async () => {
    const { status, body } = await control(sandbox, "POST", "/faults", { kind: "gremlin" });
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.message).toMatch(/^faults: there is no kind "gremlin"; use one of rate-limit, status, /);
  });

  it.each([
    [{ sttus: 503 }, /^faults: there is no "sttus"; did you mean "status"\?$/],
    [{ gremlins: 3 }, /^faults: there is no "gremlins"; use kind, match, method, times, every, status, /],
    [{ status: "503" }, /^faults: "status" must be a whole number, 0 or more$/],
    [{ times: -1 }, /^faults: "times" must be a whole number, 0 or more$/],
    [{ every: 0 }, /^faults: "every" must be a whole number, 1 or more$/],
    [{ match: 1 }, /^faults: "match" must be text$/],
  ])("is refused with %j, and strikes nothing", async (wrong, message) => {
    const { status, body } = await control(sandbox, "POST", "/faults", { kind: "status", ...wrong });
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.message).toMatch(message);
    expect((await list()).status).toBe(200);
  });
});

describe("the kinds of fault", () => {
  it("rate-limit answers with the quota body, with Retry-After when told", async () => {
    await set({ kind: "rate-limit" });
    await set({ kind: "rate-limit", retryAfter: 30 });
    const [bare, timed] = [await list(), await list()];
    expect([bare.status, bare.headers.get("retry-after"), timed.headers.get("retry-after")]).toEqual([429, null, "30"]);
    expect(await bare.json()).toMatchObject({
      error: { status: "RESOURCE_EXHAUSTED", details: [{ reason: "RATE_LIMIT_EXCEEDED" }] },
    });
  });

  it("unauthorized answers 401 though the token is good", async () => {
    await set({ kind: "unauthorized" });
    const answer = await list();
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { status: "UNAUTHENTICATED" } }]);
    expect((await list()).status).toBe(200);
  });

  it("latency lets the request through, after a while", async () => {
    await set({ kind: "latency", latencyMs: 60 });
    await expect(list("").then(({ status }) => status)).resolves.toBe(200);
    await set({ kind: "latency", latencyMs: 60_000 });
    await expect(get("/v1/contactGroups", AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
  });

  it("reset cuts the connection before anything is done", async () => {
    await set({ kind: "reset" });
    await expect(list()).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
  });

  it("hang never answers, and does not keep the sandbox from stopping", async () => {
    await set({ kind: "hang" });
    await expect(get("/v1/contactGroups", AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
  });

  it("truncate cuts the answer to a request that was carried out", async () => {
    await set({ kind: "truncate" });
    const answer = await fetch(`${sandbox.url}/v1/people:createContact`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow(/terminated/);
    expect(sandbox.google.account().people.contacts.size).toBe(6);
  });

  it("page-token-loop gives the page token back that it was sent", async () => {
    await set({ kind: "page-token-loop", times: 0 });
    const page = async (query: string) => (await (await list(query)).json()) as { nextPageToken: string };
    const { nextPageToken } = await page("pageSize=2");
    const second = await page(`pageSize=2&pageToken=${nextPageToken}`);
    expect(second.nextPageToken).toBe(nextPageToken);
  });
});
