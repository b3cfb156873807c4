import { createServer } from "node:http";
import express, { type Express } from "express";
import { pino } from "pino";
import request from "supertest";
import { onTestFinished } from "vitest";
import type { RuntimeOptions } from "../../runtime/options.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { listen } from "../fixtures/listen.ts";
import { ENCRYPTION_KEY } from "../fixtures/compose.ts";
import { storeOfTest } from "../postgres.ts";
import { Contract } from "./contract.ts";
import { NotesVendor, notesManifest } from "./notes-vendor.ts";

export { soon } from "../fixtures/wait.ts";

export const ADMIN = "an-admin-key-of-this-test";

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed when it is JSON, else its text. */
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface Ask {
  /** An API key or user token; default the admin's, null for none. */
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ApiOptions extends RuntimeOptions {
  /** Puts the router into the host's app; default under `/integrations`. */
  mount?: (app: Express, router: express.Router) => void;
  /** What stands before `/v1`; default `/integrations`. */
  prefix?: string;
  /** Default true. */
  start?: boolean;
}

/** A whole runtime with a vendor, behind real HTTP. Every answer is checked against the API's own description. */
export async function makeApi(options: ApiOptions = {}) {
  const { prefix = "/integrations", start = true, mount, ...given } = options;
  const vendor = new NotesVendor();
  const stopVendor = await vendor.start();
  const app = express();
  const host = await listen(createServer(app));
  const runtime = createRuntime({
    store: given.store ?? (await storeOfTest(given.clock ? "still" : "real")),
    connectors: ["google-contacts", notesManifest],
    encryptionKeys: [ENCRYPTION_KEY],
    servers: { notes: { url: vendor.url } },
    network: { allowPrivate: true },
    baseUrl: host.url + prefix,
    apiKey: ADMIN,
    logger: pino({ level: "silent" }),
    ...given,
  });
  (mount ?? ((host, router) => host.use(prefix, router)))(app, runtime.router);
  if (start) await runtime.start();
  onTestFinished(async () => {
    await runtime.stop(0);
    await host.stop();
    await stopVendor();
  });

  const url = host.url + prefix;
  const contract = new Contract(async () => (await fetch(`${url}/openapi.json`)).json());
  const ask = async (method: string, path: string, { token = ADMIN, body, headers }: Ask = {}): Promise<Answer> => {
    const headersOf = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    };
    const sent = request(url)[method.toLowerCase() as "get"](path).set(headersOf).responseType("blob");
    const response = await (body === undefined
      ? sent
      : sent.send(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body)));
    const text = Buffer.isBuffer(response.body) ? response.body.toString() : "";
    const isJson = /json/.test(response.headers["content-type"] ?? "");
    const answer = {
      status: response.status,
      headers: new Headers(response.headers),
      body: isJson ? JSON.parse(text) : text,
    };
    await contract.check(method, path, answer);
    return answer;
  };
  const must = async (method: string, path: string, given?: Ask) => {
    const answer = await ask(method, path, given);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };

  return {
    url,
    runtime,
    vendor,
    ask,
    /** The body of a success; throws for anything else. */
    must,
    connect: async (user: string): Promise<string> =>
      (
        await must("POST", "/v1/connections", {
          body: { connector: "notes", user, credentials: { token: `token-of-${user}` } },
        })
      ).id,
    tokenOf: async (user: string): Promise<string> => (await must("POST", `/v1/users/${user}/tokens`)).token,
  };
}

export type Api = Awaited<ReturnType<typeof makeApi>>;
