import { describe, expect, it } from "vitest";
import { differences, play, type PlayedPoll, type PollingCase } from "./player.ts";

interface Task {
  id: string;
  minute?: number;
  deleted?: boolean;
  title?: string;
  more?: object;
}

/** The time of the second poll: what changed shortly before the first has an earlier one. */
const MINUTES_OF_POLL = 9 * 60 + 40;

/** A task as Google lists it, last changed so many minutes after midnight. */
const task = ({ id, minute = 0, deleted, title = id, more }: Task) => ({
  kind: "tasks#task",
  id,
  etag: `${id}${minute}${deleted}`,
  title,
  status: "needsAction",
  updated: new Date(Date.parse("2026-11-30T00:00:00Z") + minute * 60_000).toISOString(),
  ...(deleted && { deleted }),
  ...more,
});

type Lists = Record<string, Task[]>;

/** What Google answers while there are these lists; `changed` in place of their tasks to a request for what changed. */
const answers = (lists: Lists, changed: Lists = {}): PollingCase["polls"][number]["answers"] => {
  const body = (items: Task[]) => ({ status: 200, body: { kind: "tasks#tasks", items: items.map(task) } });
  const items = Object.keys(lists).map((id) => ({ id, title: id }));
  return [
    { path: "/users/@me/lists$", answer: { status: 200, body: { items } } },
    ...Object.entries(lists).flatMap(([id, tasks]) => [
      { path: `/lists/${id}/tasks$`, query: { updatedMin: null }, answer: body(tasks) },
      { path: `/lists/${id}/tasks$`, answer: body(changed[id] ?? tasks) },
    ]),
  ];
};

const TRIGGERS = ["task_created", "task_updated", "task_completed", "task_deleted"];

/** Plays the polls of an account with the tasks triggers; gives how the events differ from what is expected. */
async function played(polls: PollingCase["polls"], input?: object): Promise<{ faults: string[]; polls: PlayedPoll[] }> {
  const given: PollingCase = {
    name: "tasks",
    connector: "google-tasks",
    subscribe: TRIGGERS.map((trigger) => ({ trigger, ...(input && { input: input as Record<string, unknown> }) })),
    setup: [{ path: "/lists/@default$", answer: { status: 200, body: { id: "L1", title: "My Tasks" } } }],
    polls,
  };
  const results = await play(given);
  return { faults: differences(given, results), polls: results };
}

