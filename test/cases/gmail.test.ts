import { describe, expect, it } from "vitest";
import type { Answer } from "./vendor.ts";
import { differences, play, type PollingCase } from "./player.ts";

/** One entry of Gmail's history. */
type Entry = Record<string, unknown>;

/** A message in a list or in the history; a message is known by its id alone where no labels are given. */
const brief = (id: string, labelIds?: string[]) => ({ id, threadId: `t-${id}`, ...(labelIds && { labelIds }) });
const arrived = (id: string, ...labels: string[]): Entry => ({ messagesAdded: [{ message: brief(id, labels) }] });
/** Labels are added to a message, which has these others by then. */
const added = (id: string, labelIds: string[], others: string[] = []): Entry => ({
  labelsAdded: [{ message: brief(id, [...others, ...labelIds]), labelIds }],
});
const removed = (id: string, labelIds: string[], others: string[] = []): Entry => ({
  labelsRemoved: [{ message: brief(id, others), labelIds }],
});
const outOfSpam = (id: string): Entry => ({ ...removed(id, ["SPAM"]), ...added(id, ["INBOX"]) });

interface Step {
  /** Pages of the history since the last poll; null when it has expired. */
  history: Entry[][] | null;
  /** What the search in place of an expired history lists. */
  found?: string[];
  /** Messages as they are now: their labels, or null for one that is gone. */
  now?: Record<string, string[] | null>;
  expect: string[];
}

/** What the vendor answers to the poll of a step; the history has grown by one number for each step. */
function answersOf({ history, found = [], now = {} }: Step, step: number): Answer[] {
  const historyId = String(101 + step);
  const gone = { status: 404, body: { error: { code: 404, errors: [{ reason: "notFound" }], status: "NOT_FOUND" } } };
  const pages = (history ?? []).map((entries, n, all) => ({
    path: "/history$",
    query: { pageToken: n === 0 ? null : `p${n}` },
    answer: {
      status: 200,
      body: {
        history: entries.map((entry, i) => ({ id: `${historyId}0${n}${i}`, ...entry })),
        historyId,
        ...(n < all.length - 1 && { nextPageToken: `p${n + 1}` }),
      },
    },
  }));
  const messages = Object.entries(now).map(([id, labelIds]) => ({
    path: `/messages/${id}$`,
    answer:
      labelIds === null
        ? gone
        : { status: 200, body: { ...brief(id, labelIds), internalDate: String(Date.parse("2026-11-30T09:40:00Z")) } },
  }));
  return [
    ...(history === null ? [{ path: "/history$", answer: gone }] : pages),
    { path: "/messages$", answer: { status: 200, body: { messages: found.map((id) => brief(id)) } } },
    ...messages,
  ];
}

const TRIGGERS = [{ trigger: "message_received" }, { trigger: "message_sent" }];

async function faultsOf(steps: Step[], subscribe: PollingCase["subscribe"] = TRIGGERS): Promise<string[]> {
  const given: PollingCase = {
    name: "gmail",
    connector: "gmail",
    subscribe,
    setup: [{ path: "/profile$", answer: { status: 200, body: { emailAddress: "ada@x", historyId: "100" } } }],
    polls: [{ history: [[]], expect: [] }, ...steps].map((step, n) => ({
      answers: answersOf(step, n),
      expect: step.expect,
    })),
  };
  return differences(given, await play(given));
}

const received = (...ids: string[]): string[] => ids.map((id) => `message.received ${id}`);
const INBOX = ["INBOX", "UNREAD"];
const m = { now: { m: INBOX } };
const once = { ...m, expect: received("m") };
const silent = { ...m, expect: [] };

/** What happens, in which pages; told in the same words whether it happens in one page, in two, or between polls. */
const ONCE: [string, Entry[]][] = [
  ["arrives in the inbox", [arrived("m", ...INBOX)]],
  ["arrives, and is put into the inbox then", [arrived("m", "UNREAD"), added("m", ["INBOX"], ["UNREAD"])]],
  ["arrives without any label, and is put into the inbox then", [arrived("m"), added("m", ["INBOX"])]],
  ["arrives in spam and leaves it", [arrived("m", "SPAM"), outOfSpam("m")]],
  ["arrives, is added again as spam and leaves it", [arrived("m", ...INBOX), arrived("m", "SPAM"), outOfSpam("m")]],
  ["is put into the inbox by two entries", [arrived("m"), added("m", ["INBOX"]), added("m", ["INBOX"])]],
  ["arrives, and the label comes once more", [arrived("m", ...INBOX), added("m", ["INBOX"], ["UNREAD"])]],
  ["gets two labels in one entry", [arrived("m"), added("m", ["IMPORTANT", "INBOX"])]],
  [
    "arrives, goes into the trash and comes back",
    [
      arrived("m", ...INBOX),
      { ...added("m", ["TRASH"]), ...removed("m", ["INBOX"], ["TRASH"]) },
      { ...removed("m", ["TRASH"]), ...added("m", ["INBOX"]) },
    ],
  ],
  [
    "arrives in the trash and comes out",
    [arrived("m", "TRASH"), { ...removed("m", ["TRASH"]), ...added("m", ["INBOX"]) }],
  ],
  ["arrives, is archived and comes back", [arrived("m", ...INBOX), removed("m", ["INBOX"]), added("m", ["INBOX"])]],
  [
    "is taken for spam, comes out, and so again",
    [arrived("m", "SPAM"), outOfSpam("m"), added("m", ["SPAM"]), outOfSpam("m")],
  ],
  ["is added twice", [arrived("m", ...INBOX), arrived("m", ...INBOX)]],
  [
    "arrives elsewhere, is added again as spam and leaves it",
    [arrived("m"), arrived("m", "SPAM"), outOfSpam("m"), arrived("m", "SPAM"), outOfSpam("m")],
  ],
];

