import { invalidArgument } from "./errors.ts";

/** A page size; more than the maximum counts as the maximum. */
export function readPageSize(text: string | null, fallback: number, maximum: number): number {
  if (text === null) return fallback;
  if (!/^[1-9]\d*$/.test(text))
    throw invalidArgument(`Invalid value '${text}'. Values must be within the range: [1, ${maximum}]`);
  return Math.min(Number(text), maximum);
}

/** A page of a list that is short enough to be made anew for each page; the token says how much was read. */
export function slicePage<T>(
  all: readonly T[],
  pageToken: string | null,
  size: number,
): { items: T[]; nextPageToken?: string } {
  const from = readPlace(pageToken);
  const end = from + size;
  return {
    items: all.slice(from, end),
    ...(end < all.length && { nextPageToken: Buffer.from(`at ${end}`).toString("base64url") }),
  };
}

function readPlace(pageToken: string | null): number {
  if (!pageToken) return 0;
  const place = /^at (\d+)$/.exec(Buffer.from(pageToken, "base64url").toString());
  if (!place) throw invalidArgument("Invalid page token.");
  return Number(place[1]);
}
