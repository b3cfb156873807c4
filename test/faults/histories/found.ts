import type { History, Step } from "./history.ts";
import type { Kind } from "./streams.ts";
import type { Edit, ChangeKind } from "./vendor.ts";
import type { Fault, Plan } from "./faults.ts";

/** Histories in which something was missed or told wrongly once, as small as they can be. */
interface Found {
  /** What holds now. */
  name: string;
  history: History;
}

const DAY = 86_400_000;

const edit = (kind: ChangeKind, pick = 0): Edit => ({ kind, pick, after: 0 });
const plan = (fault: Fault, ...edits: Edit[]): Plan => ({ fault, edits });
const none = (...edits: Edit[]): Plan => plan("none", ...edits);
const before = (commit: number): Step["death"] => ({ commit, when: "before" });
const after = (commit: number): Step["death"] => ({ commit, when: "after" });

function history(
  kind: Kind,
  { records = 0, pageSize = 3, tellsAll = false, marksRenames = false }: Partial<History>,
  ...steps: Partial<Step>[]
): History {
  const quiet: Step = {
    pauseMs: 0,
    edits: [],
    turn: null,
    plans: [],
    death: null,
    forgets: null,
    driftMs: 0,
    isCalm: false,
  };
  return { kind, records, pageSize, tellsAll, marksRenames, steps: steps.map((step) => ({ ...quiet, ...step })) };
}

