import type { ErrorClass } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import { atPointer, isObject, jsonText, parseJson } from "../core/json.ts";
import type { NetworkResponse } from "../core/network-exchange.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import { scrub } from "../core/secrets.ts";

/** What an answer means to the manifest's own error matchers; undefined when none matches. */
export type Classify = (answer: {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}) => ErrorClass | undefined;

/** The token endpoint answered, but not with a token. */
export class TokenError extends HooklineError {
  /** The grant is gone for good: only a person can bring it back. Otherwise it may pass. */
  readonly grantGone: boolean;
  /** The server's own answer was lost on its way through a gateway. */
  readonly isLost: boolean;
  /** What the server's clock said, milliseconds since the epoch; undefined when it did not say. */
  readonly date: number | undefined;

  constructor(
    message: string,
    grantGone: boolean,
    vendor: Record<string, unknown>,
    after: number | undefined,
    date?: number,
  ) {
    super(grantGone ? "reauth_required" : "vendor_error", message, {
      data: { vendor },
      retry: grantGone ? false : { after },
    });
    this.grantGone = grantGone;
    this.date = date;
    this.isLost = !grantGone && BETWEEN.has(Number(vendor.status));
  }
}

/** What a gateway says whose server gave no answer: 502 and 504 (RFC 9110 §15.6), Cloudflare's 520 and 524. */
const BETWEEN: ReadonlySet<number> = new Set([502, 504, 520, 524]);

/**
 * Whether the token endpoint may have done what was asked although its answer is lost. These prove that nothing was done: a request
 * that never left, and a complete answer of the server without tokens, whatever its status. These prove nothing: no complete answer
 * in time, a connection that broke after the request had begun to leave, an answer that was too long, and a gateway's word.
 */
export function isAnswerLost(error: unknown): boolean {
  if (error instanceof TokenError) return error.isLost;
  if (!(error instanceof HooklineError)) return true;
  return ["network", "timeout", "too_large"].includes(error.code) && error.data.sent !== false;
}

/** Who has to put it right that the client, or what stands for it, is refused: whoever gave the connection its credentials, or the operator. */
export type Owner = "connection" | "operator";

/** Only named fields of the answer: its errors, as libraries make them, carry the request's secrets. `now`: milliseconds since the epoch. */
export function tokenError(
  { connector, classify, owner, now }: { connector: string; classify: Classify; owner: Owner; now: () => number },
  raw: NetworkResponse | undefined,
  error: unknown,
): HooklineError {
  if (raw === undefined) {
    const { code } = error as { code?: string };
    return new HooklineError(
      "invalid_config",
      `${connector}: the token request cannot be made (${code ?? (error as Error).name}); check clients and servers`,
    );
  }
  const body = readBody(raw);
  const { status, headers } = raw;
  const reason = textAt(body, "/error") ?? textAt(body, "/error/status");
  const detail = textAt(body, "/error_description") ?? textAt(body, "/message") ?? textAt(body, "/error/message");
  const isOwn = owner === "connection";
  const isRefused = reason === "invalid_grant" || (isOwn && (isClientRefused(reason) || status === 401));
  const grantGone = (classify({ status, headers, body }) ?? (isRefused ? "authRevoked" : undefined)) === "authRevoked";
  const what =
    status >= 200 && status < 300 && reason === undefined
      ? "the token endpoint answered without a token"
      : `the token endpoint answered ${status}${reason === undefined ? "" : ` ${reason}`}`;
  const remedy = grantGone
    ? isOwn
      ? "the credentials are not accepted; a person has to reconnect with others"
      : "the grant is gone; a person has to reconnect"
    : isClientRefused(reason)
      ? "check the client id and secret in clients"
      : "it is tried again later";
  return new TokenError(
    `${connector}: ${what}; ${remedy}`,
    grantGone,
    {
      status,
      ...(reason === undefined ? {} : { error: reason }),
      ...(detail === undefined ? {} : { message: detail }),
    },
    parseRetryAfter(headers["retry-after"], now()),
    readDate(headers["date"]),
  );
}

/** RFC 9110 §6.6.1. */
function readDate(header: string | undefined): number | undefined {
  const date = header === undefined ? NaN : Date.parse(header);
  return Number.isNaN(date) ? undefined : date;
}

function isClientRefused(reason: string | undefined): boolean {
  return reason === "invalid_client" || reason === "unauthorized_client";
}

function readBody(raw: NetworkResponse): unknown {
  const text = jsonText(raw.body);
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

function textAt(body: unknown, pointer: string): string | undefined {
  const value = isObject(body) ? atPointer(body, pointer) : undefined;
  return typeof value === "string" ? scrub(value).slice(0, 300) : undefined;
}
