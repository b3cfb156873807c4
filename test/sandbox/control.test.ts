import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import type { Sandbox } from "../../runtime/sandbox/index.ts";
import { control, signIn, token } from "./sandbox-client.ts";

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await createSandbox({ contacts: 20 });
});
afterEach(() => sandbox.stop());

const book = () => sandbox.google.account().people;
const call = (method: string, path: string, body?: object) => control(sandbox, method, path, body);

describe("the control API", () => {
  it("lists what can be told to it, with the kinds of fault", async () => {
    const { body } = await call("GET", "");
    expect(body.routes).toEqual(expect.arrayContaining(["POST /control/edits", "POST /control/contacts/:id/rename"]));
    expect(body.routes).toContain("GET /control/highlevel");
    expect(body.faults.hang).toBe("never answers");
    const { body: highLevel } = await call("GET", "/highlevel");
    expect(highLevel.routes).toContain("POST /control/highlevel/locations/:id/uninstall");
    const { status, body: wrong } = await call("GET", "/highlevel/weather");
    expect([status, wrong.message]).toEqual([
      404,
      "control: there is no GET /control/highlevel/weather; GET /control/highlevel lists what there is.",
    ]);
  });

  it("creates, changes, renames and deletes a contact as a person would", async () => {
    const created = await call("POST", "/contacts", { givenName: "Ada", familyName: "King", email: "ada@example.com" });
    expect(created.body).toMatchObject({
      names: [{ displayName: "Ada King" }],
      emailAddresses: [{ value: "ada@example.com" }],
    });
    const id = created.body.resourceName.replace("people/", "");
    const changed = await call("PATCH", `/contacts/${id}`, { phone: "+1 206-555-0100", groups: ["starred"] });
    expect(changed.body).toMatchObject({
      names: [{ displayName: "Ada King" }],
      phoneNumbers: [{ canonicalForm: "+12065550100" }],
      memberships: [{ contactGroupMembership: { contactGroupId: "starred" } }],
    });
    const renamed = await call("POST", `/contacts/${id}/rename`);
    expect(renamed.body.resourceName).not.toBe(created.body.resourceName);
    expect((await call("DELETE", `/contacts/${renamed.body.resourceName.replace("people/", "")}`)).status).toBe(200);
    const gone = await call("GET", `/contacts/${id}`);
    expect([gone.status, gone.body]).toEqual([
      404,
      { code: "not_found", message: `control: /control/contacts/${id} does not exist in this account.` },
    ]);
  });

  it("keeps groups, members and other contacts", async () => {
    const { body: group } = await call("POST", "/groups", { name: "Choir" });
    const id = group.resourceName.replace("contactGroups/", "");
    const [person] = [...book().contacts.live()];
    const members = await call("POST", `/groups/${id}/members`, { add: [`people/c${person!.id}`] });
    expect(members.body).toEqual({ memberCount: 1 });
    expect((await call("PATCH", `/groups/${id}`, { name: "Band" })).body.name).toBe("Band");
    expect((await call("POST", "/groups", { name: "Band" })).status).toBe(409);
    expect((await call("DELETE", `/groups/${id}`)).status).toBe(200);
    const before = book().others.size;
    const { body: other } = await call("POST", "/other-contacts", { email: "noticed@example.com" });
    expect(book().others.size).toBe(before + 1);
    await call("DELETE", `/other-contacts/${other.resourceName.replace("otherContacts/", "")}`);
    expect(book().others.size).toBe(before);
  });

  it("makes realistic edits and tells which", async () => {
    const bound = book().contacts.bound;
    const { body } = await call("POST", "/edits", { count: 200, seed: 3 });
    expect(body.edits).toHaveLength(200);
    expect(book().contacts.bound).toBe(bound + 200);
    expect(new Set(body.edits.map((edit) => edit.kind))).toEqual(
      new Set(["created", "updated", "deleted", "added_to_group", "removed_from_group"]),
    );
  });

  it("makes edits by itself until it is stopped", async () => {
    const bound = book().contacts.bound;
    expect((await call("POST", "/simulate", { everyMs: 5 })).body).toEqual({ simulating: true });
    await expect.poll(() => book().contacts.bound).toBeGreaterThan(bound + 2);
    expect((await call("POST", "/simulate", { stop: true })).body).toEqual({ simulating: false });
  });

  it("reports every contact as changed on request", async () => {
    const bound = book().contacts.bound;
    expect((await call("POST", "/touch")).body).toEqual({ touched: 20 });
    expect(book().contacts.bound).toBe(bound + 20);
  });

  it("expires access tokens and revokes grants", async () => {
    const { access_token, refresh_token } = await signIn(sandbox);
    const whoAmI = async (value: string) =>
      (await fetch(`${sandbox.url}/v1/people/me?personFields=names`, { headers: { authorization: `Bearer ${value}` } }))
        .status;
    expect(await whoAmI(access_token)).toBe(200);
    await call("POST", "/expire-access-tokens", {});
    expect(await whoAmI(access_token)).toBe(401);
    const refresh = () => token(sandbox, { grant_type: "refresh_token", refresh_token: refresh_token! });
    expect((await refresh()).status).toBe(200);
    expect((await call("POST", "/revoke", {})).body).toEqual({ revoked: 1 });
    expect((await refresh()).status).toBe(400);
  });

  it("counts requests by method", async () => {
    const { refresh_token } = await signIn(sandbox);
    await token(sandbox, { grant_type: "refresh_token", refresh_token: refresh_token! });
    await fetch(`${sandbox.url}/v1/contactGroups`);
    expect((await call("GET", "/requests")).body).toEqual({
      "oauth.authorize": 1,
      "oauth.consent": 1,
      "oauth.token": 2,
      "oauth.token.authorization_code": 1,
      "oauth.token.refresh_token": 1,
      "people.contactGroups.list": 1,
    });
    await call("DELETE", "/requests");
    expect((await call("GET", "/requests")).body).toEqual({});
  });

  it("tells the whole state", async () => {
    await signIn(sandbox);
    expect((await call("GET", "/state")).body).toMatchObject({
      accounts: [{ email: "alex.morgan@example.com", contacts: 20, otherContacts: 2, groups: 13 }],
      grants: [{ email: "alex.morgan@example.com", refreshTokens: 1 }],
      settings: { accessTokenSeconds: 3599, propagationDelayMs: 0 },
      faults: [],
      simulating: false,
    });
  });

  it("changes settings while it runs, and refuses those it does not have", async () => {
    await call("POST", "/settings", { accessTokenSeconds: 5 });
    expect((await signIn(sandbox)).expires_in).toBe(5);
    const { status, body } = await call("POST", "/settings", { accessTokenMinutes: 5 });
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.message).toMatch(
      /^settings: "accessTokenMinutes" is no setting or has the wrong type; settings are \{/,
    );
  });

  it("refuses an account that exists, does not exist, or has no address", async () => {
    const answers = [
      await call("POST", "/accounts", { email: "alex.morgan@example.com" }),
      await call("POST", "/contacts", { account: "nobody@example.com" }),
      await call("POST", "/accounts", { contacts: 3 }),
    ];
    expect(answers.map(({ status, body }) => [status, body.message])).toEqual([
      [409, "accounts: alex.morgan@example.com exists already; choose another address."],
      [404, "accounts: there is no nobody@example.com; known: alex.morgan@example.com."],
      [400, 'control: "email" is missing; give it as text.'],
    ]);
  });

  it("answers 404 for what it does not have", async () => {
    const { status, body } = await call("GET", "/weather");
    expect([status, body.message]).toEqual([
      404,
      "control: there is no GET /control/weather; GET /control lists what there is.",
    ]);
  });
});

describe("a large address book", () => {
  it("of 100,000 contacts is served in full pages", async () => {
    await call("POST", "/accounts", { email: "big@example.com", contacts: 100_000 });
    const { access_token } = await signIn(sandbox, {}, { account: "big@example.com" });
    const url = `${sandbox.url}/v1/people/me/connections?personFields=names,emailAddresses,metadata&pageSize=1000`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${access_token}` } });
    const body = (await answer.json()) as { connections: object[]; totalItems: number };
    expect([body.connections.length, body.totalItems]).toEqual([1000, 100_000]);
  });
});
