import type { VendorClient } from "../accounts/client.ts";
import { VendorError } from "../vendor/errors.ts";
import type { VendorResponse } from "../vendor/response.ts";
import type { NeededScope } from "../accounts/scopes.ts";
import type { CompiledEnrich } from "../manifest/connector.ts";
import type { Scope } from "../manifest/expressions.ts";
import { compileTarget, type RequestParts } from "../manifest/targets.ts";
import { isObject } from "../core/json.ts";
import type { Assignment } from "./paginate.ts";

/** What a stream's requests are made of and sent through. */
export interface Source {
  client: VendorClient;
  /** What the stream's expressions read: input, connection, workspace, user, cursor. */
  scope: Scope;
  /** OAuth scopes that the stream needs. */
  scopes: readonly NeededScope[];
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
  const { client, scopes, signal, purpose = "stream" } = source;
  return await client.send(url === undefined ? request : { ...request, url }, {
    scope: purpose,
    kind: "read",
    scopes,
    signal,
  });
}

/** A record that is gone by the time it is looked at more closely. */
const gone = Symbol("gone");

/**
 * Records after one more request for each. A record that is gone by then is left out, which says nothing about the list.
 * @throws VendorError
 * @throws HooklineError like {@link ask}
 */
export async function enrichAll(
  source: Source,
  enrich: CompiledEnrich,
  records: readonly unknown[],
): Promise<unknown[]> {
  const results = Array.from<unknown>({ length: records.length });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < records.length; i = next++) results[i] = await enrichOne(source, enrich, records[i]);
  };
  await Promise.all(Array.from({ length: Math.min(enrich.concurrency, records.length) }, worker));
  return results.filter((record) => record !== gone);
}

async function enrichOne(source: Source, enrich: CompiledEnrich, record: unknown): Promise<unknown> {
  if (enrich.when && !enrich.when(record)) return record;
  try {
    const request = enrich.request({ ...source.scope, record });
    const { client, scopes, signal } = source;
    const response = await client.send(request, { scope: "enrich", kind: "read", scopes, signal });
    const found = enrich.select(response);
    return enrich.into === undefined ? found : { ...(isObject(record) ? record : {}), [enrich.into]: found };
  } catch (error) {
    if (error instanceof VendorError && error.class === "notFound") return gone;
    throw error;
  }
}
