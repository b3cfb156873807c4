import { assertRequirement } from "../accounts/requirement.ts";
import { enrichAll, type LeftOut } from "./enrich.ts";
import { everythingOf, listsEverything, type EverythingOptions } from "./everything.ts";

export interface SampleOptions extends EverythingOptions {
  /** Most records. */
  limit: number;
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
  const { stream, limit } = options;
  if (!listsEverything(stream)) return undefined;
  const what = `${options.client.connector.name}.${stream.name}`;
  const client = await options.client.as(stream.as, what);
  assertRequirement(what, stream.requires, client.values);
  const everything = everythingOf({ ...options, client });
  const leftOut: LeftOut[] = [];
  for await (const { records, at, next, failed } of everything.pages) {
    if (failed) {
      if (next === null) throw failed;
      leftOut.push({ listed: at.each?.items[at.each.at], error: failed });
      continue;
    }
    const found = records.filter((record) => !stream.deleted?.(record)).slice(0, limit);
    if (!stream.enrich) return { records: found, leftOut };
    const enriched = await enrichAll(everything.source, stream.enrich, found);
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
