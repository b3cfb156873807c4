import { importsOf } from "../fixtures/imports.ts";

/** How many imports may lead from a test to what it is about. */
const FARTHEST = 3;
/** Tests of other rooms are many where a file is used everywhere. */
const MOST_OUTSIDE = 3;

/**
 * The tests that may prove a source file, the nearest first: those of its room, and the nearest of other rooms. Where no test
 * of its room imports the file, those of other rooms count that come to it by a few imports.
 */
export function nearestTests(source: string, files: ReadonlyMap<string, string>): string[] {
  const room = roomOf(source);
  const imports = new Map([...files].map(([file, text]) => [file, importsOf(file, text)]));
  const tests = [...files.keys()]
    .filter((file) => file.endsWith(".test.ts"))
    .map((test) => ({ test, distance: distanceBetween(test, source, imports) }))
    .sort((a, b) => a.distance - b.distance);
  const inside = tests.filter(({ test }) => roomOf(test) === room);
  const outside = tests.filter(({ test, distance }) => roomOf(test) !== room && distance <= FARTHEST);
  const nearer = (inside[0]?.distance ?? FARTHEST) <= 1 ? outside.filter(({ distance }) => distance <= 1) : outside;
  return [...inside, ...nearer.slice(0, MOST_OUTSIDE)].sort((a, b) => a.distance - b.distance).map(({ test }) => test);
}

const roomOf = (file: string): string => file.split("/")[1]!.replace(/(\.test)?\.ts$/, "");

/** How many imports lead from a test to a file; 0 for its namesake, more than the farthest where none do. */
function distanceBetween(test: string, source: string, imports: ReadonlyMap<string, readonly string[]>): number {
  if (test.replace(/^test\//, "runtime/").replace(/\.test\.ts$/, ".ts") === source) return 0;
  const seen = new Set([test]);
  let at = [test];
  for (let distance = 1; distance <= FARTHEST; distance++) {
    at = at.flatMap((file) => imports.get(file) ?? []).filter((file) => !seen.has(file));
    if (at.includes(source)) return distance;
    for (const file of at) seen.add(file);
  }
  return FARTHEST + 1;
}
