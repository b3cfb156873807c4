import { afterEach, describe, expect, it } from "vitest";
import { createSandbox, type GoogleSnapshot, type Sandbox, type SandboxOptions } from "../../runtime/sandbox/index.ts";
import { CONTACTS, signIn } from "./sandbox-client.ts";

const running: Sandbox[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.stop()));
});

async function open(options: SandboxOptions): Promise<Sandbox> {
  const sandbox = await createSandbox(options);
  running.push(sandbox);
  return sandbox;
}

function writtenDown(sandbox: Sandbox): GoogleSnapshot {
  return JSON.parse(JSON.stringify(sandbox.google.snapshot())) as GoogleSnapshot;
}

interface Listing {
  connections?: { resourceName: string; metadata: { deleted?: boolean; previousResourceNames?: string[] } }[];
  nextSyncToken: string;
}

async function list(sandbox: Sandbox, accessToken: string, syncToken?: string): Promise<Listing> {
  const query = new URLSearchParams({ personFields: "names,metadata", requestSyncToken: "true", pageSize: "100" });
  if (syncToken) query.set("syncToken", syncToken);
  const response = await fetch(`${sandbox.url}/v1/people/me/connections?${query.toString()}`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Listing;
}

describe("a sandbox continued from a snapshot", () => {
  it("accepts the access tokens and sync tokens given out before, and tells only what changed since", async () => {
    const first = await open({ contacts: 5 });
    const { access_token } = await signIn(first, { scope: CONTACTS });
    const { people } = first.google.account();
    const renamed = people.createContact({ names: [{ givenName: "Ada" }] });
    people.renameContact(renamed.id);
    const deleted = people.createContact({ names: [{ givenName: "Bob" }] });
    people.deleteContact(deleted.id);
    const before = await list(first, access_token);

    const second = await open({ snapshot: writtenDown(first) });
    const after = await list(second, access_token, before.nextSyncToken);
    expect(after.connections ?? []).toEqual([]);
    second.google.account().people.createContact({ names: [{ givenName: "Cyd" }] });
    const changed = await list(second, access_token, after.nextSyncToken);
    expect(changed.connections).toHaveLength(1);
  });

  it("has the same people, groups and members under the same ids and etags", async () => {
    const first = await open({ contacts: 8, seed: 3 });
    const second = await open({ snapshot: writtenDown(first) });
    const { access_token } = await signIn(first, { scope: CONTACTS });
    const known = await list(first, access_token);
    const third = await open({ snapshot: writtenDown(first) });
    expect((await list(third, access_token)).connections).toEqual(known.connections);
    const groups = [...first.google.account().people.groups.live()].map(({ id }) => id);
    const counts = (sandbox: Sandbox) => groups.map((id) => sandbox.google.account().people.memberCount(id));
    expect(counts(second)).toEqual(counts(first));
    expect(counts(first).some((count) => count > 0)).toBe(true);
  });

  it("still refreshes with the refresh tokens given out before, and never gives an id twice", async () => {
    const first = await open({ contacts: 0 });
    const { refresh_token } = await signIn(first, { scope: CONTACTS });
    const made = first.google.account().people.createContact({});
    const second = await open({ snapshot: writtenDown(first) });
    const { clientId, clientSecret } = second.client;
    const response = await fetch(second.servers["google-contacts"].tokenUrl, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refresh_token!,
        client_id: clientId,
        client_secret: clientSecret,
      }),
    });
    expect(response.status).toBe(200);
    expect(second.google.account().people.createContact({}).id).not.toBe(made.id);
  });
});
