import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { differences, play, type PlayedPoll, type PollingCase } from "./player.ts";

const folder = join(import.meta.dirname, "polling");

const cases = readdirSync(folder)
  .filter((file) => !file.endsWith(".cases.json"))
  .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as PollingCase & { vendorBehaviour: string });

const ONE_BAD = "one message that cannot be had holds back its whole page";

/** Cases that are not mended yet, and why each fails. */
const STILL_FAILING: Record<string, string> = {
  "gmail-null-part": ONE_BAD,
  "gmail-poison-message": ONE_BAD,
};

describe("polling cases", () => {
  it("are all there", () => {
    const names = cases.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(20);
    expect(Object.keys(STILL_FAILING).filter((name) => !names.includes(name))).toEqual([]);
  });

  describe.each(cases)("$name: $vendorBehaviour", (given) => {
    let played: PlayedPoll[];
    // A fault of the player is no failure of the case: it must not count as one that is still to be mended.
    beforeAll(async () => {
      played = await play(given);
      if (played[0]!.failures.length > 0) throw new Error(`The first poll failed: ${played[0]!.failures.join(", ")}`);
    });

    it("is reported as it should be", { fails: given.name in STILL_FAILING }, () => {
      expect(differences(given, played)).toEqual([]);
    });
  });
});
