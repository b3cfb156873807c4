import { Readable } from "node:stream";
import type { ErrorClass } from "../../schemas/manifest.ts";
import type { Accounts } from "../accounts/accounts.ts";
import { HooklineError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Network } from "../core/network.ts";
import { bodyTooLarge, peek, type StreamResponse } from "../core/network-stream.ts";
import { unpackHead } from "../core/unpack.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import { connectionValues, isRenewable, type OpenConnection } from "../accounts/credentials.ts";
import { assertSameAccount, movesOf } from "../accounts/moved.ts";
import { presentCredentials } from "../accounts/present.ts";
import { answerHeaders, vendorHeaders } from "./passthrough-headers.ts";
import { passthroughUrl } from "./passthrough-url.ts";
import type { Context } from "../engine/context.ts";
import type { Tokens } from "../accounts/tokens.ts";
import type { Vendor } from "../accounts/vendors.ts";
import { classify } from "../vendor/errors.ts";

/** A caller's request for the vendor's own API. */
export interface PassthroughRequest {
  /** One of {@link PASSTHROUGH_METHODS}. */
  method: string;
  /** Below the vendor's base URL, as it was sent: still escaped, without the slash in front, with its query. */
  target: string;
  /** Names in lower case. Default none. */
  headers?: Readonly<Record<string, string | string[] | undefined>>;
  body?: Readable | Buffer;
  signal?: AbortSignal;
}

/** The vendor's answer; the body is to be read, or destroyed. */
export type PassthroughAnswer = StreamResponse;

export const PASSTHROUGH_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
/** Of a body, in either direction. */
export const MAX_PASSTHROUGH_BYTES = 100 * 1024 * 1024;
/** By so much of its body a refusal is judged. */
const MAX_JUDGED_BYTES = 64 * 1024;
/** Milliseconds to the last byte of the answer. */
const DEADLINE_MS = 300_000;

/** See `Actions.passthrough`. */
export function createPassthrough(
  { clock }: Pick<Context, "clock">,
  { vendorOf, tokens, network }: Pick<Accounts, "vendorOf" | "tokens" | "network">,
): (connection: string, request: PassthroughRequest) => Promise<PassthroughAnswer> {
  return async (connection, request) => {
    assertMethod(request.method);
    if (Number(request.headers?.["content-length"] ?? 0) > MAX_PASSTHROUGH_BYTES)
      throw bodyTooLarge(MAX_PASSTHROUGH_BYTES);
    let opened = await tokens.open(connection);
    const vendor = vendorOf(opened.row.connector);
    const caller = { connection, values: connectionValues(opened.row) };
    const kind = request.method === "GET" || request.method === "HEAD" ? "read" : "write";
    passthroughUrl(vendor, request.target);
    await vendor.limits.take(caller, { kind, polls: false }, request.signal);
    // It may have been moved to another account while it waited.
    opened = await sameAccount(tokens.open(connection), opened);
    let answer = await forward(vendor, opened, request, network);
    if (answer.status >= 400 && answer.status < 500 && isRenewable(opened.credentials)) {
      const judged = await judge(vendor, answer, clock.now());
      answer = judged.answer;
      if (judged.class === "authExpired") {
        opened = await renewed(tokens, opened, answer);
        // A body that has gone by cannot be sent twice: the new token is for the next request then.
        if (request.body === undefined) {
          answer.body.destroy();
          answer = await forward(vendor, opened, request, network);
        }
      }
    }
    vendor.limits.learn(caller, answer.headers);
    if (answer.status === 429) {
      vendor.limits.hold(caller, parseRetryAfter(answer.headers["retry-after"], clock.now()));
    }
    return { ...answer, headers: answerHeaders(answer.headers) };
  };
}

async function forward(
  vendor: Vendor,
  opened: OpenConnection,
  request: PassthroughRequest,
  network: Network,
): Promise<StreamResponse> {
  const { connector } = vendor;
  const presented = presentCredentials(connector, opened);
  const own = connector.serverHeaders({ connection: connectionValues(opened.row) }) as Record<string, unknown>;
  return network.stream(passthroughUrl(vendor, request.target, presented.query), {
    method: request.method,
    headers: vendorHeaders(request.headers ?? {}, { ...own, ...presented.headers }, request.body instanceof Readable),
    body: request.body,
    deadlineMs: DEADLINE_MS,
    maxBytes: MAX_PASSTHROUGH_BYTES,
    signal: request.signal,
  });
}

/** What a refusal means to the manifest, and the answer with its whole body still to be read. */
async function judge(
  { connector }: Vendor,
  answer: StreamResponse,
  now: number,
): Promise<{ class: ErrorClass | undefined; answer: StreamResponse }> {
  const { head, body } = await peek(answer.body, MAX_JUDGED_BYTES);
  const text = (await unpackHead(head, answer.headers["content-encoding"], MAX_JUDGED_BYTES)).toString();
  let read: unknown = text;
  try {
    read = parseJson(text);
  } catch {
    // Not JSON, or only the beginning of some: matchers see text.
  }
  const fault = classify(
    connector.errors,
    { status: answer.status, headers: answer.headers, body: read },
    "action",
    now,
  );
  return { class: fault?.class, answer: { ...answer, body } };
}

async function sameAccount(opening: Promise<OpenConnection>, before: OpenConnection): Promise<OpenConnection> {
  const opened = await opening;
  assertSameAccount(opened.row, movesOf(before.row));
  return opened;
}

async function renewed(tokens: Tokens, before: OpenConnection, answer: StreamResponse): Promise<OpenConnection> {
  const { row } = before;
  try {
    return await sameAccount(tokens.open(row, row.version), before);
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
}

function assertMethod(method: string): void {
  if ((PASSTHROUGH_METHODS as readonly string[]).includes(method)) return;
  throw new HooklineError("invalid_input", `Method ${method} is not supported; use ${PASSTHROUGH_METHODS.join(", ")}`);
}
