import { Finding, Skip } from "./outcome.ts";
import { many, ONCE, VERSION, type Run } from "./situations.ts";
import { withUnknownField, type StreamBench } from "./stream-bench.ts";

/** What a stream tells of changes. See the names. */
export const CHANGE_CASES: Record<string, Run> = {
  "a created record is told once": async (s) => {
    many(s);
    await s.begin(2);
    const key = s.listing.create();
    await s.expect([`created ${key}`], VERSION);
    await s.expect([], ONCE);
  },
  "an updated record is told once": async (s) => {
    const [key] = await s.begin(2);
    if (!s.tellsUpdates) throw new Skip("the version is the key: updates do not count");
    await s.expect(s.alter(key), VERSION);
    await s.expect([], ONCE, 2);
  },
  "a deleted record is told once": async (s) => {
    many(s);
    if (!tellsDeletions(s)) throw new Skip("the manifest does not promise to tell deletions");
    const [key] = await s.begin(2);
    s.listing.remove(key!);
    await s.expect(
      [`deleted ${key}`],
      "say in the stream's deleted how the vendor marks what is gone, or drop the trigger on deleted",
    );
    await s.expect([], ONCE);
  },
  "the same record twice in a list": async (s) => {
    many(s);
    const [key] = await s.begin(2);
    s.listing.repeats = true;
    await s.expect([...s.alter(key), `created ${s.listing.create()}`], VERSION);
    await s.expect([], ONCE);
  },
  "an empty list": async (s) => {
    many(s);
    await s.begin(0);
    const key = s.listing.create();
    await s.expect([`created ${key}`], VERSION);
  },
  "fields the manifest does not know": async (s) => {
    many(s);
    await s.begin(1);
    const key = s.listing.create({ edit: withUnknownField });
    const shown = s.listing.shown(s.listing.entries.get(key)!.record) as { hooklineKitUnknown?: unknown };
    if (shown.hooklineKitUnknown === undefined) throw new Skip("records.select names every field of a record");
    const [event] = await s.expect([`created ${key}`], VERSION);
    const { record } = event!.data as { record: { hooklineKitUnknown?: unknown } };
    if (record.hooklineKitUnknown === undefined) throw new Finding("an unknown field is missing in the event's record");
  },
};

function tellsDeletions(s: StreamBench): boolean {
  const { definition, name } = s.stream;
  const promised = [...s.bench.subject.connector.triggers.values()].some(
    (trigger) => trigger.stream === name && trigger.on === "deleted",
  );
  const { cursor } = definition;
  return promised || definition.deleted !== undefined || (cursor.type === "snapshot" && cursor.partial !== true);
}
