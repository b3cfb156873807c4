import { people } from "googleapis/build/src/apis/people/index.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { createRunAction, type RunAction } from "../../runtime/act/actions.ts";
import type { VendorClient } from "../../runtime/accounts/client.ts";
import { classify, VendorError } from "../../runtime/vendor/errors.ts";
import type { VendorResponse } from "../../runtime/vendor/response.ts";
import contactSchema from "../../schemas/contact.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { createSandbox, type Sandbox } from "../../runtime/sandbox/index.ts";

const connector = compileConnector(await loadManifest("google-contacts"));
const validateContact = compileSchema(contactSchema);
const PHOTO = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";
const GONE = "people/c999";

interface Person {
  resourceName: string;
  etag: string;
  photos: object[];
}
/** What the actions' outputs have, as far as these tests read it. */
interface Output extends Person {
  contacts: Person[];
  contact: Person & { emailAddresses: object[] };
  created: Person[];
  updated: Person[];
  nextPageToken: string;
}
type Api = Record<
  string,
  (params: object, options: object) => Promise<VendorResponse & { data: unknown; headers: Headers }>
>;

let sandbox: Sandbox;
let run: <T = Output>(action: string, input: object) => Promise<T>;
/** Called before a request leaves, with its method. */
let before: (method: string) => void;
let sent: string[];
let client: VendorClient;

/** A connection's client that sends through googleapis, without retries and limits. */
function clientOf(accessToken: string): VendorClient {
  const api = people("v1") as unknown as Record<string, unknown>;
  const own: VendorClient = {
    id: "con_1",
    user: "u_1",
    connector,
    values: {},
    scopes: [],
    moves: 0,
    as: async () => own,
    requireScopes: () => {},
    send: async ({ method, params, body }, { scope }) => {
      before(method);
      sent.push(method);
      const path = method.split(".");
      const owner = path
        .slice(0, -1)
        .reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], api) as Api;
      const headers = { authorization: `Bearer ${accessToken}` };
      const options = { rootUrl: `${sandbox.url}/`, headers, retry: false, validateStatus: () => true };
      const answer = await owner[path.at(-1)!]!(
        { ...params, ...(body !== undefined && { requestBody: body }) },
        options,
      );
      const response = {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: answer.data,
        url: "",
      };
      const failure = classify(connector.errors, response, scope, Date.now());
      if (failure) throw new VendorError(method, response, failure);
      return response;
    },
  };
  return own;
}

async function accessToken(): Promise<string> {
  const redirectUri = "http://127.0.0.1/callback";
  const { oauth } = sandbox.google;
  const code = oauth.approve({
    email: "alex.morgan@example.com",
    clientId: sandbox.client.clientId,
    redirectUri,
    scopes: Object.keys((connector.manifest.authentication as { scopes: object }).scopes),
    offline: true,
    prompted: true,
    includeGranted: true,
    codeChallenge: undefined,
  });
  return oauth.exchange(oauth.client(sandbox.client.clientId)!, { code, redirectUri }).access_token;
}

beforeEach(async () => {
  sandbox = await createSandbox({ contacts: 10 });
  [before, sent] = [() => {}, []];
  client = clientOf(await accessToken());
  const runAction: RunAction = createRunAction({
    openClient: async () => client,
    variablesOf: async () => ({ workspace: {}, user: {} }),
    log: createLog({ level: "silent" }),
  });
  run = async <T>(action: string, input: object) => {
    const { output, warnings } = await runAction("con_1", action, input);
    if (warnings) throw new Error(`the output of ${action} does not match its schema: ${JSON.stringify(warnings)}`);
    return output as T;
  };
});

afterEach(() => sandbox.stop());

describe.each(["contacts", "groups", "other_contacts"])("the stream %s", (name) => {
  const stream = connector.streams.get(name)!;
  const read = () => client.send(stream.request({ input: {} }), { scope: "stream", kind: "read" });

  it("gives records that fit their schema, have a time and become valid resources", async () => {
    await sandbox.stop();
    sandbox = await createSandbox({ contacts: 300 });
    client = clientOf(await accessToken());
    const records = stream.select(await read());
    expect(records.length).toBeGreaterThan(2);
    for (const record of records) {
      expect(stream.validateRecord!(record)).toEqual([]);
      expect(stream.timestamp!(record)).toBeTypeOf("string");
      const resource = stream.resource!.map(record)!;
      expect(resource["id"]).toBe(stream.key(record));
      expect(resource["type"] === "contact" ? validateContact(resource) : []).toEqual([]);
    }
  });

  it("gives a sync token that Google takes back, and says when it has expired", async () => {
    const syncToken = (await read()).body as { nextSyncToken: string };
    const { method, params } = stream.request({ input: {} });
    const next = { method, params: { ...params, syncToken: syncToken.nextSyncToken } };
    const options = { scope: "stream", kind: "read" } as const;
    expect(stream.select(await client.send(next, options))).toEqual([]);
    sandbox.google.expireSyncTokens();
    await expect(client.send(next, options)).rejects.toMatchObject({
      code: "cursor_expired",
      message: expect.stringContaining("Sync token is expired"),
    });
  });
});

