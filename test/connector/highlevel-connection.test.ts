import { describe, expect, it } from "vitest";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import { classify } from "../../runtime/vendor/errors.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { World } from "../contract/world.ts";
import { SESSION } from "../fixtures/browser.ts";
import { control, openHighLevel, tokens } from "./highlevel-world.ts";

const contactId = samples.contact.id;
const refreshes = ({ sandbox }: World) => sandbox.requests.get("highlevel.oauth.token.refresh_token");

/** Connects as a person does: by the page at the vendor. */
async function connect(world: World, choice: "Location" | "Company"): Promise<string> {
  const { accounts } = world.runtime;
  const actions = ["find_contact", "create_contact", "create_location"];
  const wanted = { connector: "highlevel", user: "u_2", triggers: ["contact_created"], actions };
  const { id, authorizeUrl } = await accounts.create(wanted, {}, SESSION);
  const page = await fetch(authorizeUrl!);
  expect(await page.text()).toContain(samples.location.name);
  const consent = await fetch(authorizeUrl!, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ choice, decision: "approve" }).toString(),
    redirect: "manual",
  });
  await accounts.finishOAuth(new URL(consent.headers.get("location")!).searchParams, SESSION);
  return id;
}

describe("a connection by OAuth", () => {
  it("knows the location, the agency, the user and the granted scopes from the token answer", async () => {
    await using world = await openHighLevel();
    const id = await connect(world, "Location");
    const client = await world.runtime.accounts.client(id);
    const { id: locationId, companyId } = samples.location;
    expect(client.values).toMatchObject({ locationId, companyId, userId: samples.user.id, userType: "Location" });
    expect(client.scopes).toContain("contacts.write");
    const { output } = await world.runtime.actions.run(id, "find_contact", { query: "ada" });
    expect(output).toMatchObject({ total: 1, contact: { id: contactId } });
  });

  it("of an agency does what agencies do, and is refused before any call what is a location's", async () => {
    await using world = await openHighLevel();
    const id = await connect(world, "Company");
    const { actions: vendor, subscriptions } = world.runtime;
    const { output } = await vendor.run(id, "create_location", { name: "Lyon works" });
    expect(output).toMatchObject({ name: "Lyon works", companyId: samples.company.id });

    const calls = JSON.stringify(world.sandbox.requests);
    await expect(vendor.run(id, "create_contact", { firstName: "Ada" })).rejects.toMatchObject({
      code: "conflict",
      message:
        "highlevel.create_contact: works in a sub-account only; connect a HighLevel location, derive it from the agency's connection, or give the private token's locationId",
    });
    await expect(subscriptions.create({ connection: id, trigger: "contact_created" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("highlevel/contact_created: works in a sub-account only") as string,
    });
    expect(JSON.stringify(world.sandbox.requests)).toBe(calls);
  });

  it("of a location is refused before any call what is an agency's", async () => {
    await using world = await openHighLevel();
    const calls = JSON.stringify(world.sandbox.requests);
    const message =
      "is for agencies only; connect HighLevel as an agency (a Company token), or derive the location from the agency's connection";
    await expect(world.run("create_location", { name: "Lyon works" })).rejects.toMatchObject({
      code: "conflict",
      message: `highlevel.create_location: ${message}`,
    });
    for (const [trigger, input] of [
      ["list_snapshots", {}],
      ["get_company", {}],
      ["filter_users_by_email", { emails: ["mary@example.com"] }],
    ] as const) {
      await expect(world.subscribe(trigger, input)).rejects.toMatchObject({
        code: "conflict",
        message: `highlevel/${trigger}: ${message}`,
      });
    }
    expect(JSON.stringify(world.sandbox.requests)).toBe(calls);
  });

  it("renews its token once for all who need it, and goes on with the new refresh token", async () => {
    await using world = await openHighLevel();
    for (const times of [1, 2, 3]) {
      await control(world, "POST", "/expire-access-tokens");
      const runs = [1, 2, 3].map(() => world.run("find_contact", { query: "ada" }));
      expect(await Promise.all(runs)).toHaveLength(3);
      expect(refreshes(world)).toBe(times);
      world.clock.advance(60_000);
    }
  });

  it("asks to reconnect when the app was uninstalled", async () => {
    await using world = await openHighLevel();
    await control(world, "POST", "/uninstall");
    await expect(world.run("find_contact", { query: "ada" })).rejects.toMatchObject({
      code: "reauth_required",
      message: "highlevel: the token endpoint answered 400 invalid_grant; the grant is gone; a person has to reconnect",
    });
    const { status } = await world.runtime.accounts.get(world.connection);
    expect(status).toBe("reauth_required");
  });
});

describe("a connection by private integration token", () => {
  it("needs the location, learns the agency, and works", async () => {
    await using world = await openHighLevel();
    const { token, locationId } = (await control(world, "POST", "/private-tokens")) as Record<string, string>;
    const given = { connector: "highlevel", user: "u_2", credentials: { type: "bearer", token } };
    const { accounts: vendor } = world.runtime;
    await expect(vendor.create(given)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/inputs/locationId", message: "is required" }],
    });
    const { id } = await vendor.create({ ...given, inputs: { locationId: locationId! } });
    expect((await vendor.client(id)).values).toMatchObject({ locationId, companyId: samples.company.id });
    const { output } = await world.runtime.actions.run(id, "find_location_by_id", {});
    expect(output).toMatchObject({ id: locationId, name: samples.location.name });
  });
});

