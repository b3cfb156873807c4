import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { testManifest } from "../../runtime/testing.ts";

const folder = fileURLToPath(new URL("../fixtures/kinds/", import.meta.url));
/** Parts of the others. */
const PARTS: ReadonlySet<string> = new Set(["thing.json"]);

/** Few cases of each, for they differ in how their connection proves itself and in nothing else. */
const CASES = [
  "500 and 503, then an answer",
  "an access token that ends while pages are read",
  "every page is read",
  "one new token for many callers at once",
];

describe.each(readdirSync(folder).filter((file) => !PARTS.has(file)))("the kit with %s", (file) => {
  it("connects, reads and recovers", async () => {
    const { passed, results } = await testManifest(folder + file, { cases: CASES });
    expect(results.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    expect(passed).toBeGreaterThan(0);
    const titles = results.filter(({ outcome }) => outcome === "passed").map((result) => result.case);
    const hasToken = /client|session|jwt/.test(file);
    expect(titles.includes("one new token for many callers at once")).toBe(hasToken);
  });
});
