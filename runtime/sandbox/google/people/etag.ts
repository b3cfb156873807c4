import type { Version } from "../../history.ts";
import { hash32 } from "../../random.ts";

/** The etag of one source: changes with every version. */
export function sourceEtag(version: Version<unknown>): string {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(hash32(version.id, version.sequence), 0);
  bytes.writeUInt32BE(hash32(version.sequence, version.id), 4);
  return `#${bytes.toString("base64")}`;
}

/** The etag of a person, which wraps that of its contact source. */
export function personEtag(version: Version<unknown>): string {
  return `%EgUBAi43PRoEAQIFByIM${Buffer.from(sourceEtag(version).slice(1)).toString("base64")}`;
}
