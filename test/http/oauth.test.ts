import { describe, expect, it, onTestFinished } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { makeApi } from "./compose.ts";

async function makeGoogle() {
  const sandbox = await createSandbox({ contacts: 5 });
  onTestFinished(() => sandbox.stop());
  const api = await makeApi({
    servers: sandbox.servers,
    clients: { "google-contacts": sandbox.client },
    returnOrigins: ["https://app.example"],
  });
  const begin = (body: object = {}) =>
    api.must("POST", "/v1/connections", { body: { connector: "google-contacts", user: "u_1", ...body } });
  /** What the person's browser gets when it comes back from the vendor. */
  const callback = (query: URLSearchParams | string) => api.ask("GET", `/v1/oauth/callback?${query}`, { token: null });
  return { ...api, sandbox, begin, callback };
}

describe("connecting by OAuth", () => {
  it("goes to the vendor and back, and ends on a page", async () => {
    const { begin, callback, must } = await makeGoogle();
    const { id, status, authorizeUrl } = await begin();
    expect(status).toBe("pending");
    const page = await callback(await consent(authorizeUrl));
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.body).toContain("The account is connected.");
    const connection = await must("GET", `/v1/connections/${id}`);
    expect([connection.status, connection.label]).toEqual(["active", "alex.morgan@example.com"]);
    const { data, live } = await must("GET", `/v1/connections/${id}/triggers/contact_created/sample?live=true`);
    expect([live, data.length, data[0].resource.type]).toEqual([true, 3, "contact"]);
  });

  it("ends where the product wants, if its origin is allowed", async () => {
    const { begin, callback, ask } = await makeGoogle();
    const returnTo = "https://app.example/settings?tab=1";
    const { authorizeUrl } = await begin({ returnTo });
    const { status, headers } = await callback(await consent(authorizeUrl));
    expect([status, headers.get("location")]).toEqual([303, returnTo]);
    const body = { connector: "google-contacts", user: "u_1", returnTo: "https://evil.example/" };
    const refused = await ask("POST", "/v1/connections", { body });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_url"]);
  });

  it("ends where the product wants, in whatever alphabet that is written", async () => {
    const { begin, callback } = await makeGoogle();
    const { authorizeUrl } = await begin({ returnTo: "https://app.example/設定\r\n?tab=ü" });
    const { status, headers } = await callback(await consent(authorizeUrl));
    expect([status, headers.get("location")]).toEqual([303, "https://app.example/%E8%A8%AD%E5%AE%9A?tab=%C3%BC"]);
  });

  it("tells a person who said no, or came late, and repeats nothing of what the link says", async () => {
    const { begin, callback } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const denied = await consent(authorizeUrl, { decision: "deny" });
    denied.set("error_description", "<script>alert(1)</script>");
    const page = await callback(denied);
    expect(page.status).toBe(422);
    expect(page.body).toContain("Access was not granted");
    const stale = await callback("state=<script>&code=<script>&state=2");
    expect(stale.status).toBe(400);
    expect(stale.body).toContain("This link has expired or was used before.");
    expect(page.body + stale.body).not.toContain("script");
  });

  it("reconnects the same connection", async () => {
    const { begin, callback, must } = await makeGoogle();
    const { id, authorizeUrl } = await begin();
    await callback(await consent(authorizeUrl));
    const again = await must("POST", `/v1/connections/${id}/reconnect`, { body: { returnTo: "https://app.example/" } });
    expect((await callback(await consent(again.authorizeUrl))).status).toBe(303);
    expect((await must("GET", `/v1/connections/${id}`)).status).toBe("active");
  });
});
