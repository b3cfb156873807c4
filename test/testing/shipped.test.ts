import { describe, expect, it } from "vitest";
import { builtInConnectors, loadManifest } from "../../runtime/manifest/load.ts";
import { testManifest, type ConformanceReport } from "../../runtime/testing.ts";
import { loadRecordings } from "../../runtime/testing/recordings.ts";
import { IS_LARGE } from "../fixtures/tier.ts";

const said = ({ results }: ConformanceReport, outcome: "failed" | "skipped"): string[] =>
  results
    .filter((result) => result.outcome === outcome)
    .map((result) => `${result.area}: ${result.case}: ${result.message}`);

const MINUTES = 10;

/** What the vendor answers to actions whose result cannot be turned around. */
const person = { resourceName: "people/c6048977205317676311", etag: "%EgUBAi43PRoEAQIFByIMVGhlT3JpZ2luYWw=" };
/** Days between two that are not whole. */
const days = (records: readonly { date: string; slots?: string[] }[]): object =>
  Object.fromEntries([
    [" first", { slots: [] }],
    ...records.map(({ date, slots = [] }) => [date, { slots }]),
    ["~last", { slots: [] }],
  ]);
const ANSWERS: Record<string, Record<string, unknown>> = {
  highlevel: { get_free_slots: days },
  "google-contacts": {
    "batch_update_contacts.read": { responses: [{ requestedResourceName: person.resourceName, person }] },
    "batch_update_contacts.write": { updateResult: { [person.resourceName]: { person } } },
  },
};

/** Streams of HighLevel that have recordings; of the other connectors every stream has one. */
const MAIN_STREAMS = [
  "contacts",
  "all_contacts",
  "location_tasks",
  "get_contact_notes",
  "opportunities",
  "search_conversations",
  "messages",
  "list_calendars",
  "appointments",
  "list_calendar_resources",
];

describe.each(builtInConnectors())("%s", (name) => {
  it("has recordings of its main streams", async () => {
    const loaded = await loadManifest(name);
    const { recordings, faults } = await loadRecordings(loaded);
    expect(faults).toEqual([]);
    const recorded = [...recordings.streams.values()].map(({ stream }) => stream);
    const streams = name === "highlevel" ? MAIN_STREAMS : Object.keys(loaded.manifest.streams!);
    expect(recorded.toSorted()).toEqual(streams.toSorted());
  });

  it("makes of its vendor's recorded answers what the recordings say", async () => {
    const { recordings } = await loadRecordings(await loadManifest(name));
    const files = [...recordings.streams.keys(), ...recordings.actions.keys()];
    const report = await testManifest(name, { cases: files.map((file) => `recording ${file}`) });
    expect(said(report, "failed")).toEqual([]);
    expect(report.passed).toBe(files.length);
  });

  it.runIf(IS_LARGE)(
    "passes every vendor of the kit that applies, honest and hostile",
    async () => {
      const report = await testManifest(name, { answers: ANSWERS[name] });
      expect(said(report, "failed")).toEqual([]);
      expect(said(report, "skipped").filter((reason) => /^(stream|trigger).*not testable/.test(reason))).toEqual([]);
      expect(report.passed).toBeGreaterThan(100);
    },
    MINUTES * 60_000,
  );
});
