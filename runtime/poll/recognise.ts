import type { VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { Context } from "../engine/context.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { knownAfter, knownByKeys } from "../model/known.ts";
import { streamsOfConnection } from "../model/streams.ts";
import { connectorOf } from "../read/connector.ts";
import { everythingOf, listsEverything } from "../read/everything.ts";

/** So many known records, or all where there are fewer, have to be found. */
const ENOUGH = 3;
/** In so many pages at most. */
const MOST_PAGES = 5;
const DEADLINE_MS = 30_000;

/**
 * Makes the function that looks for known records of a connection with other credentials: in the first stream of a resource
 * that has any, for other lists hold things that every account has, such as folders of the vendor's own. The function throws what
 * a request throws, and why one of several lists could not be read that may have them.
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
    if (!listsEverything(compiled)) return false;
    const { input } = stream;
    const [variables, signal] = [await variablesOf(row.user, compiled), AbortSignal.timeout(DEADLINE_MS)];
    const everything = everythingOf({ client, stream: compiled, input, variables, now: clock.now(), signal });
    const found = new Set<string>();
    let left = MOST_PAGES;
    let failure: Error | undefined;
    for await (const { records, failed } of everything.pages) {
      failure ??= failed;
      const keys = records.flatMap((record) => compiled.key(record, input) ?? []);
      for (const key of (await knownByKeys(db, stream.id, keys)).keys()) found.add(key);
      if (found.size >= wanted) return true;
      if (--left === 0) break;
    }
    // What a list that cannot be read has may be what is looked for.
    if (failure) throw failure;
    return false;
  };
}
