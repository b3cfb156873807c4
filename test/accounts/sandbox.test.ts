import { describe, expect, it } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { SESSION } from "../fixtures/browser.ts";
import { harness, later } from "./harness.ts";

const CONTACTS = "https://www.googleapis.com/auth/contacts";

async function google(untick: string[] = []) {
  const sandbox = await createSandbox({ contacts: 5 });
  later(() => sandbox.stop());
  const h = await harness(["google-contacts"], {
    servers: sandbox.servers,
    clients: { "google-contacts": sandbox.client },
    baseUrl: "http://127.0.0.1:9",
  });
  const wanted = { connector: "google-contacts", user: "u_1", actions: ["create_contact"] };
  const { id, authorizeUrl } = await h.accounts.create(wanted, {}, SESSION);
  const callback = await consent(authorizeUrl!, { untick });
  const { connection } = await h.accounts.finishOAuth(callback, SESSION);
  return { ...h, sandbox, id, connection };
}

describe("Google Contacts against the sandbox", () => {
  it("connects through the consent page, names the account, and reads contacts", async () => {
    const { accounts, id, connection } = await google();
    expect(connection).toMatchObject({ status: "active", label: "alex.morgan@example.com", missingScopes: [] });
    const client = await accounts.client(id);
    const stream = client.connector.streams.get("contacts")!;
    const request = stream.request({ input: {}, connection: client.values });
    const answer = await client.send(request, { scope: "stream", kind: "read", operation: stream });
    expect((answer.body as { connections: unknown[] }).connections).toHaveLength(5);
  });

  it("creates, changes and deletes a contact, with etags and steps", async () => {
    const { actions, id } = await google();
    const created = await actions.run(id, "create_contact", {
      givenName: "Ada",
      emails: [{ value: "ada@example.com" }],
    });
    expect(created.warnings).toBeUndefined();
    const { resourceName } = created.output as { resourceName: string };
    const changed = await actions.run(id, "update_contact", { resourceName, familyName: "Lovelace" });
    expect(JSON.stringify(changed.output)).toContain("Lovelace");
    await actions.run(id, "delete_contact", { resourceName });
    await expect(actions.run(id, "get_contact", { resourceName })).rejects.toMatchObject({ class: "notFound" });
  });

  it("knows which scopes a person did not grant, before any call", async () => {
    const { actions, id, connection, sandbox } = await google([CONTACTS]);
    expect(connection).toMatchObject({ status: "active", missingScopes: [CONTACTS] });
    const before = sandbox.requests.toJSON();
    await expect(actions.run(id, "create_contact", { givenName: "Ada" })).rejects.toMatchObject({
      code: "scope_missing",
      message: `Action create_contact needs ${CONTACTS}, which connection ${id} was not granted; ask for it: POST /v1/connections/${id}/reconnect {"scopes":["${CONTACTS}"]}`,
    });
    expect(sandbox.requests.toJSON()).toEqual(before);
  });

  it("a grant revoked at Google pauses the connection with one event", async () => {
    const { actions, id, sandbox, events } = await google();
    await fetch(`${sandbox.url}/control/revoke`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ account: "alex.morgan@example.com" }),
    });
    for (let i = 0; i < 3; i++)
      await expect(actions.run(id, "list_groups", {})).rejects.toMatchObject({ code: "reauth_required" });
    expect(events.map(({ type }) => type)).toEqual(["connection.active", "connection.reauth_required"]);
  });
});
