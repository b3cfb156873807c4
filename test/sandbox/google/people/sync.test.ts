import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { people_v1 } from "googleapis/build/src/apis/people/v1.js";
import { ManualClock } from "../../../../runtime/core/clock.ts";
import { createSandbox } from "../../../../runtime/sandbox/index.ts";
import type { Sandbox } from "../../../../runtime/sandbox/index.ts";
import { connect, control, failure } from "../../sandbox-client.ts";

type Params = people_v1.Params$Resource$People$Connections$List;

const DAY = 24 * 3_600_000;

let clock: ManualClock;
let sandbox: Sandbox;
let client: Awaited<ReturnType<typeof connect>>;

beforeEach(async () => {
  clock = new ManualClock();
  sandbox = await createSandbox({ clock, contacts: 25, accessTokenSeconds: 30 * 24 * 3600 });
  client = await connect(sandbox);
});
afterEach(() => sandbox.stop());

const book = () => sandbox.google.account().people;
const base: Params = {
  resourceName: "people/me",
  personFields: "names,phoneNumbers,metadata",
  sources: ["READ_SOURCE_TYPE_CONTACT"],
  pageSize: 10,
  requestSyncToken: true,
};

async function list(params: Params = {}) {
  return (await client.api.people.connections.list({ ...base, ...params }, client.options)).data;
}

/** All pages of a listing. */
async function listAll(params: Params = {}) {
  const connections: people_v1.Schema$Person[] = [];
  let page = await list(params);
  connections.push(...(page.connections ?? []));
  while (page.nextPageToken) {
    page = await list({ ...params, pageToken: page.nextPageToken });
    connections.push(...(page.connections ?? []));
  }
  return { connections, syncToken: page.nextSyncToken! };
}

describe("listing all connections", () => {
  it("pages through every contact once and gives the sync token on the last page only", async () => {
    const first = await list();
    const second = await list({ pageToken: first.nextPageToken! });
    const third = await list({ pageToken: second.nextPageToken! });
    const pages = [first, second, third];
    expect(pages.map((page) => page.connections?.length)).toEqual([10, 10, 5]);
    expect(pages.map((page) => typeof page.nextSyncToken)).toEqual(["undefined", "undefined", "string"]);
    expect(third.nextPageToken).toBeUndefined();
    const names = pages.flatMap((page) => page.connections!.map(({ resourceName }) => resourceName));
    expect(new Set(names).size).toBe(25);
    expect(first.totalItems).toBe(25);
  });

  it("gives no sync token unless it is requested", async () => {
    expect((await list({ requestSyncToken: false, pageSize: 100 })).nextSyncToken).toBeUndefined();
  });

  it("keeps to the moment of its first page while contacts are edited", async () => {
    const first = await list();
    const gone = first.connections![0]!.resourceName!;
    const late = [...book().contacts.live()].at(-1)!;
    book().deleteContact(gone.slice("people/c".length));
    book().changeContact(late.id, { fields: { names: [{ givenName: "Changed" }] } });
    const second = await list({ pageToken: first.nextPageToken! });
    const third = await list({ pageToken: second.nextPageToken! });
    expect(third.connections!.at(-1)!.resourceName).toBe(`people/c${late.id}`);
    const changes = await list({ syncToken: third.nextSyncToken! });
    expect(changes.connections!.map(({ resourceName }) => resourceName)).toEqual([gone, `people/c${late.id}`]);
  });

  it("takes more than 1000 per page for 1000 and refuses a negative number", async () => {
    expect((await list({ pageSize: 2000 })).connections).toHaveLength(25);
    const { status, body } = await failure(list({ pageSize: -1 }));
    expect([status, body.error.status, body.error.message]).toEqual([
      400,
      "INVALID_ARGUMENT",
      "Page size must be between 1 and 1000, inclusive.",
    ]);
  });

  it("sorts by name when asked", async () => {
    const { connections } = await listAll({ sortOrder: "FIRST_NAME_ASCENDING", requestSyncToken: false });
    const names = connections.map(({ names }) => names?.[0]?.givenName ?? "");
    expect(names).toEqual([...names].sort((a, b) => a.localeCompare(b)));
    expect(names).toHaveLength(25);
  });

  it("demands personFields in Google's words", async () => {
    const { status, body } = await failure(list({ personFields: undefined }));
    expect(status).toBe(400);
    expect(body.error).toEqual({
      code: 400,
      message:
        "personFields mask is required. Please specify one or more valid paths. Valid paths are documented at " +
        "https://developers.google.com/people/api/rest/v1/people.connections/list.",
      status: "INVALID_ARGUMENT",
    });
  });
});

