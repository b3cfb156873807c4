import request from "supertest";
import { onTestFinished } from "vitest";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import type { SandboxOptions } from "../../runtime/sandbox/sandbox.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { makeApi, type ApiOptions } from "./compose.ts";

/** A person's browser with its own jar of cookies; `headers` go with every request. */
export class Browser {
  readonly #agent: ReturnType<typeof request.agent>;
  readonly #headers: Record<string, string>;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#agent = request.agent(new URL(url).origin);
    this.#headers = headers;
  }

  open(address: string) {
    return this.#visit("get", address);
  }

  /** Presses the button on the page of a link. */
  press(address: string, headers: Record<string, string> = {}) {
    return this.#visit("post", address).set(headers);
  }

  /** Goes from a link to the vendor and agrees there; gives the callback's address. */
  async leave(authorizeUrl: string, choice?: Parameters<typeof consent>[1]): Promise<string> {
    const { status, headers } = await this.press(authorizeUrl);
    if (status !== 303) throw new Error(`the button answered ${status}`);
    return agree(headers["location"]!, choice);
  }

  #visit(method: "get" | "post" | "head", address: string) {
    const { pathname, search } = new URL(address);
    return this.#agent[method](pathname + search).set(this.#headers);
  }
}

/** Agrees on the vendor's page; gives the address of the callback. */
export async function agree(vendorUrl: string, choice?: Parameters<typeof consent>[1]): Promise<string> {
  const callback = new URL(vendorUrl).searchParams.get("redirect_uri")!;
  return `${callback}?${await consent(vendorUrl, choice)}`;
}

/** A runtime behind HTTP with Google Contacts of the sandbox. */
export async function makeGoogle(options: ApiOptions & { sandbox?: SandboxOptions } = {}) {
  const { sandbox: simulated, ...given } = options;
  const sandbox = await createSandbox({ contacts: 5, ...simulated });
  onTestFinished(() => sandbox.stop());
  const api = await makeApi({
    servers: sandbox.servers,
    clients: { "google-contacts": sandbox.client },
    returnOrigins: ["https://app.example"],
    ...given,
  });
  return {
    ...api,
    sandbox,
    begin: (body: object = {}, token?: string) =>
      api.must("POST", "/v1/connections", {
        body: {
          connector: "google-contacts",
          triggers: ["contact_created"],
          ...(token === undefined && { user: "u_1" }),
          ...body,
        },
        ...(token !== undefined && { token }),
      }),
    statusOf: async (id: string): Promise<string> => (await api.must("GET", `/v1/connections/${id}`)).status,
    browser: (headers?: Record<string, string>) => new Browser(api.url, headers),
  };
}
