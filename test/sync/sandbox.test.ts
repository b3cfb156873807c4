import { describe, expect, it } from "vitest";
import contacts from "../../connector/google-contacts/manifest.json" with { type: "json" };
import { compose, type Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { createSandbox, type Sandbox } from "../../runtime/sandbox/index.ts";
import { tokens } from "../connector/highlevel-world.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { SESSION } from "../fixtures/browser.ts";
import { consent } from "../sandbox/sandbox-client.ts";

interface World extends AsyncDisposable {
  sandbox: Sandbox;
  runtime: Composed;
  google(email?: string): Promise<string>;
  highLevel(): Promise<string>;
  settle(): Promise<void>;
  /** Some minutes pass, and the sync reads both sides twice. */
  run(sync: string): Promise<void>;
}

async function openWorld(): Promise<World> {
  const clock = new ManualClock(Date.now());
  const sandbox = await createSandbox({ contacts: 0, clock });
  const runtime = await compose(
    composeOptions({
      store: "sqlite::memory:",
      connectors: ["google-contacts", "highlevel"],
      clients: { "google-contacts": sandbox.client, highlevel: sandbox.client },
      servers: sandbox.servers,
      clock,
    }),
  );
  await runtime.engine.start();
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 4));
      const soon = await runtime.db.get<{ n: number; waiting: number }>(
        `select coalesce(sum(claimed_by is not null or run_at <= ?), 0) as n,
           coalesce(sum(queue = 'sync' and run_at <= ?), 0) as waiting from jobs`,
        [clock.now(), clock.now() + 60_000],
      );
      if (soon!.n > 0) quiet = 0;
      else if (soon!.waiting > 0) clock.advance(1000);
      else quiet++;
    }
  };
  return {
    sandbox,
    runtime,
    settle,
    google: async (email = sandbox.google.account().email) => {
      const { oauth } = sandbox.google;
      const [redirectUri, { clientId }] = ["http://127.0.0.1/callback", sandbox.client];
      const scopes = Object.keys(contacts.authentication.scopes);
      const grant = { email, clientId, redirectUri, scopes, offline: true, prompted: true, includeGranted: true };
      const code = oauth.approve({ ...grant, codeChallenge: undefined });
      const { access_token, refresh_token } = oauth.exchange(oauth.client(clientId)!, { code, redirectUri });
      const credentials = { accessToken: access_token, refreshToken: refresh_token };
      return (await runtime.accounts.create({ connector: "google-contacts", user: "u_1", credentials })).id;
    },
    highLevel: async () => {
      const { access_token, refresh_token } = tokens(sandbox);
      const credentials = { type: "oauth2", accessToken: access_token, refreshToken: refresh_token };
      const { locationId, companyId } = sandbox.highLevel;
      const inputs = { locationId, companyId, userType: "Location" };
      return (await runtime.accounts.create({ connector: "highlevel", user: "u_1", credentials, inputs })).id;
    },
    run: async (sync) => {
      for (let i = 0; i < 2; i++) {
        clock.advance(120_000);
        await runtime.syncs.run(sync);
        await settle();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.engine.stop(1000);
      await runtime.close();
      await sandbox.stop();
    },
  };
}

const WRITES = ["createContact", "updateContact", "deleteContact"].map((name) => `people.people.${name}`);
const googleWrites = ({ sandbox }: World): number =>
  WRITES.reduce((sum, name) => sum + (sandbox.requests.get(name) ?? 0), 0);

type PersonFields = Record<string, Record<string, unknown>[] | undefined>;

/** The live contacts of an account by given name, in what a sync keeps alike. */
function people({ sandbox }: World, email?: string): Record<string, unknown> {
  const show = ({ names, emailAddresses, phoneNumbers, organizations, birthdays, biographies }: PersonFields) => ({
    last: names?.[0]?.["familyName"],
    emails: emailAddresses?.map(({ value, type }) => [value, type].filter(Boolean).join(" ")),
    phones: phoneNumbers?.map(({ value }) => value),
    organization: organizations?.map(({ name, title }) => [name, title].join(", ")),
    birthday: birthdays?.map(({ date }) => date),
    note: biographies?.[0]?.["value"],
  });
  const live = [...sandbox.google.account(email).people.contacts.live()].map(
    ({ value }) => value.fields as PersonFields,
  );
  return Object.fromEntries(
    live.map((fields) => [
      String(fields["names"]?.[0]?.["givenName"]),
      JSON.parse(JSON.stringify(show(fields))) as unknown,
    ]),
  );
}

