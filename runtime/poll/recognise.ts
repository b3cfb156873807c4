import type { VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { Context } from "../engine/context.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { knownAfter, knownByKeys } from "../model/known.ts";
import { streamsOfConnection, type StreamRecord } from "../model/streams.ts";
import { connectorOf } from "../read/connector.ts";
import { cursorStrategy } from "../read/cursors.ts";
import type { Source } from "../read/fetch.ts";
import { passesOver } from "../read/lists.ts";
import { listingOf, pages } from "../read/pages.ts";

/** So many known records, or all where there are fewer, have to be found. */
const ENOUGH = 3;
/** In so many pages at most. */
const MOST_PAGES = 5;
const DEADLINE_MS = 30_000;

/**
 * Makes the function that looks for known records of a connection with other credentials: in the first stream of a resource
 * that has any, for other lists hold things that every account has, such as folders of the vendor's own.
 */
export function createRecognition(
  { db, connectors, clock }: Pick<Context, "db" | "connectors" | "clock">,
  variablesOf: VariablesOf,
): (row: ConnectionRow, client: VendorClient) => Promise<boolean> {
  const mainStream = async (row: ConnectionRow) => {
    const { streams } = connectorOf(row, connectors);
    for (const stream of await streamsOfConnection(db, row.id)) {
      const compiled = streams.get(stream.stream);
      if (!compiled?.resource) continue;
      const wanted = (await knownAfter(db, stream.id, "", ENOUGH)).length;
      if (wanted > 0) return { stream, compiled, wanted };
    }
    return undefined;
  };

  return async (row, client) => {
    const main = await mainStream(row);
    if (main === undefined) return false;
    const { stream, compiled, wanted } = main;
    const found = new Set<string>();
    let left = MOST_PAGES;
    for await (const keys of keysOf(client, stream, compiled, await variablesOf(row.user, compiled), clock.now())) {
      for (const key of (await knownByKeys(db, stream.id, keys)).keys()) found.add(key);
      if (found.size >= wanted || --left === 0) break;
    }
    return found.size >= wanted;
  };
}

/** Keys of the records that a stream lists, page by page. */
async function* keysOf(
  client: VendorClient,
  { input }: StreamRecord,
  stream: CompiledStream,
  { workspace, user }: Awaited<ReturnType<VariablesOf>>,
  now: number,
): AsyncGenerator<string[]> {
  const { baseline, recover } = stream.cursor;
  if (baseline && !recover) return;
  const cursor = recover && { cursor: { value: null, sinceSeconds: 0 } };
  const scope = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user }, ...cursor };
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const source: Source = { client, scope, operation: stream, signal };
  const plan = cursorStrategy(stream.cursor, scope).everything(now);
  const list = listingOf(stream, recover !== undefined);
  for await (const { records } of pages(source, list, plan, undefined, passesOver(signal)))
    yield records.flatMap((record) => stream.key(record, input) ?? []);
}
