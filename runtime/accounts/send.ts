import type { ConnectionRow } from "../model/connections.ts";
import { connectionValues, methodOf, presentCredentials, type Credentials } from "./credentials.ts";
import type { TransportAnswer, TransportRequest } from "../vendor/transports/transport.ts";
import type { Vendor } from "./vendors.ts";

/** Milliseconds one request may take, to the last byte of the answer. */
export const REQUEST_DEADLINE_MS = 30_000;

/** One request with given credentials: no limits, no retries, any status. */
export async function sendOnce(
  vendor: Vendor,
  row: Pick<ConnectionRow, "id" | "user" | "authType" | "inputs" | "captured">,
  credentials: Credentials,
  request: TransportRequest,
  options: { deadlineMs?: number; signal?: AbortSignal } = {},
): Promise<TransportAnswer> {
  const { connector } = vendor;
  const transport = request.path === undefined && request.url === undefined ? vendor.transport : vendor.http;
  const method = methodOf(connector.manifest.authentication, row);
  return transport.send(request, {
    credentials: presentCredentials(method, credentials),
    headers: connector.serverHeaders({ connection: connectionValues(row) }) as Record<string, string>,
    deadlineMs: options.deadlineMs ?? REQUEST_DEADLINE_MS,
    signal: options.signal,
  });
}
