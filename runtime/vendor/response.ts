/** A vendor's answer of any status, the same whatever transport brought it. */
export interface VendorResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON, text, or `{mediaType, size, sha256, content}` for binary answers; null when empty. */
  body: unknown;
  /** The address that answered, without secrets. */
  url: string;
}

/** When the vendor says it answered (the Date header), else `fallback`; milliseconds since the epoch. */
export function serverTime(response: VendorResponse, fallback: number): number {
  const date = response.headers.date;
  const parsed = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return Number.isNaN(parsed) ? fallback : parsed;
}
