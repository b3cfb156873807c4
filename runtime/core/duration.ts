import { Lru } from "./lru.ts";

const units = { D: 86_400_000, H: 3_600_000, M: 60_000, S: 1000, W: 604_800_000 };

/** Those that were read before: manifests name few, and each poll asks for some. */
const known = new Lru<string, number>(1000);

/**
 * Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds (`P6D`, `PT90M`).
 * Months and years have no fixed length: `TypeError`, as for anything else that is no duration.
 */
export function durationMs(iso: string): number {
  return known.getOr(iso, () => read(iso));
}

function read(iso: string): number {
  const match = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(iso);
  if (!match || iso.endsWith("P") || iso.endsWith("T"))
    throw new TypeError(`"${iso}" is not an ISO 8601 duration such as P6D or PT1H`);
  const [, weeks, days, hours, minutes, seconds] = match.map((part) => Number(part ?? 0));
  return weeks! * units.W + days! * units.D + hours! * units.H + minutes! * units.M + seconds! * units.S;
}