export const FOUND: Found[] = [
  {
    name: "a record that is missing for the first time is read again where nothing else is left, although others were missing twice",
    history: history(
      "whole",
      {},
      { edits: [edit("create", 1)] },
      { edits: [edit("create"), edit("merge")] },
      { plans: [plan("ends early", edit("update"))], death: after(0) },
      { isCalm: true },
    ),
  },
  {
    name: "an only page that is read again after a crash counts nothing twice, so that an empty one is doubted",
    history: history(
      "window",
      {},
      { pauseMs: 60_000 },
      { pauseMs: 60_000, edits: [edit("create", 1)], death: before(1) },
      { plans: [plan("empty list", edit("update"))], death: before(2) },
      {},
    ),
  },
  {
    name: "an only page that has become two after a crash shows what has gone from it",
    history: history(
      "token",
      { records: 1, pageSize: 2, tellsAll: true },
      { edits: [edit("create"), edit("create")], plans: [plan("reset")], forgets: "declared" },
      { edits: [edit("delete")], death: before(1) },
      { edits: [edit("create"), edit("create"), edit("delete")], death: before(0), forgets: "declared" },
      { pauseMs: 60_000, death: before(0) },
    ),
  },
  {
    name: "a list of changes that stopped for longer than deletions are listed begins again",
    history: history(
      "flagged",
      { records: 2 },
      { edits: [edit("update")], death: after(1) },
      { edits: [edit("update"), edit("create"), edit("update")], isCalm: true },
      { pauseMs: 60_000, edits: [edit("rename"), edit("merge")], death: after(0) },
      { pauseMs: 8 * DAY, death: before(0) },
    ),
  },
  {
    name: "a cursor is as old as the beginning of its read: deletions of a read that stopped for days are looked for",
    history: history(
      "tombstones",
      { pageSize: 2 },
      { edits: [edit("create"), edit("create", 1), edit("create", 1)], death: before(0) },
      { plans: [none(edit("update"))], forgets: "declared" },
      { pauseMs: 8 * DAY, plans: [none(edit("update"), edit("update")), plan("page repeated", edit("rename"))] },
      { pauseMs: 8 * DAY },
    ),
  },
  {
    name: "a cursor by time stays behind what changes while a list in another order is read",
    history: history(
      "flagged",
      { records: 5 },
      { pauseMs: 60_000, edits: [edit("create")], isCalm: true },
      { edits: [edit("create"), edit("update")], forgets: "declared" },
      {
        pauseMs: 60_000,
        edits: [edit("update", 18), edit("update"), edit("update")],
        plans: [none(edit("update"), edit("rename", 15))],
        death: before(3),
      },
      { edits: [{ ...edit("update"), after: 1 }] },
      {},
    ),
  },
  {
    name: "the gap of an expired cursor ends when the list in its place has been read",
    history: history(
      "history",
      { records: 24 },
      { pauseMs: 60_000, forgets: "declared" },
      { forgets: "declared" },
      { plans: [none(edit("update", 10))] },
    ),
  },
  {
    name: "the gap of an expired cursor begins when the last read began, not when it ended",
    history: history(
      "history",
      { records: 24 },
      { pauseMs: 60_000, forgets: "declared" },
      { plans: [none(edit("update"), { ...edit("update"), after: 7 })], forgets: "pages" },
      { forgets: "declared", isCalm: true },
      {},
    ),
  },
  {
    name: "a first read that tells what is there tells each record once, although its page is read again",
    history: history("whole", { records: 1, tellsAll: true }, { death: after(0), isCalm: true }),
  },
  {
    name: "a first read that tells what is there tells a record once that a page has twice",
    history: history("newest", { tellsAll: true }, { edits: [edit("create", 1)], plans: [plan("record twice")] }),
  },
  {
    name: "a first read that tells what is there tells a change of what it has told",
    history: history(
      "keyset",
      { tellsAll: true },
      { edits: [edit("create", 1)], plans: [none(), plan("forbidden", edit("update"))], death: before(2) },
      { death: before(0), isCalm: true },
    ),
  },
  {
    name: "a first read that tells what is there tells each record once, although its list begins again",
    history: history(
      "shifting",
      { records: 24, tellsAll: true },
      { plans: [none(), plan("empty body")] },
      { plans: [plan("bad request")] },
    ),
  },
  {
    name: "a first read that tells what is there leaves a gap where the list in place of a cursor begins again",
    history: history(
      "history",
      { records: 24, tellsAll: true },
      {},
      { edits: [edit("delete")], plans: [plan("bad request")], forgets: "declared" },
    ),
  },
  {
    name: "a list of one item that refuses a cursor with 404 is not taken for empty",
    history: history(
      "list_tokens",
      {},
      { isCalm: true },
      { forgets: "missing" },
      { pauseMs: 60_000, plans: [none(edit("create"))] },
    ),
  },
  {
    name: "a list of one item that begins again is read completely with the others",
    history: history(
      "list_tokens",
      { records: 4 },
      { pauseMs: 60_000, plans: [plan("empty list")] },
      { forgets: "declared" },
      { plans: [none(edit("merge"))], forgets: "pages", isCalm: true },
      {},
    ),
  },
  {
    name: "an item that is listed twice is read once",
    history: history(
      "list_tokens",
      { tellsAll: true },
      { plans: [plan("record twice", edit("create"))] },
      { pauseMs: 60_000, edits: [edit("rename")] },
    ),
  },
  {
    name: "a record without the values that the next page begins at does not end the list",
    history: history(
      "keyset",
      { records: 4 },
      { plans: [plan("record without key")] },
      { death: before(0), isCalm: true },
    ),
  },
  {
    name: "a read that continues at a page that lists what the page before had begins again",
    history: history(
      "shifting",
      { records: 24, pageSize: 1 },
      { pauseMs: 60_000, plans: [none(edit("update"))], death: before(0) },
      {
        edits: [edit("update"), edit("update")],
        plans: [plan("stale", edit("update"))],
        death: after(0),
        isCalm: true,
      },
      { pauseMs: 60_000 },
    ),
  },
  {
    name: "a record that comes without its key when it is asked for is asked for again",
    history: history(
      "history",
      {},
      { isCalm: true },
      { plans: [none(edit("create", 1))], death: before(0) },
      { edits: [edit("create", 1)], plans: [none(), plan("a list as body")], death: after(0) },
    ),
  },
  {
    name: "the deletion of a record is not lost to a mention before it that could not be read",
    history: history(
      "history",
      {},
      { death: before(0), isCalm: true },
      {
        edits: [edit("create", 1), edit("update"), edit("update")],
        plans: [none(), none(), none(edit("update"), edit("delete")), plan("not JSON")],
        death: before(1),
      },
      { plans: [none(), plan("bad request"), plan("bad request")], isCalm: true },
      { pauseMs: 60_000 },
    ),
  },
  {
    name: "a record that several deleted ones name is deleted once",
    history: history(
      "token",
      { records: 5, pageSize: 2, marksRenames: true },
      { edits: [edit("create", 1), edit("delete", 19)], death: after(0) },
      { plans: [none(edit("rename", 34), edit("rename", 24))], death: before(0) },
      { edits: [edit("merge", 29)] },
      { pauseMs: 60_000 },
    ),
  },
  {
    name: "the deletion of a record is not lost to a mention before it that came without its key",
    history: history(
      "history",
      { tellsAll: true },
      { edits: [edit("create", 1)], plans: [none(), none(), plan("error 503")] },
      { edits: [edit("update")], plans: [plan("forbidden")] },
      { edits: [edit("delete")], death: before(0) },
      { plans: [none(), none(edit("create", 1)), plan("list missing")], death: after(1) },
      { pauseMs: 60_000, plans: [none(edit("update")), plan("no content")] },
      { plans: [none(), plan("list missing")] },
    ),
  },
  {
    name: "a rename that goes on while it is read leaves no record of the key in between",
    history: history(
      "token",
      { records: 3, pageSize: 2 },
      { death: after(2) },
      { edits: [edit("create")], plans: [none(edit("update"))], death: before(0) },
      { pauseMs: 60_000, edits: [edit("create")], plans: [none(edit("create"), edit("rename"))] },
      { edits: [edit("rename", 23)] },
    ),
  },
  {
    name: "a first read that tells what is there tells a rename once, when it ends",
    history: history(
      "token",
      { records: 24, tellsAll: true },
      { plans: [none(edit("rename"), edit("update"))] },
      { forgets: "pages" },
      { pauseMs: 60_000 },
    ),
  },
  {
    name: "a rename that a read has held is not forgotten where its list and then its cursor are refused",
    history: history(
      "token",
      { records: 1, pageSize: 1, marksRenames: true },
      { isCalm: true },
      { edits: [edit("rename"), edit("create")] },
      { death: before(0), forgets: "missing" },
      { plans: [none(edit("delete"))], death: before(0) },
    ),
  },
  {
    name: "an empty answer is the second one after a first read that began again and had the first",
    history: history(
      "token",
      {},
      { edits: [edit("create", 1)], death: after(0) },
      { edits: [edit("delete")] },
      { pauseMs: 60_000, edits: [edit("create")], plans: [plan("empty list")] },
    ),
  },
  {
    name: "a first read that two ask for and that begins again twice tells the later one what has changed meanwhile",
    history: history(
      "token",
      { records: 3, pageSize: 1 },
      {},
      { turn: "join for all", plans: [plan("forbidden")] },
      { edits: [edit("update")], plans: [plan("forbidden")], isCalm: true },
    ),
  },
  {
    name: "a first read that a pause has cut off tells again what has changed meanwhile",
    history: history(
      "keyset",
      {},
      { edits: [edit("create", 1)], plans: [none(), plan("page repeated")] },
      { turn: "join for all" },
      { plans: [none(), plan("null", edit("update"))] },
      { turn: "pause second", plans: [plan("bad request", edit("update"))], forgets: "declared" },
      { pauseMs: 60_000 },
    ),
  },
  {
    name: "who comes while a list is read is told of none of its changes before what is there",
    history: history(
      "window",
      { records: 4 },
      { edits: [edit("create")] },
      { plans: [none(edit("merge"))] },
      { plans: [none(edit("update"))], death: before(1) },
      { edits: [edit("update", 29)], turn: "join for all" },
      { isCalm: true },
    ),
  },
  {
    name: "what a list for a later subscriber shows is still told to the others by the increments",
    history: history(
      "history",
      { records: 1 },
      {},
      { edits: [edit("update")], turn: "join for all" },
      { isCalm: true },
    ),
  },
  {
    name: "the gap of a pause reaches back to before a deletion that was doubted when it began",
    history: history(
      "whole",
      {},
      { pauseMs: 60_000, turn: "join" },
      { edits: [edit("create", 1), edit("rename")] },
      { edits: [edit("delete"), { ...edit("create", 1), after: 7 }] },
      { turn: "pause first", isCalm: true },
    ),
  },
  {
    name: "a pause leaves a gap also where the read for others has not ended",
    history: history(
      "shifting",
      {},
      { pauseMs: 60_000, turn: "join" },
      {
        edits: [edit("create", 1)],
        turn: "pause first",
        plans: [none(edit("update")), plan("no content")],
        isCalm: true,
      },
    ),
  },
  {
    name: "a pause leaves a gap also where the read for others has begun again",
    history: history(
      "history",
      { pageSize: 1 },
      {},
      { edits: [edit("create", 1), edit("update")], turn: "join", plans: [plan("forbidden")] },
      { turn: "pause first", death: after(0) },
      { pauseMs: 60_000, plans: [plan("bad request")], death: before(1) },
      { plans: [plan("not JSON")] },
    ),
  },
  {
    name: "a list of which the first read had only a part is compared once it answers",
    history: {
      ...history("list_tokens", { records: 4, tellsAll: true }, {}, { pauseMs: 60_000, edits: [edit("delete")] }),
      breaks: { list: "two", fault: "error 500", from: 1, steps: 1 },
    },
  },
  {
    name: "what a list had that the first read could not have is in a gap, to the time at which it was read",
    history: history(
      "lists",
      {},
      { pauseMs: 60_000, death: after(0) },
      { pauseMs: 60_000, plans: [plan("error 500")] },
      { plans: [none(edit("update", 21))], death: after(0) },
      { pauseMs: 60_000 },
    ),
  },
  ...(["whole", "since", "window", "newest", "lists"] as const).flatMap((kind) =>
    (["ends early", "empty list"] as const).map((fault) => ({
      name: `who joins for all is told what its own first read left out: ${kind}, ${fault}`,
      history: history(
        kind,
        { records: 1 },
        { plans: [plan("list missing")] },
        {},
        { turn: "join for all", plans: [plan(fault)] },
      ),
    })),
  ),
  {
    name: "who is paused during a first read that tells what is there has a gap for what was read meanwhile",
    history: history(
      "history",
      { records: 24, tellsAll: true },
      { isCalm: true },
      { turn: "join for all" },
      { pauseMs: 60_000, turn: "pause second" },
      {},
    ),
  },
  {
    name: "a list that is read for who joins leaves the cursor as old as it is",
    history: history(
      "history",
      { tellsAll: true },
      { edits: [edit("update")] },
      { edits: [edit("rename")], death: before(0) },
      { turn: "join for all", forgets: "declared" },
    ),
  },
  {
    name: "a record that is told by another try during a pause lies in the gap of the pause",
    history: history(
      "history",
      {},
      { turn: "join" },
      { edits: [edit("update")], plans: [none(), plan("forbidden")] },
      { turn: "pause first", death: before(1) },
    ),
  },
  {
    name: "a record that a first read could not have, told during a pause, lies in a gap without a beginning",
    history: history(
      "history",
      { records: 1 },
      {},
      { pauseMs: 60_000, turn: "join for all", plans: [none(), plan("forbidden")] },
      { turn: "pause second" },
    ),
  },
  {
    name: "who was paused during its first read is told what has gone since",
    history: history(
      "lists",
      { records: 4, tellsAll: true },
      { turn: "join" },
      { turn: "pause first" },
      { pauseMs: 60_000, edits: [edit("delete")], plans: [plan("error with 200", edit("update"))] },
    ),
  },
  {
    name: "a list of which a dead process read the first page again goes on where it was, and what moved past it is found",
    history: history(
      "descending",
      { records: 24 },
      { plans: [none(), plan("bad request", edit("update"))], death: before(1) },
      { turn: "join" },
    ),
  },
  {
    name: "what changed while a list was read for who joins is told by the increments after it",
    history: history(
      "history",
      { records: 19, tellsAll: true },
      {},
      { turn: "join for all" },
      { plans: [none(edit("merge"))], isCalm: true },
    ),
  },
  {
    name: "a record that a first read has told is told as changed once it can be had again in a read that begins again",
    history: history(
      "history",
      { records: 23, tellsAll: true },
      {},
      { plans: [none(edit("create")), none(edit("create"))] },
      { edits: [edit("update", 36), edit("delete")], plans: [plan("forbidden")] },
      { plans: [none(), plan("error 500")] },
    ),
  },
  {
    name: "who was paused before its first read begins like one who comes later",
    history: history(
      "history",
      { tellsAll: true },
      { turn: "pause first" },
      { edits: [edit("update")], turn: "join" },
      { edits: [edit("update")], plans: [plan("error 500")] },
    ),
  },
  ...(["lists", "list_tokens"] as const).flatMap((kind) =>
    [
      { list: "one", edits: [], pick: 0 },
      { list: "two", edits: [edit("create")], pick: 2 },
    ].map(({ list, edits, pick }) => ({
      name: `a record that moves into a list that fails is not deleted: ${kind}, ${list}`,
      history: {
        ...history(kind, { records: 2 }, { edits }, { pauseMs: 60_000, edits: [edit("move", pick)] }),
        breaks: { list, fault: "error 500", from: 1, steps: 1 } as const,
      },
    })),
  ),
  {
    name: "what has gone from a list while another could not be had is looked for once that one answers",
    history: history(
      "list_tokens",
      { records: 3, pageSize: 2, tellsAll: true },
      {},
      { plans: [plan("forbidden", edit("delete")), none(), plan("error 500")] },
    ),
  },
  {
    name: "who joins for all while a list that failed is not named is told what it has",
    history: history(
      "lists",
      {},
      { plans: [none(), none(), plan("error 500")] },
      { edits: [edit("update", 1)], turn: "join for all", plans: [plan("ends early")] },
    ),
  },
  {
    name: "who joins for all while a list that failed is not named is told what has moved into it",
    history: {
      ...history(
        "lists",
        {},
        { plans: [none(edit("update"), edit("move"))] },
        { turn: "join for all", plans: [plan("ends early")] },
      ),
      breaks: { list: "two", fault: "error 500", from: 0, steps: 1 },
    },
  },
];
