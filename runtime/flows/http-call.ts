import { HooklineError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import type { Network } from "../core/network.ts";
import type { NetworkResponse } from "../core/network-exchange.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import { scrub } from "../core/secrets.ts";

/** What an HTTP step sends. */
export interface HttpInput {
  method: string;
  url: string;
  headers?: object;
  body?: unknown;
}

interface HttpOutput {
  status: number;
  headers: Record<string, string>;
  /** Parsed when it is JSON. */
  body: unknown;
}

/** The largest answer of an HTTP step, in bytes. */
const MAX_ANSWER = 1_048_576;
/** Headers of an answer that a step's output has. */
const ANSWER_HEADERS = ["content-type", "location", "etag", "last-modified", "retry-after", "link", "date"];
/** Characters of a refusal that are kept. */
const LONGEST_REFUSAL = 1024;

/**
 * Makes one HTTP request, with a key that is the same over tries.
 * @throws HooklineError `vendor_error` and `rate_limited` for a status outside 200 to 299, or what {@link Network.request} throws
 */
export async function callHttp(
  network: Pick<Network, "request">,
  { method, url, headers, body }: HttpInput,
  { key, deadlineMs, signal }: { key: string; deadlineMs: number; signal: AbortSignal },
): Promise<HttpOutput> {
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  const answer = await network.request(url, {
    method,
    headers: {
      "user-agent": "hookline/1.0",
      "idempotency-key": key,
      ...(hasBody && { "content-type": "application/json" }),
      ...lowerCase(headers),
    },
    ...(hasBody && { body: JSON.stringify(body) }),
    deadlineMs,
    maxBytes: MAX_ANSWER,
    unpack: true,
    signal,
  });
  if (answer.status < 200 || answer.status > 299) throw refusal(url, answer);
  return outputOf(answer);
}

function outputOf({ status, headers, body }: NetworkResponse): HttpOutput {
  const kept = ANSWER_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]));
  const text = body.toString();
  const isJson = /[/+]json\b/i.test(headers["content-type"] ?? "");
  return { status, headers: Object.fromEntries(kept), body: isJson ? parsed(text) : text };
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

function refusal(url: string, { status, headers, body }: NetworkResponse): HooklineError {
  const host = URL.parse(url)?.host ?? url;
  const said = scrub(body.toString().slice(0, LONGEST_REFUSAL));
  const after = parseRetryAfter(headers["retry-after"], Date.now());
  return new HooklineError(
    status === 429 ? "rate_limited" : "vendor_error",
    `${host} answered ${status}${said === "" ? "" : `: ${said.slice(0, 200)}`}; see what it expects`,
    { data: { vendor: { status, body: said } }, retry: status === 429 || status >= 500 ? { after } : false },
  );
}

function lowerCase(headers: unknown): Record<string, string> {
  if (!isObject(headers)) return {};
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