it("the test of a connection gives its label", async () => {
  const { test, label } = connector.authentication.get("oauth2")!;
  const response = await client.send(test!({ connection: {} }), { scope: "action", kind: "read" });
  expect(label!({ response })).toBe("alex.morgan@example.com");
});

const ada = { givenName: "Ada", familyName: "King", emails: [{ value: "ada@example.com", type: "home" }] };

describe("contacts", () => {
  it("are created, read, found, listed and deleted", async () => {
    const created = await run("create_contact", { ...ada, note: "Hello", birthday: "--12-10" });
    expect(created).toMatchObject({ names: [{ givenName: "Ada" }], birthdays: [{ date: { month: 12, day: 10 } }] });
    expect(await run("get_contact", { resourceName: created.resourceName })).toEqual(created);
    expect(await run("find_contact", { email: "ADA@example.com" })).toMatchObject({ contact: { etag: created.etag } });
    const page = await run("list_contacts", { pageSize: 6 });
    expect(page.contacts).toHaveLength(6);
    const rest = await run("list_contacts", { pageSize: 6, pageToken: page.nextPageToken });
    expect(rest.contacts).toHaveLength(5);
    expect(rest).not.toHaveProperty("nextPageToken");
    await run("delete_contact", { resourceName: created.resourceName });
    await expect(run("get_contact", { resourceName: created.resourceName })).rejects.toMatchObject({
      code: "vendor_error",
      message: expect.stringContaining("404"),
    });
  });

  it("count as deleted when they are gone already", async () => {
    expect(await run("delete_contact", { resourceName: GONE })).toEqual({ resourceName: GONE, deleted: true });
    expect(sent).toEqual(["people.deleteContact"]);
  });

  it("keep in an update what it does not name", async () => {
    const { resourceName } = await run("create_contact", {
      ...ada,
      organization: { name: "Engines", title: "Analyst" },
    });
    const updated = await run("update_contact", {
      resourceName,
      familyName: "Lovelace",
      organization: { title: "Countess" },
    });
    expect(updated).toMatchObject({
      names: [{ givenName: "Ada", familyName: "Lovelace" }],
      organizations: [{ name: "Engines", title: "Countess" }],
      emailAddresses: [{ value: "ada@example.com", type: "home" }],
    });
    expect(await run("update_contact", { resourceName, emails: [] })).not.toHaveProperty("emailAddresses");
  });

  describe("that change while they are updated", () => {
    const change = (resourceName: string, times: number) => {
      let left = times;
      before = (method) => {
        if (method !== "people.updateContact" || left-- <= 0) return;
        sandbox.google.account().people.changeContact(resourceName.slice("people/c".length), { photo: `photo${left}` });
      };
    };

    it("are read and written again", async () => {
      const { resourceName } = await run("create_contact", ada);
      change(resourceName, 2);
      expect(await run("update_contact", { resourceName, familyName: "Lovelace" })).toMatchObject({
        names: [{ familyName: "Lovelace" }],
      });
      expect(sent.filter((method) => method === "people.updateContact")).toHaveLength(3);
    });

    it("are a conflict after two more tries", async () => {
      const { resourceName } = await run("create_contact", ada);
      change(resourceName, 3);
      await expect(run("update_contact", { resourceName, familyName: "Lovelace" })).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringContaining("etag is different"),
      });
    });
  });

  it("are created or updated by e-mail address, whatever begins alike", async () => {
    await run("create_contact", { emails: [{ value: "ada@example.com.au" }] });
    const first = await run("upsert_contact", ada);
    expect(first).toMatchObject({ created: true, contact: { names: [{ givenName: "Ada" }] } });
    const input = { nickname: "Adina", emails: [{ value: "ADA@example.com" }, { value: "new@example.com" }] };
    const second = await run("upsert_contact", input);
    expect(second).toMatchObject({ created: false, resourceName: first.resourceName });
    expect(second.contact.emailAddresses).toMatchObject([{ value: "ada@example.com" }, { value: "new@example.com" }]);
    expect(second.contact).toMatchObject({ names: [{ givenName: "Ada" }], nicknames: [{ value: "Adina" }] });
  });

  it("are created or updated by phone number in any notation", async () => {
    const first = await run("upsert_contact", { phones: [{ value: "+44 20 7946-0000" }] });
    expect(await run("upsert_contact", { givenName: "Ada", phones: [{ value: "+442079460000" }] })).toMatchObject({
      created: false,
      resourceName: first.resourceName,
      contact: { phoneNumbers: [{ value: "+44 20 7946-0000" }] },
    });
  });

  it("are created, updated and deleted in batches, which name what is gone", async () => {
    const made = await run("batch_create_contacts", { contacts: [ada, { note: "Nameless" }] });
    expect(made).toMatchObject({ created: [{ names: [{ givenName: "Ada" }] }, {}], failed: [] });
    const [one, two] = made.created.map(({ resourceName }) => resourceName);
    const contacts = [
      { resourceName: one, familyName: "Lovelace" },
      { resourceName: two, emails: [{ value: "nobody@example.com" }] },
      { resourceName: GONE, note: "x" },
    ];
    const result = await run("batch_update_contacts", { contacts });
    expect(result).toMatchObject({ failed: [], notFound: [GONE] });
    expect(result.updated).toMatchObject([
      { names: [{ familyName: "Lovelace" }], emailAddresses: [{ value: "ada@example.com" }] },
      { biographies: [{ value: "Nameless" }], emailAddresses: [{ value: "nobody@example.com" }] },
    ]);
    expect(await run("batch_update_contacts", { contacts: [contacts[2]] })).toEqual({
      updated: [],
      failed: [],
      notFound: [GONE],
    });
    expect(await run("batch_delete_contacts", { resourceNames: [one, two] })).toEqual({ deleted: [one, two] });
  });

  it("get and lose a note and a photo", async () => {
    const { resourceName } = await run("create_contact", ada);
    expect(await run("set_note", { resourceName, note: "Hello" })).toMatchObject({ biographies: [{ value: "Hello" }] });
    expect(await run("set_note", { resourceName, note: "" })).not.toHaveProperty("biographies");
    expect((await run("set_photo", { resourceName, photo: PHOTO })).photos[0]).not.toHaveProperty("default");
    expect((await run("delete_photo", { resourceName })).photos[0]).toMatchObject({ default: true });
  });

  it("are made out of people whom Google noted", async () => {
    const other = sandbox.google.account().people.others.live().next().value;
    const { resourceName } = await run("copy_other_contact", { resourceName: `otherContacts/c${other!.id}` });
    expect(resourceName).toMatch(/^people\/c/);
  });
});

