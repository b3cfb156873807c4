import { describe, expect, it } from "vitest";
import type { Derive } from "../../schemas/manifest.ts";
import { testManifest } from "../../runtime/testing.ts";
import { agencyManifest } from "../accounts/agency.ts";

async function outcomesAfter(change: (derive: Derive) => void): Promise<Record<string, string>> {
  const manifest = structuredClone(agencyManifest());
  change((manifest.authentication as { derive: Derive }).derive);
  const { results } = await testManifest(manifest, { only: ["authentication"] });
  return Object.fromEntries(results.map((result) => [result.case, `${result.outcome}: ${result.message ?? ""}`]));
}

describe("the conformance kit", () => {
  it("derives connections, and plays answers that are no list and no token for what was asked", async () => {
    expect(await outcomesAfter(() => {})).toMatchObject({
      "derived connections": "passed: ",
      "a token for something else": "passed: ",
      "a list of what is installed that is none": "passed: ",
    });
  });

  it("finds a list that is taken to be empty where it is missing", async () => {
    const found = await outcomesAfter((derive) => (derive.each.select = { $expr: "branches || `[]`" }));
    expect(found["a list of what is installed that is none"]).toBe(
      "failed: 200 with {} counts as a list; let derive.each.select read one place",
    );
  });

  it("finds tokens whose owner the answer does not name where the manifest says", async () => {
    const found = await outcomesAfter((derive) => (derive.proof = "$response.header.x-branch"));
    expect(found["derived connections"]).toMatch(/^failed: item-of-the-kit was not derived: .*a token that is not for/);
  });
});
