import { HooklineError } from "../../../runtime/core/errors.ts";
import { classify, VendorError } from "../../../runtime/vendor/errors.ts";
import type { VendorResponse } from "../../../runtime/vendor/response.ts";
import type { TransportRequest } from "../../../runtime/vendor/transports/transport.ts";
import type { Connector } from "../../../runtime/manifest/connector.ts";
import { ok, refusal, type Edit, type ModelVendor } from "./vendor.ts";

/** What becomes of one request. */
export const FAULTS = [
  "none",
  "reset",
  "timeout",
  "slow",
  "error 500",
  "error 503",
  "limited",
  "limited for an hour",
  "unauthorized",
  "forbidden",
  "bad request",
  "empty body",
  "no content",
  "list missing",
  "null",
  "a list as body",
  "error with 200",
  "not JSON",
  "empty list",
  "ends early",
  "page repeated",
  "page reversed",
  "record twice",
  "stale",
  "record without key",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Plan {
  fault: Fault;
  /** What changes at the vendor after the answer was made and before the next request. */
  edits: Edit[];
}

const SLOW_MS = 20 * 60_000;
/** Answers that leave out what there is. */
const LIES = new Set<Fault>(["empty list", "ends early"]);
/** Streams whose vendor has no replica that lags: what one answer leaves out, no other shows. */
const CONSISTENT = new Set<string>(["history", "list_tokens"]);
const LONGEST_LAG_MS = 30_000;
/** Errors that say nothing about a cursor. */
const OF_THE_MOMENT = new Set(["authExpired", "rateLimited"]);

/** What has befallen a stream since its last success, for whoever judges its gaps. */
export interface Incidents {
  /** Requests with a cursor that were refused in the declared words. */
  expired: number;
  /** The same in other words, or by an answer without its declared shape. */
  refused: number;
  /** Requests for a further page of a list in place of a cursor that were refused, after which that list begins again. */
  restarted: number;
  /** Records that were listed and gone when asked for. */
  gone: number;
  /** Records listed without a key. */
  keyless: number;
  /** Requests for one of several lists that got no answer of use. */
  unlisted: number;
}

export const noIncidents = (): Incidents => ({
  expired: 0,
  refused: 0,
  restarted: 0,
  gone: 0,
  keyless: 0,
  unlisted: 0,
});

/** Whether an answer has the shape that the manifest declares. */
function isShaped({ body }: VendorResponse): boolean {
  const { items, error } = (body ?? {}) as { items?: unknown; error?: unknown };
  return Array.isArray(items) && error === undefined;
}

/** Stands between the reader and the vendor. */
export class HostileVendor {
  readonly #vendor: ModelVendor;
  readonly #connector: Connector;
  #lastPage: VendorResponse | undefined;
  /** The place in the vendor's log that the last answer is of. */
  #revision = 0;
  plans: Plan[] = [];
  incidents = noIncidents();
  /** A list that fails at each request, whatever is planned. */
  broken: { list: string; fault: Fault } | null = null;

  constructor(vendor: ModelVendor, connector: Connector) {
    this.#vendor = vendor;
    this.#connector = connector;
  }

  /** @throws VendorError, HooklineError as a client of the vendor does */
  async send(request: TransportRequest): Promise<VendorResponse> {
    const list = request.path === "/list" ? request.query?.["list"] : undefined;
    const isBroken = this.broken !== null && list === this.broken.list;
    const { fault, edits } = (isBroken ? undefined : this.plans.shift()) ?? { fault: "none", edits: [] };
    let isServed = false;
    try {
      const response = this.#received(request, isBroken ? this.broken!.fault : fault);
      // The same page twice is an error of its list.
      isServed = isShaped(response) && (fault !== "page repeated" || request.query?.["page"] === undefined);
      return response;
    } finally {
      if (typeof list === "string" && !isServed) {
        this.incidents.unlisted++;
        this.#vendor.sessions.failed(list);
      }
      // Later than the answer, by whatever little.
      if (edits.length > 0) this.#vendor.clock.advance(1);
      for (const edit of edits) this.#vendor.edit(edit);
    }
  }

  #received(request: TransportRequest, fault: Fault): VendorResponse {
    const { path = "", query = {} } = request;
    if (path.startsWith("/one/") && fault !== "none") this.#vendor.sessions.unread.add(path.slice(5));
    if (fault === "reset") throw new HooklineError("network", "The connection was reset", { retry: {} });
    if (fault === "timeout") throw new HooklineError("timeout", "The vendor did not answer", { retry: {} });
    const isFirst = query["page"] === undefined && !(Number(query["offset"]) > 0) && query["after"] === undefined;
    if (isFirst) this.#lastPage = undefined;
    const response = this.#answer(request, fault);
    const hasCursor = ["token", "start", "since", "after"].some((name) => query[name] !== undefined);
    const classified = classify(this.#connector.errors, response, path.startsWith("/one/") ? "enrich" : "stream", 0);
    const hasShape = isShaped(response);
    if (classified?.class === "cursorExpired") this.incidents.expired++;
    else if (path === "/recover" && query["page"] !== undefined && (classified || !hasShape))
      this.incidents.restarted++;
    else if (hasCursor && (classified ? !OF_THE_MOMENT.has(classified.class) : !hasShape)) this.incidents.refused++;
    if (path.startsWith("/one/") && classified?.class === "notFound") this.incidents.gone++;
    if (classified) throw new VendorError(path, response, classified);
    if (hasShape) this.#vendor.sessions.served(request, response, this.#revision);
    if (hasShape) this.#lastPage = response;
    return response;
  }

  #answer(request: TransportRequest, fault: Fault): VendorResponse {
    const vendor = this.#vendor;
    const { kind } = vendor;
    const isList = request.path !== "/profile" && !request.path!.startsWith("/one/");
    // One record does not lag behind the list that named it, and a page not behind the one before.
    const begun = Number(String(request.query?.["page"] ?? "").split(":")[1] ?? 0);
    const lag = fault === "stale" && isList && !CONSISTENT.has(kind) ? 2 : 0;
    let revision = Math.max(vendor.log.length - lag, begun, 0);
    // Nor for longer than the overlap that its manifest declares, where nothing else would show what it has left out.
    const oldest = kind === "flagged" ? vendor.clock.now() - LONGEST_LAG_MS : -Infinity;
    while (revision < vendor.log.length && vendor.log[revision]!.at < oldest) revision++;
    this.#revision = revision;
    const headers = { date: new Date(vendor.now).toUTCString() };
    const honest = { ...vendor.answer(request, revision), headers };
    const body = honest.body as { items?: { id?: string }[]; page?: string };
    const listed = honest.status === 200 && isList ? body.items : undefined;
    switch (fault) {
      case "slow":
        vendor.clock.advance(SLOW_MS);
        return honest;
      case "error 500":
        return refusal(500, { message: "crashed" });
      case "error 503":
        return refusal(503, null);
      case "limited":
        return refusal(429, {});
      case "limited for an hour":
        return { ...refusal(429, {}), headers: { "retry-after": "3600" } };
      case "unauthorized":
        return refusal(401, {});
      case "forbidden":
        return refusal(403, { message: "no" });
      case "bad request":
        return refusal(400, { message: "bad" });
      case "empty body":
        return ok(null);
      case "no content":
        return refusal(204, null);
      case "list missing":
        return ok({});
      case "null":
        return ok({ items: null });
      case "a list as body":
        return ok([]);
      case "error with 200":
        return ok({ error: { message: "something" }, items: [] });
      case "not JSON":
        return { ...ok("<html>"), malformed: true };
    }
    if (!listed) return honest;
    const { page: _, ...withoutPage } = body;
    // A list of changes that leaves some out is believed by everybody; only a complete read can show that it lied;
    // and so is the list of one item, which is read as a whole when it has no token.
    const isChanges = ["token", "start", "since"].some((name) => request.query?.[name] !== undefined);
    const isBelieved = vendor.strategy.deletions === "shown" && (isChanges || kind === "list_tokens");
    if (isBelieved && request.path !== "/lists" && LIES.has(fault)) return honest;
    switch (fault) {
      case "empty list":
        return ok({ ...withoutPage, items: [] });
      case "ends early":
        return ok({ ...withoutPage, items: listed.slice(0, Math.floor(listed.length / 2)) });
      case "page repeated":
        return this.#lastPage ?? honest;
      case "page reversed":
        return vendor.strategy.isOrdered ? honest : ok({ ...body, items: listed.toReversed() });
      case "record twice":
        return ok({ ...body, items: [...listed, ...listed.slice(0, 1)] });
      case "record without key":
        if (request.path === "/lists") return honest;
        this.incidents.keyless++;
        return ok({ ...body, items: [...listed, { value: 0, updated: 0, list: "one" }] });
      default:
        return honest;
    }
  }
}
