import type { EndpointRecord, Format } from "../model/endpoints.ts";
import type { EndpointSecrets } from "./credentials.ts";

/** An endpoint as it is shown: no secret, and of its headers only the names. Times are RFC 3339. */
export interface EndpointView {
  id: string;
  url: string;
  user: string | null;
  events: string[];
  where: string | null;
  format: Format;
  ordered: boolean;
  headerNames: string[];
  ratePerSecond: number | null;
  status: "active" | "disabled";
  disabledReason: string | null;
  /** Until when its receiver last asked to be left alone; may lie in the past. */
  pausedUntil: string | null;
  /** Since when every attempt has failed. */
  failingSince: string | null;
  createdAt: string;
  updatedAt: string;
}

export function endpointView(endpoint: EndpointRecord, { headers }: EndpointSecrets): EndpointView {
  const { id, url, user, events, where, format, ordered, ratePerSecond, status, disabledReason } = endpoint;
  return {
    id,
    url,
    user,
    events,
    where,
    format,
    ordered,
    headerNames: Object.keys(headers),
    ratePerSecond,
    status,
    disabledReason,
    pausedUntil: isoTime(endpoint.pausedUntil),
    failingSince: isoTime(endpoint.failingSince),
    createdAt: new Date(endpoint.createdAt).toISOString(),
    updatedAt: new Date(endpoint.updatedAt).toISOString(),
  };
}

/** RFC 3339, or null for no time. */
export function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
