import { describe, expect, it, onTestFinished } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { pressButton } from "../fixtures/browser.ts";
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
  const wanted = { connector: "google-contacts", user: "u_1", triggers: ["contact_created"] };
  const begin = (body: object = {}) => api.must("POST", "/v1/connections", { body: { ...wanted, ...body } });
  /** What a browser gets that presses the button, agrees at the vendor and comes back; `change` changes what it brings. */
  const walk = async (
    authorizeUrl: string,
    choice: Parameters<typeof consent>[1] = {},
    change: (query: URLSearchParams) => void = () => {},
  ) => {
    const { url, cookie } = await pressButton(authorizeUrl);
    const query = await consent(url, choice);
    change(query);
    return api.ask("GET", `/v1/oauth/callback?${query}`, { token: null, headers: { cookie } });
  };
  return { ...api, sandbox, begin, walk };
}

describe("connecting by OAuth", () => {
  it("goes to the vendor and back, and ends on a page", async () => {
    const { begin, walk, must, url } = await makeGoogle();
    const { id, status, authorizeUrl } = await begin();
    expect([status, authorizeUrl]).toEqual(["pending", expect.stringMatching(/\/v1\/oauth\/start\/[\w-]{43}$/)]);
    expect(authorizeUrl.startsWith(url)).toBe(true);
    const page = await walk(authorizeUrl);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.body).toContain(
      "<title>alex.morgan@example.com (Google Contacts) is connected to this product for u_1</title>",
    );
    const connection = await must("GET", `/v1/connections/${id}`);
    expect([connection.status, connection.label]).toEqual(["active", "alex.morgan@example.com"]);
    const { data, live } = await must("GET", `/v1/connections/${id}/triggers/contact_created/sample?live=true`);
    expect([live, data.length, data[0].resource.type]).toEqual([true, 3, "contact"]);
  });

  it("begins whatever form a browser or an extension sends with the button", async () => {
    const { begin } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const begun = await fetch(authorizeUrl, {
      method: "POST",
      redirect: "manual",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "button=&extra=1",
    });
    expect([begun.status, begun.headers.get("location")]).toEqual([303, expect.stringContaining("state=")]);
  });

  it.each(["%ff", "%", "%e0%a4%a", "%00"])(
    "tells a person on a page that a link with %s leads nowhere",
    async (token) => {
      const { url } = await makeGoogle();
      for (const method of ["GET", "POST"]) {
        const answer = await fetch(`${url}/v1/oauth/start/${token}`, { method });
        expect([answer.status, answer.headers.get("content-type")]).toEqual([400, "text/html; charset=utf-8"]);
        expect(await answer.text()).toContain("This link has expired or was used before.");
      }
    },
  );

  it("ends where the product wants, if its origin is allowed", async () => {
    const { begin, walk, ask } = await makeGoogle();
    const returnTo = "https://app.example/settings?tab=1";
    const { authorizeUrl } = await begin({ returnTo });
    const { status, headers } = await walk(authorizeUrl);
    expect([status, headers.get("location")]).toEqual([303, returnTo]);
    const body = { connector: "google-contacts", user: "u_1", returnTo: "https://evil.example/" };
    const refused = await ask("POST", "/v1/connections", { body });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_url"]);
  });

  it("ends where the product wants, in whatever alphabet that is written", async () => {
    const { begin, walk } = await makeGoogle();
    const { authorizeUrl } = await begin({ returnTo: "https://app.example/設定\r\n?tab=ü" });
    const { status, headers } = await walk(authorizeUrl);
    expect([status, headers.get("location")]).toEqual([303, "https://app.example/%E8%A8%AD%E5%AE%9A?tab=%C3%BC"]);
  });

  it("tells a person who said no, or came late, and repeats nothing of what the link says", async () => {
    const { begin, walk, ask } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const page = await walk(authorizeUrl, { decision: "deny" }, (query) =>
      query.set("error_description", "<script>alert(1)</script>"),
    );
    expect(page.status).toBe(422);
    expect(page.body).toContain("Access was not granted");
    const stale = await ask("GET", "/v1/oauth/callback?state=<script>&code=<script>&state=2", { token: null });
    expect(stale.status).toBe(400);
    expect(stale.body).toContain("This link has expired or was used before.");
    expect(page.body + stale.body).not.toContain("script");
  });

  it("tells a person who chose another account what to do, and moves the connection only when that is wished", async () => {
    const { begin, walk, must, ask, sandbox } = await makeGoogle();
    sandbox.google.addAccount({ email: "bob@example.com", contacts: 1, seed: 2 });
    const { id, authorizeUrl } = await begin();
    await walk(authorizeUrl);
    const before = await must("GET", `/v1/connections/${id}`);
    expect(before.account).toEqual({ id: sandbox.google.account().id, label: "alex.morgan@example.com" });
    const as = async (body: object) => {
      const { authorizeUrl: again } = await must("POST", `/v1/connections/${id}/reconnect`, { body });
      return walk(again, { account: "bob@example.com" });
    };
    const refused = await as({});
    expect(refused.status).toBe(422);
    expect(refused.body).toContain("another account than the one that was connected");
    expect(refused.body).toContain("choose the right account; or have the connection moved");
    expect(await must("GET", `/v1/connections/${id}`)).toEqual(before);
    expect((await as({ account: "move" })).status).toBe(200);
    expect((await must("GET", `/v1/connections/${id}`)).account).toMatchObject({ label: "bob@example.com" });
    const wrong = await ask("POST", `/v1/connections/${id}/reconnect`, { body: { account: "stay" } });
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, "/account"]);
  });

  it("tells a person whose vendor does not answer that the connection becomes active by itself", async () => {
    const { begin, walk, must, sandbox } = await makeGoogle();
    const { id, authorizeUrl } = await begin();
    sandbox.faults.add({ kind: "status", match: "/v1/people/me", status: 503 });
    const page = await walk(authorizeUrl);
    expect([page.status, page.body]).toEqual([
      200,
      expect.stringContaining("is almost connected to this product for u_1"),
    ]);
    expect(await must("GET", `/v1/connections/${id}`)).toMatchObject({
      status: "pending",
      error: { code: "vendor_error", message: expect.stringContaining("it is repeated until") },
    });
  });

  it("says that a grant stays for another connection, and nothing when it went with the last", async () => {
    const { begin, walk, ask, must } = await makeGoogle();
    const ids: string[] = [];
    for (const user of ["u_1", "u_2"]) {
      const { id, authorizeUrl } = await begin({ user });
      await walk(authorizeUrl);
      ids.push(id);
    }
    const first = await ask("DELETE", `/v1/connections/${ids[0]}`);
    expect([first.status, first.body]).toEqual([200, { revoked: false }]);
    expect((await must("POST", `/v1/connections/${ids[1]}/test`)).status).toBe("active");
    expect((await ask("DELETE", `/v1/connections/${ids[1]}`)).status).toBe(204);
  });

  it("reconnects the same connection", async () => {
    const { begin, walk, must } = await makeGoogle();
    const { id, authorizeUrl } = await begin();
    await walk(authorizeUrl);
    const again = await must("POST", `/v1/connections/${id}/reconnect`, { body: { returnTo: "https://app.example/" } });
    expect((await walk(again.authorizeUrl)).status).toBe(303);
    expect((await must("GET", `/v1/connections/${id}`)).status).toBe("active");
  });
});
