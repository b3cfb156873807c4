import type { VendorClient } from "../accounts/client.ts";
import type { VendorResponse } from "../vendor/response.ts";
import type { Operation } from "../accounts/scopes.ts";
import type { Scope } from "../manifest/expressions.ts";
import { compileTarget, type RequestParts } from "../manifest/targets.ts";
import type { Assignment } from "./paginate.ts";

/** What a stream's requests are made of and sent through. */
export interface Source {
  client: VendorClient;
  /** What the stream's expressions read: input, connection, workspace, user, cursor. */
  scope: Scope;
  /** The stream, as far as its scopes are concerned; without it, nothing is asked for. */
  operation?: Operation;
  signal: AbortSignal;
  /** "action" when a person waits for the answer: such requests may use the part of a limit that polls leave. Default "stream". */
  purpose?: "stream" | "action";
}

/**
 * Sends a request with values put into their places; `url` takes the place of the whole address.
 * @throws VendorError
 * @throws HooklineError `scope_missing`, `rate_limited`, `reauth_required`, `network`, `timeout`, `too_large`, `host_not_allowed`
 */
export async function ask(
  source: Source,
  parts: RequestParts,
  assignments: readonly Assignment[] = [],
  url?: string,
): Promise<VendorResponse> {
  const request = assignments.reduce((request, [target, value]) => compileTarget(target)(request, value), parts);
  const { client, operation, signal, purpose = "stream" } = source;
  return await client.send(url === undefined ? request : { ...request, url }, {
    scope: purpose,
    kind: "read",
    operation,
    signal,
  });
}
