import { HooklineError, nearest } from "../../core/errors.ts";
import type { Network } from "../../core/network.ts";
import type { NetworkResponse } from "../../core/network-exchange.ts";
import type { AssertHost } from "../hosts.ts";
import { readResponse } from "./read-response.ts";
import { MAX_RESPONSE_BYTES, type Transport, type TransportContext } from "./transport.ts";

export interface GoogleTransportOptions {
  /** Name and version as in googleapis: `people`, `v1`. */
  api: string;
  version: string;
  /** Another address than Google's own; its path stays in front of the methods' paths. */
  rootUrl?: string;
  assertHost: AssertHost;
  network: Network;
}

/** The part of gaxios' prepared options that an adapter needs. */
interface PreparedRequest {
  url: URL | string;
  method?: string;
  headers: Headers;
  body?: string;
}

/** A response on its way through gaxios, which only passes it on. */
interface Raw {
  raw: NetworkResponse;
  /** The address without its query. */
  shown: string;
}

type Method = (params: object, options: object) => Promise<Raw>;
type Client = Record<string, unknown>;

/**
 * A Google API through the `googleapis` package, which knows each method's path, parameters and encoding. It sends through
 * our network by an adapter: address checks, deadline and size limit hold, and no `GaxiosError`, which keeps tokens in
 * its configuration, is ever made of a response.
 */
export function createGoogleTransport(options: GoogleTransportOptions): Transport {
  let loading: Promise<Client> | undefined;
  const methods = new Map<string, Method>();
  return {
    request: async (request, context) => {
      const client = await (loading ??= loadClient(options.api, options.version));
      let method = methods.get(request.method);
      if (!method) methods.set(request.method, (method = findMethod(client, options.api, request.method)));
      const { raw, shown } = await call(method, options, request, context);
      return readResponse(raw, shown, request.answer);
    },
  };
}

async function call(
  method: Method,
  { api, rootUrl, assertHost, network }: GoogleTransportOptions,
  request: { method: string; params?: Record<string, unknown>; headers?: Record<string, unknown>; body?: unknown },
  { credentials, headers, deadlineMs, signal }: TransportContext,
): Promise<Raw> {
  let failure: unknown;
  const adapter = async (prepared: PreparedRequest) => {
    try {
      const url = new URL(prepared.url);
      assertHost(url);
      const raw = await network.request(url, {
        method: prepared.method ?? "GET",
        headers: {
          ...Object.fromEntries(prepared.headers),
          ...headers,
          ...asText(request.headers),
          ...credentials.headers,
        },
        body: prepared.body,
        deadlineMs,
        signal,
        maxBytes: MAX_RESPONSE_BYTES,
        unpack: true,
      });
      return { status: raw.status, headers: raw.headers, raw, shown: url.origin + url.pathname };
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const params = {
    ...request.params,
    ...credentials.query,
    ...(request.body === undefined ? {} : { requestBody: request.body }),
  };
  try {
    return await method(params, {
      adapter,
      retry: false,
      validateStatus: () => true,
      noProxy: [/^/],
      ...(rootUrl ? { rootUrl } : {}),
    });
  } catch (error) {
    // Whatever failed on the way out is known better than gaxios wraps it.
    if (failure !== undefined) throw failure;
    throw new HooklineError(
      "invalid_input",
      `${api}.${request.method}: ${(error as Error).message}; check the request's params`,
    );
  }
}

/** Header names in lower case, so that none stands twice. */
function asText(headers: Record<string, unknown> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** The only import of googleapis: one API, on first use; the whole package takes half a second and 100 MB. */
async function loadClient(api: string, version: string): Promise<Client> {
  const name = api.replace(/[^a-z0-9]/gi, "");
  let module: Record<string, ((options: { version: string }) => Client) | undefined>;
  try {
    module = await import(`googleapis/build/src/apis/${name}/index.js`);
  } catch (cause) {
    throw new HooklineError(
      "invalid_manifest",
      `server.googleapis: there is no API "${api}" in googleapis; check its name`,
      { cause },
    );
  }
  try {
    return module[name]!({ version });
  } catch (cause) {
    throw new HooklineError("invalid_manifest", `server.googleapis: ${api} has no version "${version}"; check it`, {
      cause,
    });
  }
}

/** `contactGroups.members.modify` is `client.contactGroups.members.modify`: resources are own properties, methods the prototype's. */
function findMethod(client: Client, api: string, id: string): Method {
  const path = id.split(".");
  const name = path.pop()!;
  let resource: Client | undefined = client;
  for (const part of path) {
    const next: unknown = part !== "context" && resource && Object.hasOwn(resource, part) ? resource[part] : undefined;
    resource = typeof next === "object" && next !== null ? (next as Client) : undefined;
  }
  const names = resource
    ? Object.getOwnPropertyNames(Object.getPrototypeOf(resource)).filter((key) => key !== "constructor")
    : [];
  if (path.length === 0 || !resource || !names.includes(name)) {
    const near = nearest(name, names);
    const hint = near ? `did you mean "${[...path, near].join(".")}"?` : "write it as resource.method";
    throw new HooklineError("invalid_manifest", `request.method: googleapis ${api} has no method "${id}"; ${hint}`);
  }
  return (resource[name] as Method).bind(resource);
}
