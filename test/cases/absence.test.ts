import { describe, expect, it } from "vitest";
import { IS_LARGE } from "../fixtures/tier.ts";
import { play, differences, type PollingCase } from "./player.ts";
import type { Answer } from "./vendor.ts";

type A = Answer["answer"];
const ok = (body: unknown): A => ({ status: 200, body });
const bads = (list: string, more: object = {}): [string, A][] => [
  ["empty 200", { status: 200, raw: "" }],
  ["204", { status: 204 }],
  ["304", { status: 304 }],
  ["null", { status: 200, raw: "null" }],
  ["[]", { status: 200, raw: "[]" }],
  ["text", { status: 200, raw: '"ok"' }],
  ["html", { status: 200, raw: "<html><body>Sign in</body></html>" }],
  ["cut", { status: 200, raw: `{"${list}":[{"id":"zz"` }],
  ["error", ok({ error: { code: 503, message: "backend" }, ...more })],
  ["error true", ok({ error: true, [list]: [], ...more })],
  ["list null", ok({ [list]: null, ...more })],
  ["list {}", ok({ [list]: {}, ...more })],
  ["list text", ok({ [list]: "none", ...more })],
  ["list 0", ok({ [list]: 0, ...more })],
  ["message", ok({ message: "maintenance" })],
];
interface Kind {
  name: string;
  connector: string;
  subscribe: PollingCase["subscribe"];
  setup: Answer[];
  first: Answer[];
  wrong: (a: A) => Answer[];
  after: Answer[];
  expect: string[];
  list: string;
  more?: object;
  skip?: string[];
  firstExpect?: string[];
}
const person = (id: string, name = id) => ({
  resourceName: `people/${id}`,
  etag: `e${name}`,
  metadata: { sources: [{ type: "CONTACT", id, updateTime: "2026-11-01T00:00:00Z" }], objectType: "PERSON" },
  names: [{ givenName: name, displayName: name }],
});
const me: Answer = {
  path: "^/v1/people/me$",
  answer: ok({ resourceName: "people/me1", emailAddresses: [{ value: "ada@example.com" }] }),
};
const contactSubs = ["contact_created", "contact_updated", "contact_deleted"].map((trigger) => ({ trigger }));
const conn = "/connections$";
const calSetup: Answer[] = [{ path: "/events$", query: { maxResults: "1" }, answer: ok({ summary: "ada@x" }) }];
const ev = (id: string, summary = id) => ({
  kind: "calendar#event",
  id,
  etag: `"${summary}"`,
  status: "confirmed",
  summary,
  start: { dateTime: "2026-12-01T10:00:00+01:00" },
  end: { dateTime: "2026-12-01T11:00:00+01:00" },
  created: "2026-11-01T00:00:00Z",
  updated: "2026-11-01T00:00:00Z",
});
const calSubs = ["event_created", "event_updated", "event_cancelled"].map((trigger) => ({
  trigger,
  input: { calendarId: "primary" },
}));
const task = (id: string, title = id, updated = "2026-11-30T00:00:00.000Z", more = {}) => ({
  kind: "tasks#task",
  id,
  etag: title,
  title,
  status: "needsAction",
  updated,
  ...more,
});
const taskSetup: Answer[] = [{ path: "/lists/@default$", answer: ok({ id: "L1", title: "My Tasks" }) }];
const taskSubs = ["task_created", "task_updated", "task_completed", "task_deleted"].map((trigger) => ({ trigger }));
const lists = (...ids: string[]): Answer => ({
  path: "/users/@me/lists$",
  answer: ok({ kind: "tasks#taskLists", items: ids.map((id) => ({ id, title: id })) }),
});
const gSetup: Answer[] = [{ path: "/profile$", answer: ok({ emailAddress: "ada@x", historyId: "100" }) }];
const msg = (id: string): Answer => ({
  path: `/messages/${id}$`,
  answer: ok({
    id,
    threadId: `t${id}`,
    labelIds: ["INBOX"],
    internalDate: "1796031500000",
    payload: { mimeType: "text/plain", headers: [], body: { size: 2, data: "aGk" } },
  }),
});
const added = (id: string, h: string) => ({
  id: h,
  messagesAdded: [{ message: { id, threadId: `t${id}`, labelIds: ["INBOX"] } }],
});

