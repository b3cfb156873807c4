import { onTestFinished } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { pressButton } from "../fixtures/browser.ts";
import { makeApi, type ApiOptions } from "../http/compose.ts";
import { consent } from "../sandbox/sandbox-client.ts";

/** A runtime behind HTTP whose connector is Google Contacts, and whose Google is the sandbox. */
export async function makeGoogleApi(options: ApiOptions = {}) {
  const sandbox = await createSandbox({ contacts: 3 });
  onTestFinished(() => sandbox.stop());
  const api = await makeApi({
    connectors: ["google-contacts"],
    servers: { "google-contacts": sandbox.servers["google-contacts"] },
    clients: { "google-contacts": sandbox.client },
    consent: "all",
    ...options,
  });
  return {
    ...api,
    sandbox,
    /** Connects a user's account as a person does, without the scopes that are not ticked. */
    connectGoogle: async (user: string, untick: string[] = []): Promise<string> => {
      const { id, authorizeUrl } = await api.runtime.connections.create({ connector: "google-contacts", user });
      const { url, cookie } = await pressButton(authorizeUrl!);
      await fetch(`${api.url}/v1/oauth/callback?${await consent(url, { untick })}`, { headers: { cookie } });
      return id;
    },
    control: async (method: string, path: string, body?: object): Promise<void> => {
      const json = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
      const answer = await fetch(`${sandbox.url}/control${path}`, { method, ...(body === undefined ? {} : json) });
      if (!answer.ok) throw new Error(await answer.text());
    },
  };
}
