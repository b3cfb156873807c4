/** What a person is asked for, and what a connection may do with what was granted. */
import { describe, expect, it, onTestFinished } from "vitest";
import { compose } from "../../runtime/compose.ts";
import { grantedOf, scopesToAsk } from "../../runtime/accounts/scopes.ts";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { composeOptions } from "../fixtures/compose.ts";
import { SESSION } from "../fixtures/browser.ts";
import { storeOfTest } from "../postgres.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { acme, acmeOAuth, harness, vendorServer } from "./harness.ts";

const G = "https://www.googleapis.com/auth/";
const CLIENT = { clientId: "client-1", clientSecret: "secret-1" };
const CONNECTORS = ["gmail", "google-calendar", "google-contacts", "google-tasks", "highlevel"];
const IDENTITY = ["openid", `${G}userinfo.email`, `${G}userinfo.profile`];
const TO_CONNECT = [...IDENTITY, `${G}contacts.readonly`];

const asked = (url: string | undefined): string[] => new URL(url!).searchParams.get("scope")?.split(" ") ?? [];
const sorted = (scopes: readonly string[]): string[] => scopes.toSorted();

type Options = Parameters<typeof harness>[1];

/** The connectors that come along, and what they ask for. */
async function connectors(options: Options = {}) {
  const clients = Object.fromEntries(CONNECTORS.map((name) => [name, CLIENT]));
  const h = await harness(CONNECTORS, { clients, ...options });
  const ask = async (connector: string, wish: object = {}): Promise<string[]> => {
    const made = await h.accounts.create({ connector, user: "u_1", ...wish }, {}, SESSION);
    return sorted(asked(made.authorizeUrl));
  };
  return { ...h, ask };
}

describe("what is asked for", () => {
  it.each([
    ["gmail", ["openid", `${G}userinfo.email`, `${G}gmail.readonly`]],
    ["google-calendar", ["openid", `${G}calendar.events.readonly`]],
    ["google-contacts", TO_CONNECT],
    ["google-tasks", ["openid", `${G}tasks.readonly`]],
    ["highlevel", ["locations.readonly"]],
  ])("is what connecting needs of %s where nothing is named", async (connector, scopes) => {
    const { ask } = await connectors();
    expect(await ask(connector)).toEqual(sorted(scopes));
  });

  it("is everything of the manifest with consent all, unless something is named", async () => {
    const { ask } = await connectors({ consent: "all" });
    expect(await ask("google-tasks")).toEqual(sorted(["openid", `${G}tasks`, `${G}tasks.readonly`]));
    expect(await ask("google-tasks", { triggers: ["task_created"] })).toEqual(sorted(["openid", `${G}tasks.readonly`]));
  });

  it("is everything of a manifest that does not say what connecting needs", async () => {
    const { accounts } = await harness([acme({ authentication: acmeOAuth })], { url: "http://127.0.0.1:9" });
    const create = async (wish: object) =>
      asked((await accounts.create({ connector: "acme", user: "u_1", ...wish }, {}, SESSION)).authorizeUrl);
    expect(await create({})).toEqual(["read", "write"]);
    expect(await create({ scopes: ["read"] })).toEqual(["read"]);
  });

  it("grows by what the named triggers, actions and scopes need, of alternatives the one that allows least", async () => {
    const { ask } = await connectors();
    const triggers = ["other_contact_created"];
    const scopes = [`${G}contacts.other.readonly`];
    expect(await ask("google-contacts", { triggers })).toEqual(sorted([...TO_CONNECT, ...scopes]));
    expect(await ask("google-contacts", { scopes })).toEqual(sorted([...TO_CONNECT, ...scopes]));
  });

  it("is no alternative beside one that is asked for anyway", async () => {
    const { ask } = await connectors();
    const wish = { triggers: ["contact_created"], actions: ["create_contact"] };
    expect(await ask("google-contacts", wish)).toEqual(sorted([...IDENTITY, `${G}contacts`]));
    expect(await ask("gmail", { actions: ["send_message"] })).toEqual(
      sorted(["openid", `${G}userinfo.email`, `${G}gmail.send`]),
    );
  });

  it("names every trigger, action and scope that does not exist, with the nearest one", async () => {
    const { accounts, db } = await connectors();
    const wish = { triggers: ["contact_creatd"], actions: ["crate_contact"], scopes: [`${G}contact`] };
    await expect(accounts.create({ connector: "google-contacts", user: "u_1", ...wish })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/scopes/0", message: `Scope "${G}contact" does not exist; did you mean "${G}contacts"?` },
        { pointer: "/triggers/0", message: 'Trigger "contact_creatd" does not exist; did you mean "contact_created"?' },
        { pointer: "/actions/0", message: 'Action "crate_contact" does not exist; did you mean "create_contact"?' },
      ],
    });
    expect(await db.all("select id from connections")).toEqual([]);
  });

  it("is refused for credentials, which have the scopes that they have", async () => {
    const { accounts } = await connectors();
    const credentials = { accessToken: "token-1" };
    const given = { connector: "google-tasks", user: "u_1", credentials, scopes: [`${G}tasks`] };
    await expect(accounts.create(given)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/scopes/0", message: expect.stringContaining("only for OAuth") as unknown }],
    });
  });
});

