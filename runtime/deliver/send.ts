import { isUtf8 } from "node:buffer";
import { HooklineError } from "../core/errors.ts";
import type { NetworkResponse } from "../core/network-exchange.ts";
import { scrub } from "../core/secrets.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import type { Attempt } from "../model/deliveries.ts";
import type { EndpointRecord } from "../model/endpoints.ts";
import { CONTENT_TYPES, webhookBody, type Message } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import { signatureHeaders } from "./sign.ts";

/** Milliseconds from the start of an attempt to the last byte of its answer. */
const DEADLINE_MS = 15_000;
/** More of an answer is not read. */
const MOST_BYTES = 64 * 1024;
/** What of an answer is kept. */
const KEPT_BYTES = 1024;

/** One attempt, and what its answer asks for. */
export interface Sent {
  attempt: Attempt;
  /** The receiver wants no more webhooks, ever. */
  gone?: boolean;
  /** The `Retry-After` of a receiver that wants to be left alone for a while. */
  retryAfter?: string;
}

/**
 * POSTs one webhook, signed as of now. Whatever the receiver does is an {@link Attempt}; an abort throws its reason.
 * Redirects are not followed: they would carry the data to a place nobody has named.
 */
export async function sendWebhook(
  { network, clock }: Pick<Context, "network" | "clock">,
  endpoint: Pick<EndpointRecord, "url" | "format">,
  credentials: Credentials,
  message: Message,
  signal?: AbortSignal,
): Promise<Sent> {
  const body = webhookBody(endpoint.format, message);
  const now = clock.now();
  const started = performance.now();
  const finish = (status: number | null, error: string | null, answer: string | null): Attempt => ({
    at: isoTime(now),
    status,
    durationMs: Math.round(performance.now() - started),
    error,
    answer,
  });
  try {
    const answer = await network.request(endpoint.url, {
      method: "POST",
      headers: {
        ...credentials.headers,
        "content-type": CONTENT_TYPES[endpoint.format],
        "user-agent": "hookline/1.0",
        ...signatureHeaders(message.id, now, body, credentials.keys(now)),
      },
      body,
      deadlineMs: DEADLINE_MS,
      maxBytes: MOST_BYTES,
      overflow: "cut",
      signal,
    });
    const { status, headers } = answer;
    const attempt = finish(status, statusError(status), excerpt(answer));
    if (status === 410) return { attempt, gone: true };
    if (status === 429 || status === 503) return { attempt, retryAfter: headers["retry-after"] };
    return { attempt };
  } catch (error) {
    if (signal?.aborted || !(error instanceof HooklineError)) throw error;
    return { attempt: finish(null, networkError(error), null) };
  }
}

function statusError(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return "redirect";
  return status === 410 ? "gone" : "status";
}

function networkError({ code, data }: HooklineError): string {
  if (code === "timeout") return "timeout";
  if (code === "host_not_allowed" || code === "invalid_url") return "address";
  const reason = String(data["reason"]);
  if (/^(ENOTFOUND|EAI_)/.test(reason)) return "dns";
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(reason)) return "tls";
  return reason === "ECONNREFUSED" ? "refused" : "connection";
}

/** Receivers may echo what they were sent: the text is scrubbed before it is cut, so that no half of a secret is left. */
function excerpt({ headers, body }: NetworkResponse): string | null {
  if (body.length === 0) return null;
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return `(${encoding}, not unpacked)`;
  if (!isUtf8(body.subarray(0, KEPT_BYTES - 3)) && body.includes(0)) return "(not text)";
  return textExcerpt(body.toString());
}

/** The first kilobyte of a text, without secrets and without half a character at its end. */
export function textExcerpt(text: string): string {
  const bytes = Buffer.from(scrub(text).toWellFormed());
  if (bytes.length <= KEPT_BYTES) return bytes.toString();
  return bytes
    .subarray(0, KEPT_BYTES)
    .toString()
    .replace(/\ufffd$/, "");
}
