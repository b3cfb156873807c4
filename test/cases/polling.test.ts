import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { differences, play, type PlayedPoll, type PollingCase } from "./player.ts";

const folder = join(import.meta.dirname, "polling");

const cases = readdirSync(folder)
  .filter((file) => !file.endsWith(".cases.json"))
  .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as PollingCase & { vendorBehaviour: string });

const REFUSED = "only a refusal in known words leads to a full read";
const COMPLETE = "what is gone is looked for in complete reads only, and there is only one";

/** Cases that are not mended yet, and why each fails. */
const STILL_FAILING: Record<string, string> = {
  "calendar-invalid-sync-token-value": REFUSED,
  "calendar-starting-other-zone-notation": "the start is part of the key as text, not as a time",
  "contacts-merge-no-tombstone": "a contact merged into one that was known already is taken for its old name",
  "contacts-photo-replaced": "the fingerprint counts pictures",
  "contacts-rename-over-two-pages": "renames are known within a page only",
  "contacts-sync-token-refused": REFUSED,
  "gmail-added-and-labelled-in-one-record":
    "two changes of one history record share a key, and the last of them counts",
  "gmail-old-mail-after-baseline": "the search that replaces an expired cursor reaches back behind the first poll",
  "gmail-out-of-spam": "arriving mail is looked for among new messages only",
  "tasks-list-deleted": COMPLETE,
  "tasks-moved-between-lists-new-list-first": "the same id in two lists is one key, and both lists speak for it",
  "tasks-tombstones-gone-after-40-days": COMPLETE,
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