describe("Google Tasks", () => {
  it.each([
    ["the old list first", ["L1", "L2"]],
    ["the new list first", ["L2", "L1"]],
  ])("reports a move to another list once, with %s", async (_, [first, second]) => {
    const lists = (L1: Task[], L2: Task[]): Lists =>
      Object.fromEntries([first!, second!].map((id) => [id, id === "L1" ? L1 : L2]));
    const moved = lists([{ id: "a", minute: 10, deleted: true }, { id: "b" }], [{ id: "a", minute: 10 }]);
    const back = lists([{ id: "a", minute: 20 }, { id: "b" }], [{ id: "a", minute: 20, deleted: true }]);
    const gone = lists([{ id: "a", minute: 30, deleted: true }, { id: "b" }], []);
    const { faults } = await played([
      { answers: answers(lists([{ id: "a" }, { id: "b" }], [])), expect: [] },
      { answers: answers(moved), expect: ["task.updated a"] },
      { answers: answers(moved), expect: [] },
      { answers: answers(back), expect: ["task.updated a"] },
      { answers: answers(back), expect: [] },
      { answers: answers(gone), expect: ["task.deleted a"] },
      { answers: answers(gone), expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("reports a move that leaves nothing in the old list once", async () => {
    const { faults } = await played([
      { answers: answers({ L1: [{ id: "a" }, { id: "b" }], L2: [] }), expect: [] },
      { answers: answers({ L1: [{ id: "b" }], L2: [{ id: "a", minute: 10 }] }), expect: ["task.updated a"] },
      {
        answers: answers({ L1: [{ id: "b" }], L2: [{ id: "a", minute: 10 }] }),
        forwardSeconds: 8 * 86_400,
        expect: [],
      },
    ]);
    expect(faults).toEqual([]);
  });

  it("keeps a task that has left a list before the list was deleted", async () => {
    const { faults } = await played([
      { answers: answers({ L1: [{ id: "b" }], L2: [{ id: "a" }, { id: "c" }] }), expect: [] },
      {
        answers: answers({ L1: [{ id: "a", minute: 10 }, { id: "b" }] }),
        expect: ["task.updated a", "task.deleted c"],
      },
      { answers: answers({ L1: [{ id: "a", minute: 10 }, { id: "b" }] }), expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("reports the tasks of a list that appears later, however old they are", async () => {
    const later = { L1: [{ id: "a", minute: 60 }], L2: [{ id: "old", minute: -60 * 24 * 30 }] };
    const { faults, polls } = await played([
      { answers: answers({ L1: [{ id: "a", minute: 60 }] }), expect: [] },
      { answers: answers(later), expect: ["task.created old"] },
      { answers: answers(later, { L1: [], L2: [] }), expect: [] },
    ]);
    expect(faults).toEqual([]);
    const [, second, third] = polls.map(({ requests }) =>
      requests.filter((request) => request.includes("/lists/L")).map((line) => line.includes("updatedMin")),
    );
    expect(second).toEqual([true, false]);
    expect(third).toEqual([true, true]);
  });

  it.each([
    ["with nothing left in the old list", undefined],
    ["with others left in the old list", { id: "c" }],
    ["while the old list shows it has left", { id: "a", minute: 10, deleted: true }],
  ])("reports a task that is moved and then deleted in its new list at the next poll, %s", async (_, left) => {
    const after = { L1: left ? [left] : [], L2: [{ id: "a", minute: MINUTES_OF_POLL, deleted: true }, { id: "b" }] };
    const L1 = [{ id: "a" }, ...(left && left.id !== "a" ? [left] : [])];
    const { faults } = await played([
      { answers: answers({ L1, L2: [{ id: "b" }] }), expect: [] },
      { answers: answers(after), expect: ["task.deleted a"] },
      { answers: answers(after), expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("reads everything once, and tells nothing, for a mark of a move that comes late", async () => {
    const before = { L1: [{ id: "a" }], L2: [{ id: "b" }] };
    const late = { L1: [{ id: "a" }], L2: [{ id: "a", minute: MINUTES_OF_POLL, deleted: true }, { id: "b" }] };
    const { faults, polls } = await played([
      { answers: answers(before), expect: [] },
      { answers: answers(late, { L1: [], L2: late.L2 }), expect: [] },
      { answers: answers(late, { L1: [], L2: late.L2 }), expect: [] },
    ]);
    expect(faults).toEqual([]);
    const complete = polls.map(({ requests }) => requests.filter((line) => /L\d\/tasks(?!.*updatedMin)/.test(line)));
    expect(complete.map(({ length }) => length)).toEqual([2, 2, 0]);
  });

  it.each([
    ["answers that it is not found", "404"],
    ["answers so when it is asked again, too", "404 twice"],
    ["is missing among the lists", "missing"],
    ["answers that a page of it is not found", "page"],
  ])("keeps the tasks of a list that once %s", async (_, fault) => {
    const lists = { L1: [{ id: "a" }], L2: [{ id: "b" }, { id: "c" }] };
    const given = answers(lists);
    const page = { kind: "tasks#tasks", items: [task({ id: "b" })], nextPageToken: "2" };
    const notFound = { status: 404, body: { error: { code: 404, message: "Not found." } } };
    const faulty = {
      404: [{ path: "/lists/L2/tasks$", answer: notFound, times: 1 }],
      "404 twice": [{ path: "/lists/L2/tasks$", answer: notFound, times: 2 }],
      missing: [
        { path: "/users/@me/lists$", answer: { status: 200, body: { items: [{ id: "L1", title: "L1" }] } }, times: 1 },
      ],
      page: [
        { path: "/lists/L2/tasks$", query: { pageToken: "2" }, answer: notFound, times: 1 },
        { path: "/lists/L2/tasks$", query: { pageToken: null }, answer: { status: 200, body: page }, times: 1 },
      ],
    }[fault]!;
    const { faults } = await played([
      { answers: given, expect: [] },
      { answers: [...faulty, ...given], forwardSeconds: 8 * 86_400, expect: [] },
      { answers: given, expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("misses nothing that changed in a list while it was missing", async () => {
    const changed = {
      L1: [{ id: "a" }],
      L2: [
        { id: "b", minute: 10, title: "B" },
        { id: "new", minute: 10 },
      ],
    };
    const missing = { status: 200, body: { items: [{ id: "L1", title: "L1" }] } };
    const { faults } = await played([
      { answers: answers({ L1: [{ id: "a" }], L2: [{ id: "b" }, { id: "c" }] }), expect: [] },
      {
        answers: [{ path: "/users/@me/lists$", answer: missing, times: 1 }, ...answers(changed)],
        expect: ["task.updated b", "task.created new", "task.deleted c"],
      },
      { answers: answers(changed), expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("knows the tasks of a list that once was not found in the first poll", async () => {
    const given = answers({ L1: [{ id: "a" }], L2: [{ id: "b" }] });
    const notFound = { status: 404, body: { error: { code: 404, message: "Not found." } } };
    const { faults } = await played([
      { answers: [{ path: "/lists/L2/tasks$", answer: notFound, times: 1 }, ...given], expect: [] },
      { answers: given, expect: [] },
    ]);
    expect(faults).toEqual([]);
  });

  it("takes a due day and a time in another notation for what they are", async () => {
    const due = (day: string, completed: string): Task => {
      return { id: "a", minute: ++minutes, more: { due: day, status: "completed", completed } };
    };
    let minutes = 0;
    const { faults } = await played([
      { answers: answers({ L1: [due("2026-01-01T00:00:00.000Z", "2026-01-01T10:00:00.000Z")] }), expect: [] },
      { answers: answers({ L1: [due("2026-01-01T00:00:00Z", "2026-01-01T11:00:00+01:00")] }), expect: [] },
      { answers: answers({ L1: [due("2026-01-01", "2026-01-01T10:00:00Z")] }), expect: [] },
      { answers: answers({ L1: [due("2026-01-02T00:00:00Z", "2026-01-01T10:00:00Z")] }), expect: ["task.updated a"] },
    ]);
    expect(faults).toEqual([]);
  });

  it("reports deletions whose tombstones are gone within a week", async () => {
    const [before, after] = [{ L1: [{ id: "a" }, { id: "b" }] }, { L1: [{ id: "b" }] }];
    const { faults } = await played([
      { answers: answers(before), expect: [] },
      { answers: answers(after, { L1: [] }), expect: [] },
      { answers: answers(after, { L1: [] }), forwardSeconds: 7 * 86_400, expect: ["task.deleted a"] },
    ]);
    expect(faults).toEqual([]);
  });

  it("does not leave a subscription to a deleted list in silence", async () => {
    const one = { taskList: "L2" };
    const { faults, polls } = await played(
      [
        { answers: answers({ L1: [{ id: "a" }], L2: [{ id: "b" }] }), expect: [] },
        { answers: answers({ L1: [{ id: "a" }] }), expect: ["task.deleted b"] },
        { answers: answers({ L1: [{ id: "a" }] }), expect: [] },
        { answers: answers({ L1: [{ id: "a" }], L2: [{ id: "b" }] }), expect: ["task.created b"] },
      ],
      one,
    );
    expect(faults).toEqual([]);
    const message =
      'Stream tasks: {"taskList":"L2"} leads to nothing that the account has. It may have been deleted; choose another input';
    expect(polls.map(({ failures }) => failures)).toEqual([[], [], [message], []]);
  });
});
