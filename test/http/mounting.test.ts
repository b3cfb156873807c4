import express from "express";
import { describe, expect, it } from "vitest";
import { ADMIN, makeApi } from "./compose.ts";

const body = { url: "https://consumer.example/hooks" };

describe("the router", () => {
  it.each([
    [
      "before express.json()",
      (app: express.Express, router: express.Router) => app.use("/integrations", router).use(express.json()),
    ],
    [
      "after express.json()",
      (app: express.Express, router: express.Router) => app.use(express.json()).use("/integrations", router),
    ],
    [
      "after express.text()",
      (app: express.Express, router: express.Router) =>
        app.use(express.text({ type: "*/*" })).use("/integrations", router),
    ],
    [
      "after express.raw()",
      (app: express.Express, router: express.Router) =>
        app.use(express.raw({ type: "*/*" })).use("/integrations", router),
    ],
  ])("works %s", async (_where, mount) => {
    const { ask, must } = await makeApi({ mount });
    const made = await ask("POST", "/v1/endpoints", { body });
    expect([made.status, made.body.url]).toEqual([201, body.url]);
    expect((await ask("POST", `/v1/endpoints/${made.body.id}/secret/rotate`)).status).toBe(200);
    const refused = await ask("POST", "/v1/endpoints", { body: `{"url":"${body.url}","headers":{"__proto__":{}}}` });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_input"]);
    expect((await must("GET", "/v1/endpoints")).data).toHaveLength(1);
  });

  it.each([
    ["with its length", JSON.stringify(body)],
    ["in pieces", new Blob([JSON.stringify(body)]).stream()],
  ])("says so when a body was read before it and not kept: %s", async (_how, sent) => {
    const { url } = await makeApi({
      mount: (app, router) =>
        app.use((request, _response, next) => void request.resume().once("end", next)).use("/integrations", router),
    });
    const headers = { "content-type": "application/json", authorization: `Bearer ${ADMIN}` };
    const answer = await fetch(`${url}/v1/endpoints`, { method: "POST", headers, body: sent, duplex: "half" });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({
        detail:
          "Body: it was read before Hookline and not kept; mount Hookline before the middleware that reads bodies",
      }),
    ]);
  });

  it("keeps the bound of a body that a host's parser let pass", async () => {
    const { ask } = await makeApi({
      mount: (app, router) => app.use(express.json({ limit: "10mb" })).use("/integrations", router),
    });
    const long = await ask("POST", "/v1/endpoints", { body: { ...body, where: "x".repeat(1024 * 1024) } });
    expect([long.status, long.body.code]).toEqual([413, "too_large"]);
  });

  it.each(["", "/a", "/a/b"])("works under the path '%s', and tells where things are made", async (prefix) => {
    const { ask, must, url } = await makeApi({ prefix, mount: (app, router) => app.use(prefix, router) });
    const made = await ask("POST", "/v1/endpoints", { body });
    expect(made.headers.get("location")).toBe(`${url}/v1/endpoints/${made.body.id}`);
    expect((await must("GET", `/v1/endpoints/${made.body.id}`)).id).toBe(made.body.id);
  });

  it("answers stopped until the runtime is started, and works from then on", async () => {
    const { ask, runtime } = await makeApi({ start: false });
    const before = await ask("GET", "/v1/connections");
    expect([before.status, before.body.code, before.body.detail]).toEqual([
      503,
      "stopped",
      "Hookline is not started; try again in a moment",
    ]);
    expect((await ask("GET", "/healthz", { token: null })).status).toBe(200);
    expect((await ask("GET", "/readyz", { token: null })).status).toBe(503);
    await runtime.start();
    expect((await ask("GET", "/v1/connections")).status).toBe(200);
    expect((await ask("GET", "/readyz", { token: null })).body).toEqual({ status: "ready" });
    await runtime.stop(0);
    expect((await ask("GET", "/v1/connections")).body.code).toBe("stopped");
  });

  it("keeps answers out of caches and frames, and leaves HTTPS to the host", async () => {
    const { ask } = await makeApi();
    const { headers } = await ask("GET", "/v1/connections");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("content-security-policy")).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("strict-transport-security")).toBeNull();
  });
});