describe("groups", () => {
  it("are created, renamed, listed without those of the system, and deleted", async () => {
    const { resourceName: group } = await run("create_group", { name: "Analysts" });
    expect(await run("rename_group", { group, name: "Programmers" })).toMatchObject({
      resourceName: group,
      name: "Programmers",
    });
    expect(await run("list_groups", {})).toContainEqual(expect.objectContaining({ name: "Programmers" }));
    expect(await run("list_groups", {})).not.toContainEqual(expect.objectContaining({ name: "myContacts" }));
    expect(await run("list_groups", { includeSystem: true })).toContainEqual(
      expect.objectContaining({ name: "myContacts" }),
    );
    await run("delete_group", { group });
    expect(await run("delete_group", { group })).toEqual({ group, deleted: true });
  });

  it("refuse a name that exists as a conflict", async () => {
    await run("create_group", { name: "Analysts" });
    await expect(run("create_group", { name: "Analysts" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("409"),
    });
  });

  it("take contacts in and let them go, and name those they cannot", async () => {
    const { resourceName: group } = await run("create_group", { name: "Analysts" });
    const { resourceName } = await run("create_contact", { ...ada, groups: [group] });
    const { resourceName: second } = await run("create_contact", { givenName: "Charles" });
    const added = await run("add_to_group", { group, resourceNames: [second, GONE] });
    expect(added).toEqual({ group, added: [second], notFound: [GONE], complete: false });
    const mine = "contactGroups/myContacts";
    await run("remove_from_group", { group: mine, resourceNames: [resourceName] });
    const removed = await run("remove_from_group", { group, resourceNames: [resourceName, second, GONE] });
    expect(removed).toEqual({ group, removed: [second], notFound: [GONE], lastGroup: [resourceName], complete: false });
  });
});