describe("syncing connections", () => {
  it("tells only what changed since, each contact once and in its latest state", async () => {
    const { syncToken } = await listAll();
    const [a] = [...book().contacts.live()];
    book().changeContact(a!.id, { fields: { names: [{ givenName: "First" }] } });
    const created = book().createContact({ names: [{ givenName: "New" }] });
    book().changeContact(a!.id, { fields: { names: [{ givenName: "Second" }] } });
    const { connections, syncToken: next } = await listAll({ syncToken });
    expect(connections.map((person) => [person.resourceName, person.names?.[0]?.givenName])).toEqual([
      [`people/c${created.id}`, "New"],
      [`people/c${a!.id}`, "Second"],
    ]);
    expect((await list({ syncToken: next })).connections).toBeUndefined();
  });

  it("tells deletions with little more than the resource name", async () => {
    const { syncToken } = await listAll();
    const [a] = [...book().contacts.live()];
    book().deleteContact(a!.id);
    const { connections } = await listAll({ syncToken });
    expect(connections).toEqual([
      {
        resourceName: `people/c${a!.id}`,
        etag: expect.stringMatching(/^%/),
        metadata: {
          deleted: true,
          objectType: "PERSON",
          sources: [expect.objectContaining({ type: "CONTACT", updateTime: "2026-01-01T00:00:00.000Z" })],
        },
      },
    ]);
  });

  it("pages changes as it pages everything", async () => {
    const { syncToken } = await listAll();
    book().touchAll();
    const first = await list({ syncToken });
    expect([first.connections?.length, first.nextSyncToken]).toEqual([10, undefined]);
    expect((await listAll({ syncToken })).connections).toHaveLength(25);
  });

  it("tells a renamed contact's former names, on sync requests only", async () => {
    const { syncToken } = await listAll();
    const [a] = [...book().contacts.live()];
    const renamed = book().renameContact(a!.id)!;
    const { connections } = await listAll({ syncToken });
    expect(connections).toHaveLength(1);
    expect(connections[0]).toMatchObject({
      resourceName: `people/c${renamed.id}`,
      metadata: { previousResourceNames: [`people/c${a!.id}`] },
    });
    const get = { resourceName: `people/c${a!.id}`, personFields: "metadata" };
    const { data } = await client.api.people.get(get, client.options);
    expect(data.resourceName).toBe(`people/c${renamed.id}`);
    expect(data.metadata?.previousResourceNames).toBeUndefined();
    const listed = (await listAll()).connections.at(-1)!;
    expect([listed.resourceName, listed.metadata?.previousResourceNames]).toEqual([data.resourceName, undefined]);
  });

  it("shows a write only after the propagation delay, but to a read at once", async () => {
    const { syncToken } = await listAll();
    await control(sandbox, "POST", "/settings", { propagationDelayMs: 120_000 });
    const { id } = book().createContact({ names: [{ givenName: "Late" }] });
    expect((await list({ syncToken })).connections).toBeUndefined();
    expect((await listAll()).connections).toHaveLength(25);
    const get = { resourceName: `people/c${id}`, personFields: "names" };
    expect((await client.api.people.get(get, client.options)).data.names?.[0]?.givenName).toBe("Late");
    clock.advance(120_000);
    expect((await list({ syncToken })).connections?.[0]?.resourceName).toBe(`people/c${id}`);
  });

  it.each([
    ["personFields", { personFields: "names" }],
    ["sources", { sources: ["READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_PROFILE"] }],
    ["pageSize", { pageSize: 20 }],
  ])("refuses a sync token with other %s", async (_name, params) => {
    const { syncToken } = await listAll();
    const { status, body } = await failure(list({ syncToken, ...params }));
    expect([status, body.error.status, body.error.message]).toEqual([
      400,
      "INVALID_ARGUMENT",
      "Request parameters must match those of the call that returned the sync token.",
    ]);
  });

  it("refuses a page token with other parameters", async () => {
    const { nextPageToken } = await list();
    const { status, body } = await failure(list({ pageToken: nextPageToken!, personFields: "names" }));
    expect([status, body.error.status, body.error.message]).toEqual([
      400,
      "INVALID_ARGUMENT",
      "Request parameters must match those of the call that returned the page token.",
    ]);
  });

  it("refuses tokens it never gave, of another list, or of another account", async () => {
    const { syncToken } = await listAll();
    await control(sandbox, "POST", "/accounts", { email: "sam@example.com", contacts: 3 });
    const other = await connect(sandbox, undefined, "sam@example.com");
    const calls = [
      list({ syncToken: "nonsense" }),
      client.api.contactGroups.list({ syncToken }, client.options),
      client.api.people.connections.list({ ...base, syncToken }, other.options),
    ];
    for (const call of calls) {
      const { status, body } = await failure(call);
      expect([status, body.error.status, body.error.message]).toEqual([400, "INVALID_ARGUMENT", "Invalid sync token."]);
    }
  });
});

