import { describe, expect, it } from "vitest";
import { timeMs } from "../../runtime/core/vendor-time.ts";

const AT = Date.UTC(2026, 0, 1, 12, 30);

describe("a time as a vendor writes it", () => {
  it.each([
    ["RFC 3339", "2026-01-01T12:30:00Z"],
    ["with an offset", "2026-01-01T13:30:00+01:00"],
    ["without a zone, which is UTC", "2026-01-01T12:30:00"],
    ["without a zone and with a blank", "2026-01-01 12:30:00.000"],
    ["as mails have it", "Thu, 1 Jan 2026 13:30:00 +0100"],
    ["as headers have it", "Thu, 01 Jan 2026 12:30:00 GMT"],
    ["epoch milliseconds", AT],
    ["epoch seconds, as text", String(AT / 1000)],
  ])("is read %s", (_form, value) => expect(timeMs(value)).toBe(AT));

  it.each([
    ["no time"],
    ["note 12"],
    ["-1"],
    ["1.5"],
    ["01/02/2026"],
    ["Thu, 1 Jan 2026 13:30:00"],
    ["2026-13-01"],
    [""],
    [null],
    [{}],
    [Number.NaN],
  ])("is none for %j", (value) => expect(timeMs(value)).toBeNull());

  it("is in seconds below 1e11, and in milliseconds from there", () => {
    expect(timeMs(99_999_999_999)).toBe(99_999_999_999_000);
    expect(timeMs(100_000_000_000)).toBe(100_000_000_000);
  });
});
