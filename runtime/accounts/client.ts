import type { ErrorClass } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import { connectionValues } from "./credentials.ts";
import { classify, VendorError, type ErrorScope } from "../vendor/errors.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { withRetry, type Idempotency } from "../vendor/retry.ts";
import { missingScopes, type NeededScope } from "./scopes.ts";
import { sendOnce } from "./send.ts";
import type { PauseConnection } from "./status.ts";
import type { Tokens, Usable } from "./tokens.ts";
import type { TransportRequest } from "../vendor/transports/transport.ts";
import type { Vendor, VendorOf } from "./vendors.ts";

export interface SendOptions {
  /** Where an error would arise. */
  scope: ErrorScope;
  kind: "read" | "write";
  /** OAuth scopes the request needs. */
  scopes?: readonly NeededScope[];
  /** Default "natural" for reads, "none" for writes. */
  idempotency?: Idempotency;
  /** Default three more tries on `rateLimited`, `serverError`, `network` and `timeout`. */
  retry?: { max: number; on: readonly ErrorClass[] };
  /** Milliseconds in which the last try begins; default 30 s. */
  withinMs?: number;
  signal?: AbortSignal;
}

/** One connection's conversation with its vendor. */
export interface VendorClient {
  readonly id: string;
  readonly user: string;
  readonly connector: Connector;
  /** What a manifest reads as `$connection`. */
  readonly values: Record<string, unknown>;
  /** Granted OAuth scopes; empty when the vendor tells none. */
  readonly scopes: readonly string[];
  /** Throws `scope_missing` naming the scopes that were not granted. */
  requireScopes(scopes: readonly NeededScope[]): void;
  /**
   * Sends within the vendor's limits, with fresh credentials, trying again where that is safe.
   * Throws {@link VendorError} for an answer that is an error, `scope_missing` before any call, `rate_limited`,
   * `reauth_required`, `network`, `timeout`, `too_large` or `host_not_allowed`.
   */
  send(request: TransportRequest, options: SendOptions): Promise<VendorResponse>;
}

export interface ClientOptions {
  vendorOf: VendorOf;
  tokens: Tokens;
  pause: PauseConnection;
  clock: Clock;
  /** See {@link withRetry}. */
  retryBaseMs: number;
}

/** Loaded on first use: few connectors need them, and what is behind them takes as long to load as much of the rest. */
const codecs = () => import("../vendor/codecs/codecs.ts");

const RETRIED: readonly ErrorClass[] = ["rateLimited", "serverError", "network", "timeout"];
const DEFAULT_RETRY = { max: 3, on: RETRIED };
const DEFAULT_WITHIN_MS = 30_000;

/** Throws like {@link Tokens.usable}. */
export async function openClient(id: string, options: ClientOptions): Promise<VendorClient> {
  const { row } = await options.tokens.usable(id);
  const vendor = options.vendorOf(row.connector);
  const values = connectionValues(row);
  const requireScopes = (needed: readonly NeededScope[]): void => {
    const missing = missingScopes(needed, row.scopes);
    if (missing.length === 0) return;
    throw new HooklineError("scope_missing", `${id} was not granted ${missing.join(", ")}; reconnect and grant it`, {
      data: { scopes: missing },
    });
  };
  return {
    id,
    user: row.user,
    connector: vendor.connector,
    values,
    scopes: row.scopes,
    requireScopes,
    send: async (request, send) => {
      requireScopes(send.scopes ?? []);
      const encoded = request.encode === undefined ? request : await (await codecs()).encodeRequest(request);
      const answer = await withRetry(() => attempt(id, values, vendor, encoded, send, options), {
        ...(send.retry ?? DEFAULT_RETRY),
        idempotency: send.idempotency ?? (send.kind === "read" ? "natural" : "none"),
        withinMs: send.withinMs ?? DEFAULT_WITHIN_MS,
        baseMs: options.retryBaseMs,
        signal: send.signal,
      });
      return request.decode === undefined ? answer : (await codecs()).decodeAnswer(request.decode, answer);
    },
  };
}

async function attempt(
  id: string,
  values: VendorClient["values"],
  vendor: Vendor,
  request: TransportRequest,
  { scope, kind, signal }: SendOptions,
  { tokens, pause, clock }: ClientOptions,
): Promise<VendorResponse> {
  const caller = { connection: id, values };
  await vendor.limits.take(caller, { kind, polls: scope !== "action" }, signal);
  let usable: Usable = await tokens.usable(id);
  for (let renewed = false; ; renewed = true) {
    const answer = await sendOnce(vendor, usable.row, usable.credentials, request, { signal });
    vendor.limits.learn(caller, answer.headers);
    const fault = classify(vendor.connector.errors, answer, scope, clock.now());
    if (!fault) return answer;

    const error = new VendorError(`${vendor.connector.name} ${request.path ?? request.method}`, answer, fault);
    const { credentials, row } = usable;
    if (fault.class === "rateLimited" || fault.class === "quotaExceeded") {
      vendor.limits.hold(caller, fault.retryAfterMs);
    }
    if (fault.class === "authExpired" && credentials.type === "oauth2" && !renewed) {
      usable = await tokens.usable(id, row.version);
      continue;
    }
    const lost = fault.class === "authRevoked" || (fault.class === "authExpired" && credentials.type !== "oauth2");
    if (lost) await pause(row, { version: row.version }, error);
    throw error;
  }
}
