import { createHash } from "node:crypto";
import { invalidArgument } from "../errors.ts";

/** Where a client stands in a list; what a page token and a sync token carry. */
export interface Place {
  kind: "page" | "sync";
  account: string;
  list: string;
  /** Fingerprint of the request's other parameters, which must stay the same. */
  parameters: string;
  /** The bound of the whole listing: all its pages show this one moment. */
  bound: number;
  /** Where the next page begins; a sync token stands at its own bound. */
  position: number;
  /** When the full listing was made that the client's knowledge rests on, in milliseconds since the epoch. */
  fullSyncAt: number;
  /** The account's epoch; raising that expires every sync token. */
  epoch: number;
}

export function encodePlace(place: Place): string {
  const text = JSON.stringify(place);
  return Buffer.from(`${checksum(text)}${text}`).toString("base64url");
}

/** Reads a token back; throws INVALID_ARGUMENT for one that this account, list and kind of parameter did not issue. */
export function decodePlace(token: string, expected: Pick<Place, "kind" | "account" | "list">): Place {
  const text = Buffer.from(token, "base64url").toString();
  const json = text.slice(CHECKSUM_LENGTH);
  if (checksum(json) === text.slice(0, CHECKSUM_LENGTH)) {
    const place = JSON.parse(json) as Place;
    if (place.kind === expected.kind && place.account === expected.account && place.list === expected.list)
      return place;
  }
  throw invalidArgument(`Invalid ${expected.kind} token.`);
}

/** A short name for a set of parameters, equal when they are. */
export function fingerprint(parameters: Record<string, unknown>): string {
  return checksum(JSON.stringify(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1))));
}

const CHECKSUM_LENGTH = 16;

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, CHECKSUM_LENGTH);
}
