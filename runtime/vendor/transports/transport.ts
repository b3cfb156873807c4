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
  /** Milliseconds from now to the last byte of the answer. */
  deadlineMs: number;
  signal?: AbortSignal;
}

/** An answer as the transport read it. */
export interface TransportAnswer extends VendorResponse {
  headers: Record<string, string>;
  /** JSON was expected and something else came; `body` is its text. */
  malformed: boolean;
}

export interface BinaryBody {
  mediaType: string;
  /** Bytes. */
  size: number;
  /** Hex. */
  sha256: string;
  /** Base64; absent above 1 MB. */
  content?: string;
  /** Where passthrough fetches what is too large to carry along. */
  path?: string;
}

/**
 * How requests reach a vendor. An answer of any status is a response, never an error.
 * Throws `network`, `timeout`, `too_large`, `host_not_allowed`, and `invalid_input` when the request lacks a parameter.
 */
export interface Transport {
  send(request: TransportRequest, context: TransportContext): Promise<TransportAnswer>;
}

/** Most bytes of a vendor's answer. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
