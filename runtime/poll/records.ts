import { unexpectedAnswer } from "../manifest/select.ts";
import { knownByKeys } from "../model/known.ts";
import type { Checkpoint } from "../model/streams.ts";
import { enrichAll } from "../read/fetch.ts";
import { toPolledRecord, type PolledRecord } from "../read/records.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { backfilling, type Reading } from "./reading.ts";

/**
 * Records with what one more request for each adds; with `once`, only those that become events.
 * @throws VendorError
 */
export async function enriched(
  { source, compiled, db, stream, subscribers }: Reading,
  records: readonly unknown[],
  at: Checkpoint,
): Promise<readonly unknown[]> {
  const { enrich } = compiled;
  if (!enrich) return records;
  if (!enrich.once || backfilling(subscribers, at.joining).length > 0) return enrichAll(source, enrich, records);
  if (at.mode === "baseline") return records;
  const keysOf = (record: unknown): string[] =>
    [compiled.key(record) ?? [], compiled.former?.key?.(record) ?? []].flat();
  const known = await knownByKeys(db, stream.id, records.flatMap(keysOf));
  const { old = [], fresh = [] } = Object.groupBy(records, (record) =>
    keysOf(record).some((key) => known.has(key)) ? "old" : "fresh",
  );
  return [...old, ...(await enrichAll(source, enrich, fresh))];
}

/**
 * Records with their keys; some without one are passed over, with a warning.
 * @throws HooklineError `unexpected_answer` when no record of a page has a key
 */
export function keyed(
  { compiled, stream, log }: Reading,
  records: readonly unknown[],
  response: VendorResponse,
): PolledRecord[] {
  const polled = records.flatMap((raw) => toPolledRecord(compiled, raw, stream.input) ?? []);
  const without = records.length - polled.length;
  if (without === 0) return polled;
  if (polled.length === 0) {
    const { primaryKey } = compiled.definition.records;
    throw unexpectedAnswer(response, "records without a key", [primaryKey].flat());
  }
  log.warn({ stream: stream.id, without }, "records without a primary key were skipped");
  return polled;
}
