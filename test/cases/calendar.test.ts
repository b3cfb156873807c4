import { expect, it } from "vitest";
import { differences, play, type PollingCase } from "./player.ts";

type Items = Record<string, unknown>[];

const list = (items: Items, more: object = { nextSyncToken: "t" }) => ({
  status: 200,
  body: { kind: "calendar#events", items, ...more },
});

/** Plays polls with what each read of the calendar lists; gives how the events differ from what is expected. */
async function faults(
  trigger: string,
  polls: [answer: { status: number; body: unknown }, expect: string[]][],
  isIncremental: boolean,
): Promise<string[]> {
  const given: PollingCase = {
    name: "calendar",
    connector: "google-calendar",
    subscribe: [{ trigger }],
    setup: [{ path: "/events$", query: { maxResults: "1" }, answer: { status: 200, body: { summary: "ada@x" } } }],
    polls: polls.map(([answer, expect], index) => ({
      expect,
      answers: isIncremental
        ? [
            { path: "/events$", query: { syncToken: null }, answer },
            { path: "/events$", answer: index === 0 ? answer : { status: 410, body: { error: { code: 410 } } } },
          ]
        : [{ path: "/events$", answer }],
    })),
  };
  return differences(given, await play(given));
}

const series = { id: "s", status: "confirmed", summary: "Standup", recurrence: ["RRULE:FREQ=DAILY"] };
const other = { id: "o", status: "confirmed", summary: "Other" };
const occurrence = { id: "s_1", recurringEventId: "s", originalStartTime: { dateTime: "2026-12-01T10:00:00Z" } };
const confirmed = { ...occurrence, status: "confirmed", summary: "Moved" };
const cancelled = { ...occurrence, status: "cancelled" };

it("an occurrence is cancelled once, however many full reads list it or leave it out", async () => {
  const all: Items = [series, other];
  expect(
    await faults(
      "event_cancelled",
      [
        [list([...all, confirmed]), []],
        [list([...all, cancelled]), ["event.cancelled s_1"]],
        [list(all), []],
        [list(all), []],
        [list([...all, cancelled]), []],
        [list(all), []],
        [list([...all, confirmed]), []],
        [list([...all, cancelled]), ["event.cancelled s_1"]],
      ],
      true,
    ),
  ).toEqual([]);
});

it("many cancelled occurrences that a full read leaves out are no deletions to be doubted", async () => {
  const many = Array.from({ length: 30 }, (_, n) => ({ ...cancelled, id: `s_${n}` }));
  expect(
    await faults(
      "event_cancelled",
      [
        [list([series, other, ...many]), []],
        [list([series]), ["event.cancelled o"]],
      ],
      true,
    ),
  ).toEqual([]);
});

it("an event starts once, however often a read of the span leaves it out", async () => {
  const starting = { ...other, start: { dateTime: "2026-11-30T10:00:00Z" }, end: { dateTime: "2026-11-30T18:00:00Z" } };
  const elsewhere = { ...starting, start: { dateTime: "2026-11-30T12:00:00Z" } };
  expect(
    await faults(
      "event_starting",
      [
        [list([]), []],
        [list([starting]), ["event.starting o"]],
        [list([]), []],
        [list([starting]), []],
        [list([elsewhere]), ["event.starting o"]],
      ],
      false,
    ),
  ).toEqual([]);
});
