import { canonicalJson } from "../core/json.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { forgetAll } from "../model/known.ts";
import { clearQuarantine } from "../model/quarantine.ts";
import { saveStream, type Checkpoint, type StreamRecord } from "../model/streams.ts";
import { shortHash } from "../read/records.ts";
import { withoutCursors } from "./lists.ts";
import { keptOf } from "./read.ts";
import type { Reading } from "./reading.ts";
import { forgottenGaps } from "./told-until.ts";

const hashes = new WeakMap<CompiledStream, string>();

/** Of a cursor, what does not change the meaning of one that is stored. */
const NO_CHOICES = { per: undefined, initial: undefined, order: undefined, reachesBack: undefined };

/** Hash of everything in a manifest that the cursor of a stream depends on; not what an answer has to look like, or what is done without one. */
export function requestHashOf(compiled: CompiledStream): string {
  let hash = hashes.get(compiled);
  if (hash === undefined) {
    const {
      request,
      each: ofItems,
      records: all,
      pagination,
      cursor: how,
      deleted,
      watch,
      enrich: further,
    } = compiled.definition;
    const { optional: _, expect: _expect, former: _former, createdAt: _createdAt, ...records } = all;
    const { optional: _items, ...each } = ofItems ?? {};
    // A state of all lists together is no cursor of any of them: such a stream is read as a whole and compared.
    const { per: _per, initial: _initial, order: _order, reachesBack: _reach, ...cursor } = { ...NO_CHOICES, ...how };
    const { onError: _onError, ...enrich } = further ?? {};
    const read = {
      request,
      ...(ofItems && { each }),
      records,
      pagination,
      cursor,
      deleted,
      watch,
      ...(further && { enrich }),
    };
    hash = shortHash(canonicalJson(read));
    hashes.set(compiled, hash);
  }
  return hash;
}

/**
 * A stream that was read by another version of the manifest, made ready for this one. With a declared `keep`, the next read goes
 * on at the cursor, with `resync` it compares everything with what is known; with `rebaseline`, or where nothing is declared, all
 * that was known or in doubt is forgotten, the next read takes a silent baseline, and `stream.gap` reports the time in between.
 */
export async function upgraded({
  stream,
  compiled,
  requestHash,
  connector,
  subscribers,
  transaction,
  emit,
  now,
}: Omit<Reading, "source">): Promise<StreamRecord> {
  const { cursorVersion = 1, migrate } = compiled.definition;
  const isSame = stream.requestHash === requestHash && stream.cursorVersion === cursorVersion;
  if (stream.requestHash === null || isSame) return stream;
  const declared = cursorVersion > stream.cursorVersion ? migrate : undefined;
  const isKnown = declared === "resync" || declared === "keep";
  const checkpoint = isKnown && stream.checkpoint !== null ? begunAgain(stream.checkpoint) : null;
  const fresh: StreamRecord = { ...stream, checkpoint, requestHash, cursorVersion };
  if (declared !== "keep") Object.assign(fresh, { cursor: null, missed: withoutCursors(stream.missed) });
  if (!isKnown) Object.assign(fresh, { baselinedAt: null, missed: null, doubt: null });
  await transaction(async (tx) => {
    if (!isKnown) {
      const readers = subscribers.map(({ subscription }) => subscription);
      const subject = { connector, stream, compiled };
      await emit(tx, await forgottenGaps(tx, subject, readers, "request_changed", now()));
      await forgetAll(tx, stream.id);
      await clearQuarantine(tx, stream.id);
    }
    await saveStream(tx, fresh);
  });
  return fresh;
}

/** A read that stopped on its way, at its beginning: its pages may be others now, and what it has held and told stays so. */
function begunAgain(checkpoint: Checkpoint): Checkpoint {
  const { complete, startedAt, mode, joining } = checkpoint;
  const place = { page: null, notes: null, recovering: null };
  return { complete, startedAt, mode, joining, ...place, ...keptOf(checkpoint) };
}