const kinds: Kind[] = [
  {
    name: "contacts incremental",
    connector: "google-contacts",
    subscribe: contactSubs,
    setup: [me],
    list: "connections",
    more: { nextSyncToken: "tX" },
    first: [{ path: conn, answer: ok({ connections: [person("a"), person("b")], nextSyncToken: "t1" }) }],
    wrong: (answer) => [{ path: conn, answer }],
    after: [
      { path: conn, query: { syncToken: "t1" }, answer: ok({ connections: [person("a", "A2")], nextSyncToken: "t2" }) },
    ],
    expect: ["contact.updated people/a"],
  },
  {
    name: "contacts incremental page 2",
    connector: "google-contacts",
    subscribe: contactSubs,
    setup: [me],
    list: "connections",
    more: { nextSyncToken: "tX" },
    first: [{ path: conn, answer: ok({ connections: [person("a"), person("b")], nextSyncToken: "t1" }) }],
    wrong: (answer) => [
      { path: conn, query: { pageToken: "p2" }, answer },
      { path: conn, answer: ok({ connections: [person("b", "b")], nextPageToken: "p2" }) },
    ],
    after: [
      { path: conn, query: { pageToken: "p2" }, answer: ok({ connections: [person("a", "A2")], nextSyncToken: "t2" }) },
      { path: conn, query: { syncToken: "t1" }, answer: ok({ connections: [], nextPageToken: "p2" }) },
    ],
    expect: ["contact.updated people/a"],
  },
  {
    name: "groups",
    connector: "google-contacts",
    subscribe: ["group_created", "group_updated", "group_deleted"].map((trigger) => ({ trigger })),
    setup: [me],
    list: "contactGroups",
    more: { nextSyncToken: "tX" },
    first: [
      {
        path: "/contactGroups$",
        answer: ok({
          contactGroups: [{ resourceName: "contactGroups/x", name: "x", groupType: "USER_CONTACT_GROUP" }],
          nextSyncToken: "t1",
        }),
      },
    ],
    wrong: (answer) => [{ path: "/contactGroups$", answer }],
    after: [
      {
        path: "/contactGroups$",
        query: { syncToken: "t1" },
        answer: ok({
          contactGroups: [{ resourceName: "contactGroups/x", name: "x2", groupType: "USER_CONTACT_GROUP" }],
          nextSyncToken: "t2",
        }),
      },
    ],
    expect: ["group.updated contactGroups/x"],
  },
  {
    name: "calendar incremental",
    connector: "google-calendar",
    subscribe: calSubs,
    setup: calSetup,
    list: "items",
    more: { nextSyncToken: "tX" },
    first: [{ path: "/events$", answer: ok({ items: [ev("a"), ev("b")], nextSyncToken: "t1" }) }],
    wrong: (answer) => [{ path: "/events$", answer }],
    after: [
      { path: "/events$", query: { syncToken: "t1" }, answer: ok({ items: [ev("a", "A2")], nextSyncToken: "t2" }) },
    ],
    expect: ["event.updated a"],
  },
  {
    name: "calendar upcoming",
    connector: "google-calendar",
    subscribe: [{ trigger: "event_starting", input: { calendarId: "primary", minutesBefore: 60 } }],
    setup: calSetup,
    list: "items",
    first: [{ path: "/events$", answer: ok({ items: [ev("a")] }) }],
    wrong: (answer) => [{ path: "/events$", answer }],
    after: [{ path: "/events$", answer: ok({ items: [ev("a"), ev("b")] }) }],
    expect: ["event.starting b"],
  },
  {
    name: "tasks of a list",
    connector: "google-tasks",
    subscribe: taskSubs,
    setup: taskSetup,
    list: "items",
    more: { kind: "tasks#tasks" },
    first: [
      lists("L1"),
      { path: "/lists/L1/tasks$", answer: ok({ kind: "tasks#tasks", items: [task("a"), task("b")] }) },
    ],
    wrong: (answer) => [lists("L1"), { path: "/lists/L1/tasks$", answer }],
    after: [
      lists("L1"),
      {
        path: "/lists/L1/tasks$",
        answer: ok({ kind: "tasks#tasks", items: [task("a", "A2", "2026-11-30T09:30:00.000Z")] }),
      },
    ],
    expect: ["task.updated a"],
  },
  {
    name: "tasks: the lists",
    connector: "google-tasks",
    subscribe: taskSubs,
    setup: taskSetup,
    list: "items",
    more: { kind: "tasks#taskLists" },
    first: [
      lists("L1"),
      { path: "/lists/L1/tasks$", answer: ok({ kind: "tasks#tasks", items: [task("a"), task("b")] }) },
    ],
    wrong: (answer) => [{ path: "/users/@me/lists$", answer }],
    after: [
      lists("L1"),
      {
        path: "/lists/L1/tasks$",
        answer: ok({ kind: "tasks#tasks", items: [task("a", "A2", "2026-11-30T09:30:00.000Z")] }),
      },
    ],
    expect: ["task.updated a"],
  },
  {
    name: "tasks: one of two lists",
    connector: "google-tasks",
    subscribe: taskSubs,
    setup: taskSetup,
    list: "items",
    more: { kind: "tasks#tasks" },
    first: [
      lists("L1", "L2"),
      { path: "/lists/L1/tasks$", answer: ok({ kind: "tasks#tasks", items: [task("a")] }) },
      { path: "/lists/L2/tasks$", answer: ok({ kind: "tasks#tasks", items: [task("b")] }) },
    ],
    wrong: (answer) => [
      lists("L1", "L2"),
      { path: "/lists/L1/tasks$", answer },
      { path: "/lists/L2/tasks$", answer: ok({ kind: "tasks#tasks", items: [] }) },
    ],
    after: [
      lists("L1", "L2"),
      {
        path: "/lists/L1/tasks$",
        answer: ok({ kind: "tasks#tasks", items: [task("a", "A2", "2026-11-30T09:30:00.000Z")] }),
      },
      { path: "/lists/L2/tasks$", answer: ok({ kind: "tasks#tasks", items: [] }) },
    ],
    expect: ["task.updated a"],
  },
  {
    name: "gmail history",
    connector: "gmail",
    subscribe: [{ trigger: "message_received" }],
    setup: gSetup,
    list: "history",
    more: { historyId: "150" },
    first: [{ path: "/history$", answer: ok({ historyId: "100" }) }],
    wrong: (answer) => [{ path: "/history$", answer }],
    after: [
      {
        path: "/history$",
        query: { startHistoryId: "100" },
        answer: ok({ history: [added("m1", "101")], historyId: "101" }),
      },
      msg("m1"),
    ],
    expect: ["message.received m1"],
  },
  {
    name: "gmail labels",
    connector: "gmail",
    subscribe: ["label_created"].map((trigger) => ({ trigger })),
    setup: gSetup,
    list: "labels",
    first: [{ path: "/labels$", answer: ok({ labels: [{ id: "L_1", name: "x", type: "user" }] }) }],
    wrong: (answer) => [{ path: "/labels$", answer }],
    after: [
      {
        path: "/labels$",
        answer: ok({
          labels: [
            { id: "L_1", name: "x", type: "user" },
            { id: "L_2", name: "y", type: "user" },
          ],
        }),
      },
    ],
    expect: ["label.created L_2"],
  },
];

describe.each(kinds)("an answer without its shape, of $name", (kind) => {
  // The quick test plays every fifth.
  it.each(bads(kind.list, kind.more).filter((_answer, n) => IS_LARGE || n % 5 === 0))(
    "moves nothing and is an error of the poll: %s",
    async (_n, wrong) => {
      const { name, connector, subscribe, setup, first, after } = kind;
      const given: PollingCase = {
        name,
        connector,
        subscribe,
        setup,
        polls: [
          { answers: first, expect: kind.firstExpect ?? [] },
          { answers: kind.wrong(wrong), expect: [] },
          { answers: after, expect: kind.expect },
        ],
      };
      const played = await play(given);
      expect(played[0]!.failures).toEqual([]);
      expect([differences(given, played), played[1]!.failures.length, played[2]!.failures]).toEqual([[], 1, []]);
    },
  );
});
