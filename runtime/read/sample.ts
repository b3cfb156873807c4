import type { VendorClient } from "../accounts/client.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "./cursors.ts";
import { enrichAll } from "./enrich.ts";
import type { Source } from "./fetch.ts";
import { listingOf, pages } from "./pages.ts";

export interface SampleOptions {
  client: VendorClient;
  stream: CompiledStream;
  /** The stream's input. */
  input: Record<string, unknown>;
  /** What the stream reads as `$workspace.vars` and `$user.vars`. */
  variables: Awaited<ReturnType<VariablesOf>>;
  /** Most records. */
  limit: number;
  /** Milliseconds since the epoch. */
  now: number;
  signal: AbortSignal;
}

/**
 * A few records of a stream as a poll would read them, without deleted ones; nothing is remembered. Undefined when
 * the stream can only list what changed since a cursor.
 * @throws VendorError
 * @throws HooklineError `conflict` before any call when the connection is of the wrong kind, and what a request throws
 */
export async function readSample(options: SampleOptions): Promise<unknown[] | undefined> {
  const { stream, input, variables, limit, now, signal } = options;
  const { baseline, recover } = stream.cursor;
  if (baseline && !recover) return undefined;
  const what = `${options.client.connector.name}.${stream.name}`;
  const client = await options.client.as(stream.as, what);
  assertRequirement(what, stream.requires, client.values);
  const { workspace, user } = variables;
  const cursor = recover && { cursor: { value: null, sinceSeconds: 0 } };
  const scope = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user }, ...cursor };
  const source: Source = { client, scope, operation: stream, signal };
  const plan = cursorStrategy(stream.cursor, scope).everything(now);
  for await (const { records } of pages(source, listingOf(stream, recover !== undefined), plan)) {
    const found = records.filter((record) => !stream.deleted?.(record)).slice(0, limit);
    return stream.enrich ? await enrichAll(source, stream.enrich, found) : found;
  }
  return [];
}
