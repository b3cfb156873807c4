import type { ResponseParts } from "../manifest/targets.ts";

/** A vendor's response of any status, the same whatever transport brought it. */
export interface VendorResponse extends ResponseParts {
  /** Names in lower case; repeated ones joined by a comma. */
  headers: Record<string, string>;
  /** Parsed JSON, text, or a {@link BinaryBody}; null when empty. */
  body: unknown;
  /** The address that responded, without secrets. */
  url: string;
  /** JSON was expected and something else came; `body` is its text. */
  malformed?: boolean;
}

/** The body of a response that is read as a file. */
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

/** When the vendor says it responded (the Date header), else `fallback`; milliseconds since the epoch. */
export function serverTime(response: VendorResponse, fallback: number): number {
  const date = response.headers.date;
  const parsed = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(parsed) ? fallback : parsed;
}
