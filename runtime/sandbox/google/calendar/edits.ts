import type { EditMaker, WeightedEdit } from "../../edit.ts";
import { EVENT_TITLES, STREETS } from "../../names.ts";
import type { Random } from "../../random.ts";
import type { Account } from "../google.ts";
import { spanOf } from "./calendars.ts";

const HOUR = 3_600_000;

const create: EditMaker = ({ calendars }, random) => {
  const start = Math.ceil(calendars.now / HOUR) * HOUR + random.below(72) * HOUR;
  const fields = { summary: random.pick(EVENT_TITLES), ...spanOf(start, start + HOUR) };
  return { kind: "created", resourceName: calendars.create(calendars.primary, fields).id };
};

const relocate: EditMaker = (account, random) => {
  const id = anyEvent(account, random);
  if (id === undefined) return undefined;
  const { calendars } = account;
  calendars.change(calendars.primary, id, { location: `${1 + random.below(200)} ${random.pick(STREETS)}` });
  return { kind: "updated", resourceName: id, what: "location" };
};

const cancel: EditMaker = (account, random) => {
  const id = anyEvent(account, random);
  if (id === undefined) return undefined;
  account.calendars.cancel(account.calendars.primary, id);
  return { kind: "cancelled", resourceName: id };
};

/** What people do to their calendar. */
export const calendarEdits: readonly WeightedEdit[] = [
  { weight: 55, change: create },
  { weight: 35, change: relocate },
  { weight: 10, change: cancel },
];

function anyEvent({ calendars }: Account, random: Random): string | undefined {
  const events = [...calendars.primary.events.live()].filter(({ value }) => value.status !== "cancelled");
  return events.length === 0 ? undefined : random.pick(events).id;
}
