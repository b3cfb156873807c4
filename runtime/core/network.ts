import { lookup as systemLookup } from "node:dns/promises";
import type { LookupAddress } from "node:dns";
import { isIP } from "node:net";
import { callbackify, promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { Agent, buildConnector } from "undici";
import { addressRules, bareHost, type AddressRules, type NetworkPolicy } from "./addresses.ts";
import { HooklineError } from "./errors.ts";
import { Lru } from "./lru.ts";
import { asHooklineError, noteUnconnected, tooLarge } from "./network-errors.ts";
import { exchange, type NetworkRequest, type NetworkResponse } from "./network-exchange.ts";
import { openStream, type StreamRequest, type StreamResponse } from "./network-stream.ts";

export interface NetworkOptions extends NetworkPolicy {
  /** `host:port` pairs an operator has named as a vendor's address: they may be private. */
  trusted: readonly string[];
  /** Finds the addresses of a name; the system's resolver unless given. */
  resolve?: (hostname: string) => Promise<LookupAddress[]>;
}

/** The only way out: every request of Hookline leaves through one of these. */
export interface Network extends AddressRules {
  /**
   * One request, one answer of any status; redirects are not followed.
   * @throws HooklineError `invalid_url`, `host_not_allowed` (an address behind the name is private), `timeout`, `too_large`, or `network`
   * with `data.sent` false when the request certainly never reached the server; so of `timeout` with `noticesSending`. An abort by `signal` throws its reason.
   */
  request(url: string | URL, request: NetworkRequest): Promise<NetworkResponse>;
  /** The same without holding bodies in memory, neither the one sent nor the one received; see {@link openStream}. */
  stream(url: string | URL, request: StreamRequest): Promise<StreamResponse>;
  close(): Promise<void>;
}

/** Addresses that are allowed, and are not looked through again. */
const MOST_KNOWN = 1000;

/** Makes a network with one agent and one policy. */
export function createNetwork(options: NetworkOptions): Network {
  const rules = addressRules(options);
  const trusted = new Set(options.trusted.map((host) => host.toLowerCase()));
  const agent = new Agent({
    connect: checkedConnector(rules, trusted, options.resolve ?? resolveAll),
    allowH2: false,
    connections: 64,
    keepAliveTimeout: 30_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const assertUrlAllowed = (input: string | URL): URL => {
    const url = input instanceof URL ? input : URL.parse(input);
    return url !== null && trusted.has(hostAndPort(url)) ? url : rules.assertUrlAllowed(input);
  };
  const known = new Lru<string, URL>(MOST_KNOWN);
  return {
    allowsAddress: rules.allowsAddress,
    assertUrlAllowed,
    request: async (input, request) => {
      // Webhooks go to the same few addresses again and again, and what is allowed does not change.
      const url =
        typeof input === "string" ? known.getOr(input, () => assertUrlAllowed(input)) : assertUrlAllowed(input);
      const answer = await exchange(agent, url, request);
      return request.unpack ? { ...answer, body: await unpack(answer, url, request) } : answer;
    },
    stream: async (input, request) => openStream(agent, assertUrlAllowed(input), request),
    close: () => agent.close(),
  };
}

/** `host:port` of a URL, the port always written. */
export function hostAndPort(url: URL): string {
  return `${bareHost(url.hostname)}:${url.port || (url.protocol === "http:" ? "80" : "443")}`;
}

const UNPACKERS: Record<string, typeof gunzip.__promisify__> = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

async function unpack({ headers, body }: NetworkResponse, url: URL, request: NetworkRequest): Promise<Buffer> {
  const encoding = headers["content-encoding"]?.toLowerCase();
  const unpacker = encoding === undefined ? undefined : UNPACKERS[encoding];
  if (unpacker === undefined || body.length === 0) return body;
  return unpacker(body, { maxOutputLength: request.maxBytes }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(url, request.maxBytes);
    throw asHooklineError(error, url, request.deadlineMs);
  });
}

type Resolve = (hostname: string) => Promise<LookupAddress[]>;
const resolveAll: Resolve = (hostname) => systemLookup(hostname, { all: true });

/**
 * Connects only to addresses the rules allow. The check sits in the socket's own lookup, so the address checked is the
 * address connected to; a name that leads to a forbidden address among allowed ones is refused altogether.
 */
function checkedConnector(
  rules: AddressRules,
  trusted: ReadonlySet<string>,
  resolve: Resolve,
): buildConnector.connector {
  const lookup = (check: boolean) =>
    callbackify(async (hostname: string, _options: object) => {
      const addresses = await resolve(hostname);
      if (addresses.length === 0) throw Object.assign(new Error(`no address for ${hostname}`), { code: "ENOTFOUND" });
      if (check && addresses.some(({ address }) => !rules.allowsAddress(address))) throw notAllowed(hostname);
      return addresses;
    });
  // Happy eyeballs (RFC 8305) is what makes Node ask the lookup for all addresses.
  const build = (check: boolean) => {
    const options = { lookup: lookup(check), autoSelectFamily: true, timeout: 10_000, allowH2: false };
    return buildConnector(options);
  };
  const [strict, trusting] = [build(true), build(false)];

  return (options, connected) => {
    const callback: buildConnector.Callback = (...outcome) => {
      if (outcome[0] !== null) noteUnconnected(outcome[0]);
      connected(...outcome);
    };
    const host = bareHost(options.hostname);
    const port = options.port || (options.protocol === "http:" ? "80" : "443");
    if (trusted.has(`${host}:${port}`)) trusting(options, callback);
    else if (isIP(host) !== 0 && !rules.allowsAddress(host)) callback(notAllowed(host), null);
    else strict(options, callback);
  };
}

function notAllowed(host: string): HooklineError {
  return new HooklineError(
    "host_not_allowed",
    `${host} leads to a private address; use a public one, or allow its range in network.allow`,
  );
}
