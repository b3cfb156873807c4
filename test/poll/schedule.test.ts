import { describe, expect, it } from "vitest";
import { assertCron, defaultSchedule, nextRun } from "../../runtime/poll/schedule.ts";

const at = (time: string): number => Date.parse(time);

describe("schedules", () => {
  it("keep a cron expression to the minute in its time zone, over a change to summer time", () => {
    const schedule = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    expect(nextRun(schedule, 7, at("2026-03-27T12:00:00Z"))).toBe(at("2026-03-28T01:30:00Z"));
    expect(nextRun(schedule, 7, at("2026-03-29T12:00:00Z"))).toBe(at("2026-03-30T00:30:00Z"));
  });

  it("take UTC when no time zone is given", () => {
    expect(nextRun({ cron: "0 9 * * 1" }, 0, at("2026-11-21T12:00:00Z"))).toBe(at("2026-11-23T09:00:00Z"));
  });

  it("spread equal intervals by a stable offset and keep their length", () => {
    const now = at("2026-11-21T12:00:00Z");
    const first = Array.from({ length: 1000 }, (_, stream) => nextRun({ everySeconds: 300 }, stream, now));
    expect(first.every((run) => run > now && run <= now + 300_000)).toBe(true);
    const perMinute = Object.values(Object.groupBy(first, (run) => Math.floor((run - now - 1) / 60_000)));
    expect(perMinute).toHaveLength(5);
    for (const minute of perMinute) expect(minute!.length).toBeGreaterThan(150);
    for (const [stream, run] of first.entries())
      expect(nextRun({ everySeconds: 300 }, stream, run)).toBe(run + 300_000);
  });

  it("read a manifest's every-n-minutes as an interval, and anything else as it stands", () => {
    expect(defaultSchedule("*/5 * * * *")).toEqual({ everySeconds: 300 });
    expect(defaultSchedule("* * * * *")).toEqual({ everySeconds: 60 });
    expect(defaultSchedule("*/7 * * * *")).toEqual({ cron: "*/7 * * * *" });
    expect(defaultSchedule("0 3 * * *")).toEqual({ cron: "0 3 * * *" });
  });

  it("refuse what is no cron expression, no time zone, or too often, saying what would be right", () => {
    expect(() => assertCron("every day", undefined, 60)).toThrow(
      /not a cron expression of five fields; write minute, hour/,
    );
    expect(() => assertCron("61 * * * *", undefined, 60)).toThrow(/"61 \* \* \* \*" is not a cron expression: minute/);
    expect(() => assertCron("0 9 * * *", "Mars/Olympus", 60)).toThrow(
      /"Mars\/Olympus" is not a time zone; use an IANA name/,
    );
    expect(() => assertCron("* * * * *", undefined, 300)).toThrow(
      /runs every 60 s; at most one run every 300 s is allowed/,
    );
    expect(() => assertCron("*/5 * * * *", "Europe/Berlin", 300)).not.toThrow();
  });
});
