import type { VendorClient } from "../accounts/client.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "./cursors.ts";
import { enrichAll, type LeftOut } from "./enrich.ts";
import type { Source } from "./fetch.ts";
import { passesOver } from "./lists.ts";
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

/** A few records of a stream, and what of it cannot be had. */
export interface ReadSample {
  records: unknown[];
  leftOut: LeftOut[];
}

/**
 * A few records of a stream as a poll would read them, without deleted ones; nothing is remembered. Those that cannot be had are left
 * out, and so is one of several lists. Undefined when the stream can only list what changed since a cursor.
 * @throws VendorError
 * @throws HooklineError `conflict` before any call when the connection is of the wrong kind, and what a request throws
 */
export async function takeSample(options: SampleOptions): Promise<ReadSample | undefined> {
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
  const leftOut: LeftOut[] = [];
  const read = pages(source, listingOf(stream, recover !== undefined), plan, undefined, passesOver(signal));
  for await (const { records, at, next, failed } of read) {
    if (failed) {
      if (next === null) throw failed;
      leftOut.push({ listed: at.each?.items[at.each.at], error: failed });
      continue;
    }
    const found = records.filter((record) => !stream.deleted?.(record)).slice(0, limit);
    if (!stream.enrich) return { records: found, leftOut };
    const enriched = await enrichAll(source, stream.enrich, found);
    return { records: enriched.records, leftOut: [...leftOut, ...enriched.leftOut] };
  }
  return { records: [], leftOut };
}

/**
 * The records of {@link takeSample}.
 * @throws VendorError, HooklineError why a record cannot be had, when none can
 */
export async function readSample(options: SampleOptions): Promise<unknown[] | undefined> {
  const sample = await takeSample(options);
  const [first] = sample?.leftOut ?? [];
  if (first && sample!.records.length === 0) throw first.error;
  return sample?.records;
}
