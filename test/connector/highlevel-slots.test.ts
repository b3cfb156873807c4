import { expect, it } from "vitest";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import { openHighLevel } from "./highlevel-world.ts";

const DAY_MS = 86_400_000;

it("free times that pass, and days that come within reach, are no news; what is booked or comes free is", async () => {
  await using world = await openHighLevel();
  const calendarId = samples.calendar.id;
  const subscription = await world.subscribe("get_free_slots", { calendarId });
  // Each hour of two days, and then each day of six weeks: further than the first read saw.
  for (const step of [...Array<number>(48).fill(DAY_MS / 24), ...Array<number>(42).fill(DAY_MS)]) {
    world.clock.advance(step);
    expect(await world.poll(subscription)).toEqual([]);
  }
  // A working day of next week, at ten.
  const monday = Math.ceil(world.clock.now() / DAY_MS) * DAY_MS;
  const day = Array.from({ length: 7 }, (_, n) => monday + (7 + n) * DAY_MS).find(
    (time) => new Date(time).getUTCDay() === 3,
  )!;
  const startTime = new Date(day + 10 * 3_600_000).toISOString();
  const date = startTime.slice(0, 10);
  const booked = (await world.run("create_appointment", { calendarId, contactId: samples.contact.id, startTime })) as {
    id: string;
  };
  const taken = await world.poll(subscription);
  expect(taken).toMatchObject([{ type: "free_slots.changed", data: { change: "updated", record: { date } } }]);
  expect((taken[0]!.data as { record: { slots: string[] } }).record.slots).not.toContain(startTime);
  await world.run("delete_event", { eventId: booked.id });
  const freed = await world.poll(subscription);
  expect(freed).toMatchObject([{ data: { change: "updated", record: { date } } }]);
  expect((freed[0]!.data as { record: { slots: string[] } }).record.slots).toContain(startTime);
});
