import type { VariablesOf } from "../accounts/variables.ts";
import type { VendorClient } from "../accounts/client.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "./cursors.ts";
import { listItems, withItem } from "./each.ts";
import { enrichAll, send, type Source } from "./fetch.ts";
import { Paginator } from "./paginate.ts";

export interface SampleOptions {
  client: VendorClient;
  stream: CompiledStream;
  /** The stream's input. */
  input: Record<string, unknown>;
  /** What the stream reads as `$workspace.vars` and `$user.vars`. */
  variables: Awaited<ReturnType<VariablesOf>>;
  /** Most records. */
  limit: number;
  now: number;
  signal: AbortSignal;
}

/**
 * A few records of a stream as a poll would read them, deleted ones left out; nothing is remembered of it. Undefined when
 * the stream can only tell what changed since a cursor.
 * @throws HooklineError `conflict` before any call when the connection is of the wrong kind
 * @throws VendorError, or what else the request throws
 */
export async function readSample(options: SampleOptions): Promise<unknown[] | undefined> {
  const { client, stream, input, variables, limit, now, signal } = options;
  const { baseline, recover } = stream.cursor;
  if (baseline && !recover) return undefined;
  assertRequirement(`${client.connector.name}.${stream.name}`, stream.requires, client.values);
  const listing = recover ?? stream;
  const { select } = recover?.records ?? stream;
  const cursor = recover ? { value: null, sinceSeconds: 0 } : null;
  const { workspace, user } = variables;
  const read = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user }, cursor };
  const source: Source = { client, scope: read, scopes: stream.scopes, signal };
  const item = stream.each && (await listItems(source, stream.each)).items[0];
  if (stream.each && item === undefined) return [];
  const scope = { ...source.scope, item };
  const plan = cursorStrategy(stream.cursor, scope).everything(now);
  const { assignments } = new Paginator(listing.pagination).request(null);
  const response = await send(source, listing.request(scope), [...plan.assignments, ...assignments]);
  const records = select(response);
  const found = (stream.each ? withItem(records, stream.each, item) : records)
    .filter((record) => !stream.deleted?.(record))
    .slice(0, limit);
  return stream.enrich ? await enrichAll(source, stream.enrich, found) : found;
}
