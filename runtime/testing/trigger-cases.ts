import type { CompiledTrigger } from "../manifest/connector.ts";
import type { Subject } from "./bench.ts";
import { Finding, Skip, type Case } from "./outcome.ts";
import { StreamBench } from "./stream-bench.ts";

/** A trigger fires once, for its own change. */
export function triggerCase(subject: Subject, trigger: CompiledTrigger): Case {
  return {
    area: `trigger ${trigger.name}`,
    name: "fires once",
    run: async () => {
      await using s = await StreamBench.open(subject, trigger.stream);
      await fires(s, trigger);
    },
  };
}

async function fires(s: StreamBench, trigger: CompiledTrigger): Promise<void> {
  const { on } = trigger;
  if (typeof on === "object") await changeWatched(s, trigger, on);
  else await change(s, trigger, on);
  const told = await occurrences(s, trigger);
  if (told === 0 && trigger.where) throw new Skip("its where does not hold for a record made from the sample");
  if (told !== 1)
    throw new Finding(
      `${trigger.event} was told ${told} times for one change; check on, and the stream's ${typeof on === "object" ? "watch" : "records"}`,
    );
  const again = await occurrences(s, trigger);
  if (again > 0) throw new Finding(`${trigger.event} was told again by the next poll; check the stream's records`);
}

async function change(
  s: StreamBench,
  { name, definition }: CompiledTrigger,
  on: "created" | "updated" | "deleted" | "any",
): Promise<void> {
  if (s.single && (on === "created" || on === "deleted")) throw new Skip("the stream is one record");
  const [key] = await s.begin(2, name);
  // A condition is met by the trigger's own sample, if by any record.
  const sample = definition.where === undefined ? undefined : definition.sample;
  if (on === "deleted") s.listing.remove(key!);
  else if (on === "created")
    s.listing.create({ edit: (record, ...at) => (sample ? s.forge.like(sample, record, ...at) : record) });
  else
    s.listing.update(key!, {
      edit: (record, ...at) => s.forge.update(sample ? s.forge.like(sample, record, ...at) : record, ...at),
    });
}

async function changeWatched(
  s: StreamBench,
  { name: trigger, definition }: CompiledTrigger,
  on: object,
): Promise<void> {
  const [[kind, watch]] = Object.entries(on) as [["added" | "removed" | "changed", string]];
  const [key] = await s.begin(2, trigger);
  const apply = (how: typeof kind): void =>
    s.listing.update(key!, {
      edit: (record, revision, time) => {
        const changed = s.forge.watched(record, watch, how, revision, time, definition.sample);
        if (changed === undefined)
          throw new Skip(
            `not testable from the manifest: no record can be made whose "${watch}" was ${how}; give a sample that has one`,
          );
        return changed;
      },
    });
  const before = s.stream.watch!(s.listing.entries.get(key!)!.record)[watch];
  if (kind === "removed" && !(Array.isArray(before) && before.length > 0)) {
    apply("added");
    await s.bench.poll();
  }
  apply(kind);
}

async function occurrences(s: StreamBench, trigger: CompiledTrigger): Promise<number> {
  const events = await s.bench.poll();
  await s.assertPolled();
  return events.filter(({ type, data }) => type === trigger.event && data.trigger === trigger.name).length;
}
