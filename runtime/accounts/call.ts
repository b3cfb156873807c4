import type { VendorResponse } from "../vendor/response.ts";
import type { TransportRequest } from "../vendor/transports/transport.ts";
import { connectionValues, methodOf, presentCredentials, type OpenConnection } from "./credentials.ts";
import type { Vendor } from "./vendors.ts";

/** Milliseconds one request may take, to the last byte of the response. */
const REQUEST_DEADLINE_MS = 30_000;

/**
 * One request with given credentials: no limits, no retries, a response of any status.
 * @throws HooklineError `network`, `timeout`, `too_large`, `host_not_allowed`, `invalid_input`
 */
export async function callVendor(
  vendor: Vendor,
  { row, credentials }: OpenConnection,
  request: TransportRequest,
  signal?: AbortSignal,
): Promise<VendorResponse> {
  const { connector } = vendor;
  const transport = request.path === undefined && request.url === undefined ? vendor.transport : vendor.http;
  const method = methodOf(connector.manifest.authentication, row);
  return transport.request(request, {
    credentials: presentCredentials(method, credentials),
    headers: connector.serverHeaders({ connection: connectionValues(row) }) as Record<string, string>,
    deadlineMs: REQUEST_DEADLINE_MS,
    signal,
  });
}
