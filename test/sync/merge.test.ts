import { describe, expect, it } from "vitest";
import { changedInput } from "../../runtime/sync/input.ts";
import { keysOf, pairUp } from "../../runtime/sync/keys.ts";
import { merge } from "../../runtime/sync/merge.ts";
import { selectFields } from "../../runtime/sync/values.ts";

const emails = (...values: string[]) => ({ emails: values.map((value) => ({ value })) });
const phones = (...values: string[]) => ({ phones: values.map((value) => ({ value })) });

describe("a merge", () => {
  it("takes what each side changed, and no more", () => {
    const base = { agreed: { a: 1, b: 1, c: 1 }, left: { a: 1, b: 1 }, right: { a: 1, b: 1, c: 1 } };
    const merged = merge(base, { left: { a: 2, b: 1 }, right: { a: 1, b: 3 } }, "left");
    expect(merged).toEqual({
      agreed: { a: 2, b: 3 },
      left: { a: 2, b: 3 },
      right: { a: 2, b: 3 },
      conflicts: [],
    });
  });

  it("brings lists together item by item, and moves what has become the first to the front", () => {
    const both = emails("a@x.de", "b@x.de");
    const base = { agreed: both, left: both, right: emails("a@x.de") };
    const merged = merge(base, { left: emails("a@x.de", "b@x.de", "c@x.de"), right: emails("New@x.de") }, "left");
    expect(merged.agreed).toEqual(emails("New@x.de", "b@x.de", "c@x.de"));
    expect(merged.left).toEqual(emails("New@x.de", "b@x.de", "c@x.de"));
    expect(merged.conflicts).toEqual([]);
  });

  it("sees a conflict where both put something else in the place of one item, and keeps the winner's", () => {
    const base = { agreed: emails("a@x.de"), left: emails("a@x.de"), right: emails("a@x.de") };
    const now = { left: emails("l@x.de"), right: emails("r@x.de") };
    expect(merge(base, now, "right")).toEqual({
      agreed: emails("r@x.de"),
      left: emails("r@x.de"),
      right: emails("r@x.de"),
      conflicts: [{ field: "emails", left: now.left.emails, right: now.right.emails }],
    });
  });

  it("leaves each side its own words for what both have when they are first compared", () => {
    const none = { agreed: null, left: null, right: null };
    const now = {
      left: { name: "ADA", ...phones("020 7946 0000", "1") },
      right: { name: "Ada", ...phones("+442079460000") },
    };
    const merged = merge(none, now, "left");
    expect(merged.left).toEqual(now.left);
    expect(merged.right).toEqual({ name: "Ada", ...phones("+442079460000", "1") });
    expect(merged.conflicts).toEqual([]);
  });
});

describe("what is written", () => {
  it("is only what is different, with what is gone as nothing", () => {
    const now = {
      first: "Ada",
      note: "old",
      emails: [{ value: "a" }],
      organization: { name: "X", title: "T" },
      age: 3,
    };
    expect(changedInput(now, { first: "Ada", organization: { name: "Y" } })).toEqual({
      note: "",
      emails: [],
      organization: { name: "Y", title: "" },
    });
    expect(changedInput(now, now)).toBeUndefined();
    expect(changedInput({ age: 3 }, {})).toBeUndefined();
  });

  it("leaves out what each vendor makes itself, unless it is asked for", () => {
    const contact = {
      type: "contact",
      id: "1",
      displayName: "Ada L",
      firstName: "Ada",
      emails: [],
      photoUrl: "https://x.de",
    };
    expect(selectFields(contact, {})).toEqual({ firstName: "Ada" });
    expect(selectFields(contact, { include: ["displayName"] })).toEqual({ displayName: "Ada L" });
    expect(selectFields(contact, { exclude: ["firstName"] })).toEqual({});
  });
});

describe("recognising the same person", () => {
  const candidates = (...list: object[]) => list.map((resource, i) => ({ id: `c${i}`, keys: keysOf({ ...resource }) }));
  const pairs = (left: object[], right: object[]) =>
    pairUp(candidates(...left), candidates(...right)).pairs.map(([one, other]) => `${one.id}=${other.id}`);
  const named = (firstName: string, lastName: string, more: object = {}) => ({ firstName, lastName, ...more });

  it.each([
    ["one of several addresses in another case", [emails("A@x.de", "b@x.de")], [emails("B@X.DE")], ["c0=c0"]],
    ["a number in another notation", [phones("(020) 7946-0000")], [phones("+44 20 7946 0000")], ["c0=c0"]],
    ["the same name in another case", [named("Ada", "Lovelace")], [named("ADA ", "lovelace")], ["c0=c0"]],
    [
      "a number and a part of the name",
      [named("Ada", "Lovelace", phones("+44 20 7946 0001"))],
      [{ firstName: "Ada", ...phones("020 7946 0001") }],
      ["c0=c0"],
    ],
    [
      "a household's number, with other names",
      [named("Ada", "L", phones("+44 20 7946 0001"))],
      [named("Bob", "L", phones("020 7946 0001"))],
      [],
    ],
    [
      "the same name, with other addresses",
      [named("Ann", "Lee", emails("a@x.de"))],
      [named("Ann", "Lee", emails("b@x.de"))],
      [],
    ],
    ["a short extension", [{ firstName: "A", ...phones("12") }], [{ firstName: "B", ...phones("12") }], []],
    ["nothing to go by", [{ notes: "x" }], [{ notes: "x" }], []],
    [
      "two of a name on either side",
      [named("Ann", "Lee"), named("Ann", "Lee")],
      [named("Ann", "Lee"), named("Ann", "Lee")],
      ["c0=c0", "c1=c1"],
    ],
    [
      "an address before a name",
      [named("Ann", "Lee"), emails("a@x.de")],
      [named("Ann", "Lee", emails("a@x.de"))],
      ["c1=c0"],
    ],
  ])("by %s", (_, left, right, expected) => {
    expect(pairs(left, right)).toEqual(expected);
  });
});