describe("two Google accounts", () => {
  it("are kept alike, with addresses, employers, birthdays and notes, and without echo", async () => {
    await using world = await openWorld();
    const second = "second@example.com";
    world.sandbox.google.addAccount({ email: second, contacts: 0, seed: 2 });
    const [left, right] = [await world.google(), await world.google(second)];
    const run = async (connection: string, action: string, input: object) =>
      (await world.runtime.actions.run(connection, action, input)).output as { resourceName: string };
    const ada = await run(left, "create_contact", {
      givenName: "Ada",
      familyName: "Lovelace",
      emails: [
        { value: "ada@example.com", type: "home" },
        { value: "ada@work.example", type: "work" },
      ],
      phones: [{ value: "+44 20 7946 0000" }],
      organization: { name: "Analytical Engines", title: "Programmer" },
      birthday: "1815-12-10",
      note: "Countess",
    });
    await run(right, "create_contact", { givenName: "Ada", emails: [{ value: "ADA@example.com" }], note: "Countess" });
    await run(right, "create_contact", { givenName: "Mary", emails: [{ value: "mary@example.com" }] });
    const before = googleWrites(world);
    const sync = await world.runtime.syncs.create({ resource: "contact", left, right });
    await world.settle();
    expect(people(world, second)).toMatchObject({
      Ada: {
        last: "Lovelace",
        emails: ["ADA@example.com", "ada@work.example work"],
        phones: ["+44 20 7946 0000"],
        organization: ["Analytical Engines, Programmer"],
        birthday: [{ year: 1815, month: 12, day: 10 }],
        note: "Countess",
      },
    });
    expect(Object.keys(people(world)).sort()).toEqual(["Ada", "Mary"]);
    expect(googleWrites(world) - before).toBe(2);
    await world.run(sync.id);
    expect(googleWrites(world) - before).toBe(2);

    await run(left, "update_contact", { resourceName: ada.resourceName, note: "", organization: { title: "Analyst" } });
    await world.run(sync.id);
    expect(people(world, second)["Ada"]).toMatchObject({ organization: ["Analytical Engines, Analyst"] });
    expect(people(world, second)["Ada"]).not.toHaveProperty("note");
    expect(googleWrites(world) - before).toBe(4);

    await run(left, "delete_contact", { resourceName: ada.resourceName });
    await world.run(sync.id);
    expect(Object.keys(people(world, second))).toEqual(["Mary"]);
    const status = await world.runtime.syncs.get(sync.id);
    expect(status).toMatchObject({
      links: { synced: 1, failed: 0 },
      left: { account: "alex.morgan@example.com", syncToken: { known: true } },
      right: { account: second },
    });
    expect(status.conflictCount).toBe(0);
  });

  it("rest visibly when one is no longer authorized, and go on when it is again", async () => {
    await using world = await openWorld();
    const second = "second@example.com";
    world.sandbox.google.addAccount({ email: second, contacts: 0, seed: 2 });
    const [left, right] = [await world.google(), await world.google(second)];
    const { id } = await world.runtime.syncs.create({ resource: "contact", left, right });
    await world.settle();
    await fetch(`${world.sandbox.url}/control/revoke`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ account: second }),
    });
    await expect(world.runtime.actions.run(right, "list_groups", {})).rejects.toMatchObject({
      code: "reauth_required",
    });
    expect(await world.runtime.syncs.get(id)).toMatchObject({
      enabled: false,
      problem: { code: "reauth_required", message: `the grant of connection ${right} is gone; reconnect it` },
      left: { authorized: true },
      right: { authorized: false },
    });
    await world.runtime.actions.run(left, "create_contact", { givenName: "Ada" });
    await world.settle();

    const { authorizeUrl } = await world.runtime.accounts.reconnect(right, {}, {}, SESSION);
    await world.runtime.accounts.finishOAuth(await consent(authorizeUrl, { account: second }), SESSION);
    expect(await world.runtime.syncs.get(id)).toMatchObject({ enabled: true, problem: null });
    await world.run(id);
    expect(Object.keys(people(world, second))).toEqual(["Ada"]);
  });
});

describe("Google Contacts and HighLevel", () => {
  it("are kept alike in what both can hold, and lose nothing of what one cannot", async () => {
    await using world = await openWorld();
    const { contacts: rows } = world.sandbox.highLevel.collections;
    for (const { id } of rows.list()) rows.remove(String(id));
    const [left, right] = [await world.google(), await world.highLevel()];
    const run = async (connection: string, action: string, input: object) =>
      (await world.runtime.actions.run(connection, action, input)).output as { resourceName: string; id: string };
    const ada = await run(left, "create_contact", {
      givenName: "Ada",
      familyName: "Lovelace",
      emails: [{ value: "ada@example.com" }, { value: "second@example.com" }],
      phones: [{ value: "+44 20 7946 0000", type: "work" }],
      note: "Countess",
    });
    const mary = await run(right, "create_contact", { firstName: "Mary", email: "mary@example.com", tags: ["vip"] });
    const sync = await world.runtime.syncs.create({ resource: "contact", left, right });
    await world.settle();
    const copy = () => rows.list().find(({ id }) => id !== mary.id)!;
    expect(copy()).toMatchObject({ firstName: "Ada", lastName: "Lovelace", email: "ada@example.com" });
    expect(people(world)["Mary"]).toMatchObject({ emails: ["mary@example.com"] });
    await world.run(sync.id);
    expect(await world.runtime.syncs.get(sync.id)).toMatchObject({
      pulled: 1,
      pushed: 1,
      links: { synced: 2, failed: 0 },
    });

    await run(right, "update_contact", { contactId: copy().id as string, email: "new@example.com" });
    await run(right, "update_contact", { contactId: mary.id, phone: "+33123456789" });
    await world.run(sync.id);
    expect(people(world)["Ada"]).toMatchObject({
      emails: ["new@example.com", "second@example.com"],
      phones: ["+44 20 7946 0000"],
      note: "Countess",
    });
    await run(left, "update_contact", { resourceName: ada.resourceName, familyName: "King" });
    await world.run(sync.id);
    expect(copy()).toMatchObject({ lastName: "King", email: "new@example.com" });
    expect(rows.get(mary.id)).toMatchObject({ tags: ["vip"], phone: "+33123456789" });
    expect(await world.runtime.syncs.get(sync.id)).toMatchObject({
      pulled: 3,
      pushed: 2,
      conflictCount: 0,
      links: { failed: 0 },
    });
  });
});
