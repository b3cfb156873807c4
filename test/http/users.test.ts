import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeApi } from "./compose.ts";

const UNFIT = [" ", "..", "a\r\nb", "%00", "a/b", "a#b", "@else"];

describe("the id of a user", () => {
  it.each(UNFIT)("is not %j, at whatever door it comes in", async (user) => {
    const { ask, runtime } = await makeApi();
    const path = encodeURIComponent(user).replaceAll(".", "%2e");
    const doors: [string, string, object][] = [
      ["POST", "/v1/connections", { connector: "notes", user, credentials: { token: "t" } }],
      ["POST", "/v1/endpoints", { url: "https://a.example", user }],
      ["POST", "/v1/flows", { name: "f", user, triggers: [{ call: {} }], steps: [] }],
      ["PUT", `/v1/users/${path}/variables/a`, { value: 1 }],
      ["POST", `/v1/users/${path}/tokens`, {}],
      ["DELETE", `/v1/users/${path}/tokens`, undefined as never],
    ];
    for (const [method, url, body] of doors) {
      // What a URL itself takes for a step up leads to no door at all.
      if (user === ".." && url.includes("/users/")) continue;
      const { status, body: problem } = await ask(method, url, { body });
      expect([url, status, problem.errors]).toEqual([
        url,
        400,
        expect.arrayContaining([expect.objectContaining({ pointer: "/user" })]),
      ]);
    }
    for (const call of [
      () => runtime.connections.create({ connector: "notes", user, credentials: { token: "t" } }),
      () => runtime.endpoints.create({ url: "https://a.example", user }),
      () => runtime.endpoints.create({ url: "https://a.example" }, { user }),
      () => runtime.flows.create({ name: "f", user, triggers: [{ call: {} }], steps: [] }),
      () => runtime.variables.set(user, "a", { value: 1 }),
      () => runtime.users.createToken(user),
      () => runtime.users.revokeTokens(user),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "invalid_input" });
    }
  });

  it.each(["ada@example.com", "auth0|5f7c8ec7", "Zoë:1"])("is %s in a path as well", async (user) => {
    const { must } = await makeApi();
    const path = `/v1/users/${encodeURIComponent(user)}`;
    await must("PUT", `${path}/variables/region`, { body: { value: "eu" } });
    const { token } = await must("POST", `${path}/tokens`);
    expect((await must("GET", `${path}/variables/region`, { token })).value).toBe("eu");
  });

  it("that an earlier version has stored still reads and deletes; nothing new is made for it", async () => {
    let user = "a b";
    const folder = mkdtempSync(join(tmpdir(), "hookline-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "users.db");
    const api = await makeApi({ store: `sqlite:${file}`, authenticate: () => ({ role: "user", user }) });
    const own = { token: null };
    expect((await api.ask("GET", "/v1/endpoints", own)).status).toBe(500);
    user = "u_1";
    const { id } = await api.must("POST", "/v1/endpoints", { ...own, body: { url: "https://a.example" } });
    const store = new DatabaseSync(file);
    store.exec("update endpoints set user_id = 'a b'");
    store.close();
    user = "a b";
    expect((await api.must("GET", "/v1/endpoints", own)).data).toHaveLength(1);
    const made = await api.ask("POST", "/v1/endpoints", { ...own, body: { url: "https://a.example" } });
    expect([made.status, made.body.errors[0].pointer]).toEqual([400, "/user"]);
    expect((await api.must("GET", "/v1/endpoints?user=a%20b")).data).toHaveLength(1);
    await api.must("DELETE", `/v1/endpoints/${id}`, own);
    expect((await api.ask("GET", "/v1/endpoints", own)).status).toBe(500);
  });
});

describe("the tokens of a user", () => {
  it("end at once when they are revoked, by the user or an admin, never by another user", async () => {
    const { ask, must, tokenOf } = await makeApi();
    const [first, other] = [await tokenOf("u_1"), await tokenOf("u_2")];
    expect((await ask("DELETE", "/v1/users/u_1/tokens", { token: other })).status).toBe(403);
    await must("DELETE", "/v1/users/u_1/tokens", { token: first });
    expect((await ask("GET", "/v1/connections", { token: first })).status).toBe(401);
    const second = await tokenOf("u_1");
    await must("GET", "/v1/connections", { token: second });
    await must("DELETE", "/v1/users/u_1/tokens");
    expect((await ask("GET", "/v1/connections", { token: second })).status).toBe(401);
    await must("GET", "/v1/connections", { token: other });
  });
});
