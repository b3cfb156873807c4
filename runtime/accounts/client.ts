import type { As, ErrorClass } from "../../schemas/manifest.ts";
import type { Context } from "../engine/context.ts";
import type { Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { classify, VendorError, type ErrorScope } from "../vendor/errors.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { withRetry, type Idempotency } from "../vendor/retry.ts";
import type { TransportRequest } from "../vendor/transports/transport.ts";
import { callVendor } from "./call.ts";
import type { CarrierOf } from "./carriers.ts";
import { connectionValues, isRenewable, type OpenConnection } from "./credentials.ts";
import { assertSameAccount, movesOf } from "./moved.ts";
import { scopeRefusal, type Operation } from "./scopes.ts";
import type { PauseConnection } from "./status.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";

export interface SendOptions {
  /** Where an error would arise. */
  scope: ErrorScope;
  kind: "read" | "write";
  /** Of what it is a part: nothing is sent without the scopes of that, and a refusal for want of one is noted for it. */
  operation?: Operation;
  /** Default "natural" for reads, "none" for writes. */
  idempotency?: Idempotency;
  /**
   * Default three more tries on `rateLimited`, `serverError`, `network` and `timeout`; two for polls, which wait for a limit only
   * when the vendor says for how long: the schedule tries again.
   */
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
  /** How often the connection had been moved to another account when this was opened: nothing is sent for any other account. */
  readonly moves: number;
  /** Granted OAuth scopes; empty when the vendor tells none. */
  readonly scopes: readonly string[];
  /**
   * The conversation that carries an operation of this connection, which `what` names: this one, or that of the connection it was
   * derived from, for what is declared `"as": "parent"`.
   * @throws HooklineError what {@link findCarrier} throws, and what opening throws
   */
  as(as: As | undefined, what: string): Promise<VendorClient>;
  /** `what`: the operation in words. @throws HooklineError `scope_missing` naming the scopes that were not granted */
  requireScopes(operation: Operation, what: string): void;
  /**
   * Sends within the vendor's limits, with fresh credentials, trying again where that is safe.
   * @throws HooklineError {@link VendorError} for a response that is an error, `scope_missing` before any call,
   *   `account_moved`, `rate_limited`, `reauth_required`, `network`, `timeout`, `too_large` or `host_not_allowed`
   */
  send(request: TransportRequest, options: SendOptions): Promise<VendorResponse>;
}

/**
 * Opens the conversation of a connection. A row that was just read is not read again for the first requests. `moves`: how often
 * the connection had been moved when the work began that it is opened for.
 * @throws HooklineError `account_moved` when it leads to another account by now, and what {@link Tokens.open} throws
 */
export type ClientOf = (connection: string | ConnectionRow, moves?: number) => Promise<VendorClient>;

export interface ClientNeeds {
  vendorOf: VendorOf;
  tokens: Pick<Tokens, "open">;
  pause: PauseConnection;
  /** Learns which account a connection leads to of which nothing is proved, once its vendor has answered. */
  answered?: (opened: OpenConnection) => void;
  /** Notes that the vendor has refused an operation for want of a scope, and gives what a reconnect has to ask for. */
  lacks?: (row: ConnectionRow, operation: Operation, wwwAuthenticate: string | undefined) => Promise<object>;
  carrierOf: CarrierOf;
  /** See {@link withRetry}. */
  retryBaseMs: number;
}

type Shared = Pick<Context, "clock" | "random">;

/** Loaded on first use: few connectors need them, and what is behind them takes as long to load as much of the rest. */
const codecs = () => import("../vendor/codecs/codecs.ts");

const RETRIED: readonly ErrorClass[] = ["rateLimited", "serverError", "network", "timeout"];
const DEFAULT_RETRY = { max: 3, on: RETRIED };
const RETRY_OF_POLLS = { max: 2, on: RETRIED, namedLimits: true };
const DEFAULT_WITHIN_MS = 30_000;
/** For so long a row that was read is taken for the newest; milliseconds. */
const FRESH_MS = 1_000;

/** See {@link ClientOf}. */
export async function openClient(
  connection: string | ConnectionRow,
  context: Shared,
  needs: ClientNeeds,
  moves?: number,
): Promise<VendorClient> {
  const opened = await needs.tokens.open(connection);
  const { row } = opened;
  assertSameAccount(row, moves ?? (typeof connection === "string" ? movesOf(row) : movesOf(connection)));
  const { connector } = needs.vendorOf(row.connector);
  const conversation = new Conversation(opened, context, needs);
  const requireScopes = (operation: Operation, what: string): void => {
    const refusal = scopeRefusal(what, operation, row);
    if (refusal) throw refusal;
  };
  const client: VendorClient = {
    id: row.id,
    user: row.user,
    connector,
    values: conversation.values,
    moves: movesOf(row),
    scopes: row.scopes,
    as: async (as, what) => {
      const carrier = await needs.carrierOf(row, as, what);
      if (carrier.row === row) return client;
      const parent = await openClient(carrier.row, context, needs);
      return {
        ...parent,
        id: row.id,
        user: row.user,
        values: carrier.values,
        moves: movesOf(row),
        as: async () => client,
      };
    },
    requireScopes,
    send: async (request, options) => {
      const { operation } = options;
      if (operation) requireScopes(operation, `${request.method} ${request.path ?? ""}`.trim());
      const encoded = request.encode === undefined ? request : await (await codecs()).encodeRequest(request);
      const renewal = { isDone: false };
      const response = await withRetry(() => conversation.attempt(encoded, options, renewal), {
        ...(options.retry ?? (options.scope === "action" ? DEFAULT_RETRY : RETRY_OF_POLLS)),
        idempotency: options.idempotency ?? (options.kind === "read" ? "natural" : "none"),
        withinMs: options.withinMs ?? DEFAULT_WITHIN_MS,
        baseMs: needs.retryBaseMs,
        random: context.random,
        signal: options.signal,
      });
      return request.decode === undefined ? response : (await codecs()).decodeResponse(request.decode, response);
    },
  };
  return client;
}

/** Attempts of one client, which share the newest row it knows. */
class Conversation {
  readonly values: Record<string, unknown>;
  readonly #context: Shared;
  readonly #needs: ClientNeeds;
  #current: OpenConnection;
  /** By `performance.now()`: from then on the row is read again. */
  #staleAt: number;

  constructor(opened: OpenConnection, context: Shared, needs: ClientNeeds) {
    this.values = connectionValues(opened.row);
    this.#context = context;
    this.#needs = needs;
    this.#current = opened;
    this.#staleAt = performance.now() + FRESH_MS;
  }

  /** One try, in its turn; credentials that the vendor says have expired are renewed once for all tries of a request. */
  async attempt(
    request: TransportRequest,
    { scope, kind, operation, signal }: SendOptions,
    renewal: { isDone: boolean },
  ): Promise<VendorResponse> {
    const { vendorOf, pause } = this.#needs;
    const vendor = vendorOf(this.#current.row.connector);
    const subject = { connection: this.#current.row.id, values: this.values };
    await vendor.limits.take(subject, { kind, polls: scope !== "action" }, signal);
    // A write that waited, or is tried again, is not sent to an account that the connection has left meanwhile.
    if (kind === "write") this.#staleAt = 0;
    let opened = await this.#open();
    for (;;) {
      const response = await callVendor(vendor, opened, request, signal);
      vendor.limits.learn(subject, response.headers);
      const fault = classify(vendor.connector.errors, response, scope, this.#context.clock.now());
      if (!fault) {
        if (opened.row.proofs === null) this.#needs.answered?.(opened);
        return response;
      }

      const error = new VendorError(`${vendor.connector.name} ${request.path ?? request.method}`, response, fault);
      const { credentials, row } = opened;
      if (fault.class === "rateLimited" || fault.class === "quotaExceeded") {
        vendor.limits.hold(subject, fault.retryAfterMs);
      }
      if (fault.class === "authExpired" && isRenewable(credentials) && !renewal.isDone) {
        renewal.isDone = true;
        opened = await this.#open(row.version);
        continue;
      }
      if (fault.class === "scopeMissing" && operation) {
        Object.assign(error.data, await this.#needs.lacks?.(row, operation, response.headers["www-authenticate"]));
      }
      const isLost = fault.class === "authRevoked" || (fault.class === "authExpired" && !isRenewable(credentials));
      if (isLost) {
        this.#staleAt = 0;
        await pause(row, { version: row.version }, error);
      }
      throw error;
    }
  }

  async #open(rejected?: number): Promise<OpenConnection> {
    const { row } = this.#current;
    const isFresh = performance.now() < this.#staleAt;
    const opened = await this.#needs.tokens.open(isFresh ? row : row.id, rejected);
    assertSameAccount(opened.row, movesOf(row));
    if (!isFresh) this.#staleAt = performance.now() + FRESH_MS;
    this.#current = opened;
    return opened;
  }
}
