import type { RequestParts } from "../../manifest/targets.ts";
import type { VendorResponse } from "../response.ts";

/** A request of a manifest with every template filled in: of plain HTTP, or of a googleapis method. */
export interface TransportRequest extends RequestParts {
  /** HTTP: the whole address, instead of server, path and query; a link to the next page. */
  url?: string;
}

export interface TransportContext {
  /** What proves the connection's identity. */
  credentials: { headers: Record<string, string>; query: Record<string, string> };
  /** Headers of every request of the connector. */
  headers: Record<string, string>;
  /** Milliseconds from now to the last byte of the response. */
  deadlineMs: number;
  signal?: AbortSignal;
}

/** How requests reach a vendor. */
export interface Transport {
  /**
   * One request; a response of any status is no error.
   * @throws HooklineError `network`, `timeout`, `too_large`, `host_not_allowed`, and `invalid_input` when the request lacks
   *   a parameter
   */
  request(request: TransportRequest, context: TransportContext): Promise<VendorResponse>;
}

/** Most bytes of a vendor's response. */
export const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;
