import { isObject } from "../../core/json.ts";
import type { Network } from "../../core/network.ts";
import type { AssertHost } from "../hosts.ts";
import { readResponse } from "./read-response.ts";
import { MAX_RESPONSE_BYTES, type Transport, type TransportRequest } from "./transport.ts";

export interface HttpTransportOptions {
  /** Base URL that paths are appended to. */
  url: string;
  assertHost: AssertHost;
  network: Network;
}

/** Plain HTTP. */
export function createHttpTransport({ url: given, assertHost, network }: HttpTransportOptions): Transport {
  const base = given.replace(/\/+$/, "");
  return {
    request: async (request, context) => {
      const url = requestUrl(base, request);
      assertHost(url);
      const shown = url.href;
      for (const [name, value] of Object.entries(context.credentials.query)) url.searchParams.append(name, value);
      const { body, contentType } = encodeBody(request);
      const headers: Record<string, string> = {
        accept: "application/json",
        "accept-encoding": "gzip",
        ...lowerCase(context.headers),
      };
      if (contentType !== undefined) headers["content-type"] = contentType;
      Object.assign(headers, lowerCase(request.headers ?? {}), lowerCase(context.credentials.headers));
      const { deadlineMs, signal } = context;
      const response = await network.request(url, {
        method: request.method,
        headers,
        body,
        deadlineMs,
        signal,
        maxBytes: MAX_RESPONSE_BYTES,
        unpack: true,
      });
      return readResponse(response, shown, request.answer, request.path);
    },
  };
}

/** The base's own path stays in front; `base` ends without a slash. */
function requestUrl(base: string, request: TransportRequest): URL {
  if (request.url !== undefined) return new URL(request.url);
  const url = new URL(`${base}/${(request.path ?? "").replace(/^\/+/, "")}`);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) url.searchParams.append(name, asText(item));
    }
  }
  return url;
}

function encodeBody({ body, bodyType }: TransportRequest): { body?: string; contentType?: string } {
  if (body === undefined) return {};
  if (bodyType !== "form") return { body: JSON.stringify(body), contentType: "application/json" };
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(isObject(body) ? body : {})) {
    for (const item of Array.isArray(value) ? value : [value]) form.append(name, asText(item));
  }
  return { body: form.toString(), contentType: "application/x-www-form-urlencoded" };
}

function lowerCase(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), asText(value)]));
}

function asText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