describe("a client with registered scopes", () => {
  const registered = (...scopes: string[]): Options => ({ clients: { gmail: { ...CLIENT, scopes } } });

  it("is never asked for another, whatever connecting needs", async () => {
    const { ask } = await connectors(registered(`${G}gmail.send`));
    expect(await ask("gmail")).toEqual([`${G}gmail.send`]);
    const all = await connectors({ ...registered("openid", `${G}gmail.send`), consent: "all" });
    expect(await all.ask("gmail")).toEqual(sorted(["openid", `${G}gmail.send`]));
  });

  it("gives the alternative that it has", async () => {
    const { ask } = await connectors(registered("openid", `${G}gmail.modify`));
    expect(await ask("gmail", { triggers: ["message_received"] })).toEqual(sorted(["openid", `${G}gmail.modify`]));
  });

  it("may have scopes that the manifest does not know", async () => {
    const { ask } = await connectors(registered("openid", `${G}gmail.readonly`, `${G}gmail.settings.basic`));
    expect(await ask("gmail")).toEqual(sorted(["openid", `${G}gmail.readonly`]));
    expect(await ask("gmail", { scopes: [`${G}gmail.settings.basic`] })).toContain(`${G}gmail.settings.basic`);
  });

  it("refuses what needs another, and says where to add it", async () => {
    const { accounts } = await connectors(registered("openid", `${G}gmail.send`));
    const wish = { scopes: [`${G}gmail.modify`], triggers: ["message_received"] };
    const add = "which clients.gmail.scopes does not have; register it at the vendor and add it there";
    await expect(accounts.create({ connector: "gmail", user: "u_1", ...wish })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/scopes/0", message: `is a scope ${add.replace("which", "that")}` },
        { pointer: "/triggers/0", message: `needs ${G}gmail.readonly or ${G}gmail.modify, ${add}` },
      ],
    });
  });
});

describe("of needs with alternatives", () => {
  it("those with fewer are met first, so that what has to be asked for serves the others", () => {
    expect(scopesToAsk([["a", "b", "c"], ["b", "c"], "c"], [])).toEqual(["c"]);
    expect(scopesToAsk([["a", "b"]], ["b"])).toEqual([]);
    expect(scopesToAsk([["a", "b"], "c"], [], (scope) => scope === "b")).toEqual(["b"]);
  });
});

/** A connection of Google Contacts in the sandbox. */
async function connected(wish: object, untick: string[] = []) {
  const sandbox = await createSandbox({ contacts: 3 });
  const runtime = await compose(
    composeOptions({
      store: await storeOfTest(),
      connectors: ["google-contacts"],
      servers: sandbox.servers,
      clients: { "google-contacts": sandbox.client },
    }),
  );
  onTestFinished(async () => {
    await runtime.close();
    await sandbox.stop();
  });
  const { accounts, db } = runtime;
  const connect = async (more: object): Promise<string> => {
    const given = { connector: "google-contacts", user: "u_1", ...more };
    const { id, authorizeUrl } = await accounts.create(given, {}, SESSION);
    await accounts.finishOAuth(await consent(authorizeUrl!, { untick }), SESSION);
    return id;
  };
  const id = await connect(wish);
  return {
    ...runtime,
    sandbox,
    connect,
    id,
    grant: (scopes: string[], connection = id) =>
      db.run("update connections set scopes = ? where id = ?", [JSON.stringify(scopes), connection]),
    again: async (more: object = {}) => {
      const { authorizeUrl } = await accounts.reconnect(id, more, {}, SESSION);
      return { scopes: sorted(asked(authorizeUrl)), authorizeUrl };
    },
  };
}