describe.each(ONCE)("a message that %s", (_what, entries) => {
  it("is received once when one page shows it all", async () => {
    expect(await faultsOf([{ history: [entries], ...once }])).toEqual([]);
  });

  it("is received once when each entry has a page of its own", async () => {
    expect(await faultsOf([{ history: entries.map((entry) => [entry]), ...once }])).toEqual([]);
  });

  it("is received once when each entry has a poll of its own, and when all is shown again", async () => {
    const steps = entries.map((entry) => ({ history: [[entry]], ...m, expect: [] as string[] }));
    const whole = { history: [entries], ...m, expect: [] };
    const subscribe = [{ trigger: "message_received" }, { trigger: "message_received", input: { anywhere: true } }];
    for (const subscription of subscribe) {
      const isAnywhere = "input" in subscription;
      const first = entries.findIndex((entry) => {
        const labels = JSON.stringify(entry);
        return /INBOX|"labelIds":\[\]/.test(labels) || (isAnywhere && !/SPAM|TRASH/.test(labels));
      });
      const told = steps.map((step, n) => (n === first ? { ...step, expect: received("m") } : step));
      expect(await faultsOf([...told, whole], [subscription])).toEqual([]);
    }
  });
});

describe("what is not received", () => {
  it.each<[string, Entry[]]>([
    ["mail that was there before, and comes into the inbox", [added("m", ["INBOX"]), outOfSpam("m")]],
    ["mail that arrives past the inbox", [arrived("m", "UNREAD")]],
    ["a draft", [arrived("m", "DRAFT")]],
    ["mail that stays in spam", [arrived("m", "SPAM"), arrived("m", "SPAM")]],
  ])("is %s", async (_what, entries) => {
    const steps = [{ history: [entries], ...silent }, ...entries.map((entry) => ({ history: [[entry]], ...silent }))];
    expect(await faultsOf(steps)).toEqual([]);
  });
});

describe("a draft that is sent", () => {
  it.each<[string, Entry[]]>([
    [
      "by a change of its labels",
      [arrived("m", "DRAFT"), { ...added("m", ["SENT"]), ...removed("m", ["DRAFT"], ["SENT"]) }],
    ],
    [
      "by one label after the other",
      [arrived("m", "DRAFT"), added("m", ["SENT"], ["DRAFT"]), removed("m", ["DRAFT"], ["SENT"])],
    ],
    ["as a message of its own", [arrived("d", "DRAFT"), arrived("m", "SENT")]],
  ])("is reported once as sent: %s", async (_what, entries) => {
    const sent = { now: { m: ["SENT"] }, expect: ["message.sent m"] };
    expect(await faultsOf([{ history: [entries], ...sent }])).toEqual([]);
    const steps = entries.map((entry) => ({ history: [[entry]], now: { m: ["SENT"] }, expect: [] as string[] }));
    steps[1]!.expect = sent.expect;
    expect(await faultsOf(steps)).toEqual([]);
  });

  it("to its own account is sent and received, each once", async () => {
    const entries = [arrived("m", "DRAFT"), added("m", ["SENT"]), added("m", ["INBOX"], ["SENT"])];
    const now = { m: ["SENT", "INBOX"] };
    const both = ["message.sent m", "message.received m"];
    expect(
      await faultsOf([
        { history: [entries], now, expect: both },
        { history: [entries], now, expect: [] },
      ]),
    ).toEqual([]);
    const [, sent, inbox] = entries;
    const steps = [
      { history: [[sent!]], now, expect: ["message.sent m"] },
      { history: [[inbox!]], now, expect: received("m") },
    ];
    expect(await faultsOf(steps)).toEqual([]);
  });
});

describe("a message that is no longer as it arrived when it is fetched", () => {
  it("is received where it was archived, and not where it is gone", async () => {
    const entries = ["archived", "gone"].map((id) => arrived(id, ...INBOX));
    const step = { history: [entries], now: { archived: ["UNREAD"], gone: null }, expect: received("archived") };
    expect(await faultsOf([step])).toEqual([]);
  });
});

describe("what the search in place of an expired history finds", () => {
  const lost = { history: null, found: ["m"] };

  it("is received where it is in the inbox, once", async () => {
    expect(
      await faultsOf([
        { ...lost, ...once },
        { history: [[arrived("m", ...INBOX)]], ...silent },
      ]),
    ).toEqual([]);
  });

  it.each(["SPAM", "TRASH"])("is received out of %s, once it is out", async (label) => {
    const out = { ...removed("m", [label]), ...added("m", ["INBOX"]) };
    const steps = [
      { ...lost, now: { m: [label] }, expect: [] },
      { history: [[out]], ...once },
      { history: [[out]], ...silent },
    ];
    expect(await faultsOf(steps)).toEqual([]);
  });

  it("is not received again where it was received before", async () => {
    const steps = [
      { history: [[arrived("m", ...INBOX)]], ...once },
      { ...lost, now: { m: ["SPAM"] }, expect: [] },
      { history: [[outOfSpam("m")]], ...silent },
      { ...lost, ...silent },
    ];
    expect(await faultsOf(steps)).toEqual([]);
  });

  it("has come into the inbox meanwhile, and is received", async () => {
    const steps: Step[] = [
      { history: [[arrived("m", "UNREAD"), arrived("n", "SPAM")]], now: { m: ["UNREAD"] }, expect: [] },
      { ...lost, found: ["m", "n"], now: { m: INBOX, n: INBOX }, expect: received("m", "n") },
      { history: [[added("m", ["INBOX"])], [outOfSpam("n")]], now: { m: INBOX, n: INBOX }, expect: [] },
    ];
    expect(await faultsOf(steps)).toEqual([]);
  });
});
