import type { VendorResponse } from "../vendor/response.ts";
import type { TransportRequest } from "../vendor/transports/transport.ts";
import { connectionValues, type OpenConnection } from "./credentials.ts";
import { presentCredentials } from "./present.ts";
import type { Vendor } from "./vendors.ts";

/** Milliseconds one request may take, to the last byte of the response. */
const REQUEST_DEADLINE_MS = 30_000;

/**
 * One request with given credentials: no limits, no retries, a response of any status.
 * @throws HooklineError `network`, `timeout`, `too_large`, `host_not_allowed`, `invalid_input`
 */
export async function callVendor(
  vendor: Vendor,
  opened: OpenConnection,
  request: TransportRequest,
  signal?: AbortSignal,
): Promise<VendorResponse> {
  const { connector } = vendor;
  const transport = request.path === undefined && request.url === undefined ? vendor.transport : vendor.http;
  return transport.request(request, {
    credentials: presentCredentials(connector, opened),
    headers: connector.serverHeaders({ connection: connectionValues(opened.row) }) as Record<string, string>,
    deadlineMs: REQUEST_DEADLINE_MS,
    signal,
  });
}
