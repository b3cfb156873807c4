import { describe, expect, it } from "vitest";
import { differences, play, type PollingCase } from "./player.ts";
import type { Answer } from "./vendor.ts";

const labels = (...names: string[]): Answer => ({
  path: "/labels$",
  answer: { status: 200, body: { labels: names.map((name) => ({ id: `id-${name}`, name, type: "user" })) } },
});

/** Two labels appear after the first poll. */
const CASE: PollingCase = {
  name: "labels",
  connector: "gmail",
  subscribe: [{ trigger: "label_created" }],
  setup: [{ path: "/profile$", answer: { status: 200, body: { emailAddress: "ada@x", historyId: "100" } } }],
  polls: [
    { answers: [labels("One")], expect: [] },
    { answers: [labels("One", "Two", "Three")], expect: ["label.created id-Two", "label.created id-Three"] },
  ],
};

const withSecond = (second: Partial<PollingCase["polls"][number]>): PollingCase => ({
  ...CASE,
  polls: [CASE.polls[0]!, { ...CASE.polls[1]!, ...second }],
});

/** The requests of a poll for its list, apart from the one that learns whose account it is. */
const listed = ({ requests }: { requests: string[] }): string[] => requests.filter((one) => one.endsWith("/labels"));

describe("a case", () => {
  it("passes when exactly what it expects is reported, in any order", async () => {
    const played = await play(CASE);
    expect(differences(CASE, played)).toEqual([]);
    expect(played.flatMap(listed)).toEqual(Array(2).fill("GET /gmail/v1/users/me/labels"));
  });

  it("fails at each event that should be there and is not, or the other way round", async () => {
    const played = await play(CASE);
    const wrong = withSecond({
      expect: ["label.created id-Two"],
      some: ["label.created id-Two", "label.created id-Four"],
      never: ["label.created id-Three", "label.created id-Four"],
    });
    expect(differences({ ...wrong, overall: ["label.created id-Two", "label.deleted id-One"] }, played)).toEqual([
      "poll 2 reported label.created id-Three, label.created id-Two instead of label.created id-Two",
      "poll 2 did not report label.created id-Four",
      "poll 2 reported label.created id-Three",
      "no poll reported label.deleted id-One",
    ]);
    expect(differences(withSecond({ expect: [] }), played)).toHaveLength(1);
    const twice = withSecond({ expect: [...CASE.polls[1]!.expect!, "label.created id-Two"] });
    expect(differences(twice, played), "an event that is expected twice").toHaveLength(1);
  });

  it("cannot be played when a request fits none of its answers", async () => {
    const unanswered = withSecond({ answers: [{ ...labels("One"), query: { page: "2" } }] });
    await expect(play(unanswered)).rejects.toThrow("labels, poll 2: no answer fits GET /gmail/v1/users/me/labels");
  });

  it("answers by the first answer whose path and query fit, where null is a parameter that is absent", async () => {
    const answers = [
      { ...labels("Wrong"), query: { page: "2" } },
      { ...labels("One", "Two", "Three"), query: { page: null } },
      labels("Wrong"),
    ];
    expect(differences(CASE, await play(withSecond({ answers })))).toEqual([]);
  });

  it("goes on after a poll that failed, and says why it did", async () => {
    const failed = { answers: [{ path: "/labels$", answer: { status: 400, raw: "{" } }], expect: [] };
    const given = { ...CASE, polls: [CASE.polls[0]!, failed, CASE.polls[1]!] };
    const played = await play(given);
    expect(differences(given, played)).toEqual([]);
    expect(played.map(({ failures }) => failures.length)).toEqual([0, 1, 0]);
  });

  it("gives the same answers to a read that the runtime repeats by itself without a failure", async () => {
    const emptied = withSecond({
      answers: [{ path: "/labels$", answer: { status: 200, body: { labels: [] } } }],
      expect: [],
    });
    const played = await play(emptied);
    expect(differences(emptied, played)).toEqual([]);
    expect(played.map((poll) => listed(poll).length)).toEqual([1, 2]);
  });
});