const READ = { triggers: ["contact_created"] };

describe("a reconnect", () => {
  it("asks for what this connection was granted and what is named, joined with no other grant", async () => {
    const { again, accounts, id } = await connected(READ);
    expect((await again()).scopes).toEqual(sorted(TO_CONNECT));
    const { scopes, authorizeUrl } = await again({ actions: ["create_contact"] });
    expect(scopes).toEqual(sorted([...TO_CONNECT, `${G}contacts`]));
    expect(new URL(authorizeUrl).searchParams.get("include_granted_scopes")).toBe("false");
    await accounts.finishOAuth(await consent(authorizeUrl), SESSION);
    expect((await accounts.get(id)).operations.actions.granted).toContain("create_contact");
    await expect(again({ actions: ["crate_contact"] })).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("asks a person who has not agreed yet for the same once more", async () => {
    const { accounts } = await connected({});
    const wish = { connector: "google-contacts", user: "u_1", actions: ["create_contact"] };
    const { id, authorizeUrl } = await accounts.create(wish, {}, SESSION);
    expect(asked((await accounts.reconnect(id, {}, {}, SESSION)).authorizeUrl)).toEqual(asked(authorizeUrl));
  });

  it("asks for everything where it is not known what was granted", async () => {
    const { again, grant, accounts, id } = await connected({});
    await grant([]);
    const { length } = accounts.vendorOf("google-contacts").scopes;
    expect((await again()).scopes).toHaveLength(length);
    expect((await again({ scopes: ["openid"] })).scopes).toEqual(sorted(TO_CONNECT));
    expect((await accounts.get(id)).missingScopes).toEqual([]);
  });

  it("asks again for what was asked for, beside what is named, where it is not known what was granted", async () => {
    const { again, grant } = await connected({ actions: ["create_contact"] });
    await grant([]);
    expect((await again({ scopes: ["openid"] })).scopes).toEqual(sorted([...IDENTITY, `${G}contacts`]));
  });

  it("asks for what subscriptions need", async () => {
    const { again, grant, id, subscriptions } = await connected(READ);
    await subscriptions.create({ connection: id, trigger: "contact_created" });
    await grant(["openid"]);
    expect((await again()).scopes).toEqual(sorted(TO_CONNECT));
  });

  it.each<[string, (id: string) => unknown]>([
    ["names the connection", (id) => id],
    ["names the connector", () => ({ connector: "google-contacts" })],
  ])("asks for what the step of a flow needs that %s", async (_, ref) => {
    const { again, grant, id, flows } = await connected({ actions: ["create_contact"] });
    const step = { id: "make", connection: ref(id), action: "create_contact", input: { givenName: "Ada" } };
    await flows.create({ user: "u_1", name: "Make", triggers: [{ schedule: "0 9 * * *" }], steps: [step] } as never);
    await grant(TO_CONNECT);
    expect((await again()).scopes).toEqual(sorted([...TO_CONNECT, `${G}contacts`]));
  });

  it("asks for what a sync writes by", async () => {
    const { again, grant, id, connect, syncs } = await connected({ actions: ["create_contact"] });
    const right = await connect({ actions: ["create_contact"] });
    await syncs.create({ left: id, right, resource: "contact", direction: "both" });
    await grant(TO_CONNECT);
    expect((await again()).scopes).toContain(`${G}contacts`);
  });
});

describe("what a connection may do", () => {
  it("is shown by what was granted, with the scopes that a reconnect has to ask for", async () => {
    const { accounts, id } = await connected(READ);
    const { operations, missingScopes } = await accounts.get(id);
    expect(missingScopes).toEqual([]);
    expect(operations.triggers.granted).toEqual(
      expect.arrayContaining(["contact_created", "contact_updated", "contact_deleted"]),
    );
    expect(operations.actions.granted).toContain("list_contacts");
    expect(operations.actions.missing).toContainEqual({ name: "create_contact", scopes: [`${G}contacts`] });
    expect([operations.triggers.unknown, operations.actions.unknown]).toEqual([[], []]);
  });

  it("says what was asked for and not granted", async () => {
    const { accounts, id } = await connected(READ, [`${G}contacts.readonly`]);
    const { operations, missingScopes } = await accounts.get(id);
    expect(missingScopes).toEqual([`${G}contacts.readonly`]);
    expect(operations.triggers.missing).toContainEqual({
      name: "contact_created",
      scopes: [`${G}contacts.readonly`],
    });
  });

  it("is unknown of credentials that do not say what they allow, and refused nowhere", async () => {
    const { accounts, grant, id, subscriptions } = await connected({});
    await grant([]);
    const { operations } = await accounts.get(id);
    expect(operations.triggers).toMatchObject({ granted: [], missing: [] });
    expect(operations.triggers.unknown).toContain("contact_created");
    expect(operations.actions.unknown).toContain("create_contact");
    await subscriptions.create({ connection: id, trigger: "contact_created" });
  });

  it("is granted where an operation needs no scope", async () => {
    const { accounts } = await harness([acme({ authentication: acmeOAuth })]);
    const { connector } = accounts.vendorOf("acme");
    expect(grantedOf(connector, () => ({ scopes: [], refused: null, values: {} })).actions.granted).toEqual([
      "get_thing",
      "make_thing",
    ]);
  });

  it("is what was asked for when the vendor does not say what it granted", async () => {
    const vendor = await vendorServer(({ url }) => ({
      json: url === "/token" ? { access_token: "at-1", refresh_token: "rt-1", expires_in: 3600 } : { email: "a@x" },
    }));
    const h = await harness([acme({ authentication: acmeOAuth })], { url: vendor.url });
    const given = { connector: "acme", user: "u_1", scopes: ["read"] };
    const { authorizeUrl } = await h.accounts.create(given, {}, SESSION);
    const state = new URL(authorizeUrl!).searchParams.get("state")!;
    const { connection } = await h.accounts.finishOAuth({ state, code: "code-1" }, SESSION);
    expect(connection).toMatchObject({ status: "active", scopes: ["read"], missingScopes: [] });
  });
});

describe("without a scope", () => {
  it("every door refuses in the same words, with the scopes and the call that asks for them, before any request", async () => {
    const { id, grant, subscriptions, actions, flows, syncs, templates, connect, sandbox } = await connected({});
    await grant(IDENTITY);
    const before = sandbox.requests.toJSON();
    const tail = `which connection ${id} was not granted; ask for it: POST /v1/connections/${id}/reconnect`;
    const read = `needs ${G}contacts.readonly or ${G}contacts, ${tail} {"scopes":["${G}contacts.readonly"]}`;
    const write = `needs ${G}contacts, ${tail} {"scopes":["${G}contacts"]}`;
    const data = (scope: string) => ({ scopes: [`${G}${scope}`], reconnect: `POST /v1/connections/${id}/reconnect` });

    await expect(subscriptions.create({ connection: id, trigger: "contact_created" })).rejects.toMatchObject({
      code: "scope_missing",
      message: `Trigger contact_created ${read}`,
      data: data("contacts.readonly"),
    });
    await expect(actions.run(id, "create_contact", { givenName: "Ada" })).rejects.toMatchObject({
      code: "scope_missing",
      message: `Action create_contact ${write}`,
      data: data("contacts"),
    });
    const trigger = { connection: id, trigger: "contact_created" };
    const step = { id: "make", connection: id, action: "create_contact", input: { givenName: "Ada" } };
    const flow = { user: "u_1", name: "Make", triggers: [trigger], steps: [step] };
    const faults = [
      { pointer: "/triggers/0/connection", message: `Trigger contact_created ${read}` },
      { pointer: "/steps/0/connection", message: `Action create_contact ${write}` },
    ];
    await expect(flows.create(flow as never)).rejects.toMatchObject({ code: "invalid_input", faults });
    await templates.put({
      id: "copy",
      name: "Copy",
      description: "Copies.",
      version: "1.0.0",
      connections: { google: "google-contacts" },
      triggers: [{ ...trigger, connection: "google" }],
      steps: [{ ...step, connection: "google" }],
    });
    await expect(templates.install("copy", { user: "u_1", connections: { google: id } })).rejects.toMatchObject({
      code: "invalid_input",
      faults,
    });
    expect(sandbox.requests.toJSON()).toEqual(before);

    const right = await connect({ actions: ["create_contact"] });
    await expect(syncs.create({ left: id, right, resource: "contact", direction: "both" })).rejects.toMatchObject({
      code: "scope_missing",
      message: `Action create_contact, by which the sync writes to the left, ${write}`,
      data: data("contacts"),
    });
  });
});