describe("an expired sync token", () => {
  const EXPIRED = {
    error: {
      code: 400,
      message: "Sync token is expired. Clear local cache and retry call without the sync token.",
      status: "FAILED_PRECONDITION",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "EXPIRED_SYNC_TOKEN",
          domain: "people.googleapis.com",
        },
      ],
    },
  };

  it("is answered with 400 seven days after the full listing, though it was used meanwhile", async () => {
    const { syncToken } = await listAll();
    clock.advance(6 * DAY);
    const { syncToken: renewed } = await listAll({ syncToken });
    clock.advance(DAY - 1);
    await list({ syncToken: renewed });
    clock.advance(1);
    expect(await failure(list({ syncToken: renewed }))).toEqual({ status: 400, body: EXPIRED });
    expect((await listAll()).connections).toHaveLength(25);
  });

  it("can be brought about at once, for one account", async () => {
    const { syncToken } = await listAll();
    await control(sandbox, "POST", "/accounts", { email: "sam@example.com" });
    await control(sandbox, "POST", "/expire-sync-tokens", { account: "sam@example.com" });
    await list({ syncToken });
    await control(sandbox, "POST", "/expire-sync-tokens", {});
    expect(await failure(list({ syncToken }))).toEqual({ status: 400, body: EXPIRED });
    const { syncToken: fresh } = await listAll();
    await list({ syncToken: fresh });
  });

  it("expires between two pages of changes too", async () => {
    const { syncToken } = await listAll();
    book().touchAll();
    const { nextPageToken } = await list({ syncToken });
    sandbox.google.expireSyncTokens();
    expect(await failure(list({ syncToken, pageToken: nextPageToken! }))).toEqual({ status: 400, body: EXPIRED });
  });

  it("is answered with 410 when so set, as Google's samples expect", async () => {
    const { syncToken } = await listAll();
    await control(sandbox, "POST", "/settings", { expiredSyncTokenStatus: 410 });
    sandbox.google.expireSyncTokens();
    const { status, body } = await failure(list({ syncToken }));
    expect([status, body.error.details?.[0]?.reason]).toEqual([410, "EXPIRED_SYNC_TOKEN"]);
  });
});
