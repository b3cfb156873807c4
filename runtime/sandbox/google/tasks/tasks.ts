import type { Route } from "../../route.ts";
import { apiRoutes, type ApiMethod, type Call } from "../api.ts";
import type { Google } from "../google.ts";
import { readPageSize, slicePage } from "../pages.ts";
import { listMethods } from "./list-methods.ts";
import { READ_TASKS, TASKS } from "./scopes.ts";
import { findList, findTask, readTask, renderTask } from "./task.ts";
import type { Task } from "./task-lists.ts";

const SERVICE = { host: "tasks.googleapis.com", procedures: "google.apps.tasks.v1.Tasks" };

/** The Google Tasks API v1. */
export function tasksRoutes(google: Google): Route[] {
  return apiRoutes(google, SERVICE, [...listMethods, ...taskMethods]);
}

const ONE = "/tasks/v1/lists/{tasklist}/tasks/{task}";

const taskMethods: readonly ApiMethod[] = [
  {
    id: "tasks.tasks.list",
    method: "GET",
    path: "/tasks/v1/lists/{tasklist}/tasks",
    procedure: "ListTasks",
    scopes: READ_TASKS,
    handle: listTasks,
  },
  {
    id: "tasks.tasks.get",
    method: "GET",
    path: ONE,
    procedure: "GetTask",
    scopes: READ_TASKS,
    handle: (call) => renderTask(call, findTask(call, { deleted: true })),
  },
  {
    id: "tasks.tasks.insert",
    method: "POST",
    path: "/tasks/v1/lists/{tasklist}/tasks",
    procedure: "InsertTask",
    scopes: [TASKS],
    handle: (call) => {
      const { tasks } = call.account;
      const { id } = findList(call);
      const { done, ...given } = readTask(call.body);
      const created = tasks.create(id, { ...given, ...placement(call) });
      return renderTask(call, done ? tasks.complete(created, true) : created);
    },
  },
  {
    id: "tasks.tasks.patch",
    method: "PATCH",
    path: ONE,
    procedure: "PatchTask",
    scopes: [TASKS],
    handle: (call) => change(call, {}),
  },
  {
    id: "tasks.tasks.update",
    method: "PUT",
    path: ONE,
    procedure: "UpdateTask",
    scopes: [TASKS],
    handle: (call) => change(call, { title: "", notes: undefined, due: undefined }),
  },
  {
    id: "tasks.tasks.delete",
    method: "DELETE",
    path: ONE,
    procedure: "DeleteTask",
    scopes: [TASKS],
    handle: (call) => call.account.tasks.delete(findTask(call)),
  },
  {
    id: "tasks.tasks.move",
    method: "POST",
    path: `${ONE}/move`,
    procedure: "MoveTask",
    scopes: [TASKS],
    handle: (call) => {
      const to = call.query.get("destinationTasklist");
      const list = to === null ? undefined : findList(call, to).id;
      return renderTask(call, call.account.tasks.move(findTask(call), { list, ...placement(call) }));
    },
  },
  {
    id: "tasks.tasks.clear",
    method: "POST",
    path: "/tasks/v1/lists/{tasklist}/clear",
    procedure: "ClearTasks",
    scopes: [TASKS],
    handle: (call) => call.account.tasks.clear(findList(call).id),
  },
];

function listTasks(call: Call): object {
  const { query } = call;
  const flag = (name: string, fallback: boolean) => (query.get(name) ?? String(fallback)) === "true";
  const [completed, hidden, deleted] = [
    flag("showCompleted", true),
    flag("showHidden", false),
    flag("showDeleted", false),
  ];
  const since = Date.parse(query.get("updatedMin") ?? "1970-01-01T00:00:00Z");
  const shown = call.account.tasks
    .inOrder(findList(call).id)
    .filter((task: Task) => completed || task.completed === undefined)
    .filter((task) => (hidden || !task.hidden) && (deleted || !task.deleted) && task.updated >= since);
  const size = readPageSize(query.get("maxResults"), 20, 100);
  const { items, nextPageToken } = slicePage(shown, query.get("pageToken"), size);
  return {
    kind: "tasks#tasks",
    etag: '"list"',
    ...(nextPageToken && { nextPageToken }),
    ...(items.length > 0 && { items: items.map((task) => renderTask(call, task)) }),
  };
}

function change(call: Call, cleared: object): object {
  const { tasks } = call.account;
  const task = findTask(call);
  const { done, ...given } = readTask(call.body);
  if (done !== undefined) tasks.complete(task, done);
  return renderTask(call, tasks.change(task, { ...cleared, ...given }));
}

function placement({ query }: Call): { parent?: string; previous?: string } {
  const [parent, previous] = [query.get("parent"), query.get("previous")];
  return { ...(parent && { parent }), ...(previous && { previous }) };
}