describe("a 401 of HighLevel", () => {
  it("that means the version header starts no renewal and is never tried again", async () => {
    await using world = await openHighLevel();
    const client = await world.runtime.accounts.client(world.connection);
    const request = { method: "GET", path: `/contacts/${contactId}`, headers: { Version: "1999-01-01" } };
    await expect(client.send(request, { scope: "action", kind: "read" })).rejects.toMatchObject({
      code: "vendor_error",
      class: "invalidInput",
      message: `highlevel /contacts/${contactId}: the vendor answered 401: version header is invalid; correct the input`,
    });
    expect(refreshes(world)).toBe(0);
    expect(world.sandbox.requests.get("highlevel.get-contact")).toBe(1);
  });

  it("that means a missing scope starts no renewal", async () => {
    await using world = await openHighLevel("Location", {
      credentials: (sandbox) => ({
        type: "oauth2",
        accessToken: tokens(sandbox, "Location", ["locations.readonly"]).access_token,
      }),
    });
    await expect(world.run("create_contact", { firstName: "Ada" })).rejects.toMatchObject({
      code: "scope_missing",
      message:
        "highlevel /contacts/: the vendor answered 401: The token is not authorized for this scope.; reconnect and grant the scope",
    });
    expect(refreshes(world)).toBe(0);
    expect((await world.runtime.accounts.get(world.connection)).status).toBe("active");
  });

  it.each([
    ["version header was not found.", "invalidInput"],
    ["version header is invalid", "invalidInput"],
    ["The token is not authorized for this scope.", "scopeMissing"],
    ["This token's user type is not yet supported!", "unknown"],
    ["Invalid token: access token is invalid", "authExpired"],
  ])("saying %j is of class %s", async (message, expected) => {
    const connector = compileConnector(await loadManifest("highlevel"));
    const answer = { status: 401, headers: {}, body: { statusCode: 401, message } };
    expect(classify(connector.errors, answer, "action", 0)?.class).toBe(expected);
  });
});

describe("the limits of a location", () => {
  it("are waited for as HighLevel's headers say: a used-up day stops all that uses the location", async () => {
    await using world = await openHighLevel("Location", { sandbox: { highLevel: { daily: 3 } } });
    await world.run("find_contact", { query: "ada" });
    await world.run("find_contact", { query: "ada" });
    await expect(world.run("find_contact", { query: "ada" })).rejects.toMatchObject({
      code: "rate_limited",
      message: `${world.connection}: the limit of highlevel is reached; try again in 86400 s`,
    });
    expect(world.sandbox.requests.get("highlevel.search-contacts-advanced")).toBe(2);
    world.clock.advance(86_400_000);
    await expect(world.run("find_contact", { query: "ada" })).resolves.toMatchObject({ total: 1 });
  });

  it("slow polls down near the end of a day, and let actions go on", async () => {
    await using world = await openHighLevel("Location", { sandbox: { highLevel: { daily: 100 } } });
    const subscription = await world.subscribe("contact_created");
    expect(await world.poll(subscription)).toEqual([]);
    await expect(world.poll(subscription)).rejects.toThrow("the limit of highlevel is reached");
    const { nextPollAt } = await world.runtime.subscriptions.health(subscription);
    expect(Date.parse(nextPollAt!) - world.clock.now()).toBeGreaterThan(20 * 60_000);
    await expect(world.run("create_contact", { firstName: "Grace" })).resolves.toMatchObject({ firstName: "Grace" });
    world.clock.advance(31 * 60_000);
    expect(await world.poll(subscription)).toMatchObject([{ type: "contact.created" }]);
  });
});
