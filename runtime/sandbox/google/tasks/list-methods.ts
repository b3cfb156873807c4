import type { ApiMethod, Call } from "../api.ts";
import { reasonedError } from "../errors.ts";
import { readPageSize, slicePage } from "../pages.ts";
import { READ_TASKS, TASKS } from "./scopes.ts";
import { findList } from "./task.ts";
import type { TaskList } from "./task-lists.ts";

const ALL = "/tasks/v1/users/@me/lists";
const ONE = `${ALL}/{tasklist}`;

/** Task lists. */
export const listMethods: readonly ApiMethod[] = [
  {
    id: "tasks.tasklists.list",
    method: "GET",
    path: ALL,
    procedure: "ListTaskLists",
    scopes: READ_TASKS,
    handle: ({ account, query }) => {
      const size = readPageSize(query.get("maxResults"), 1000, 1000);
      const { items, nextPageToken } = slicePage([...account.tasks.lists.values()], query.get("pageToken"), size);
      return {
        kind: "tasks#taskLists",
        etag: '"lists"',
        ...(nextPageToken && { nextPageToken }),
        ...(items.length > 0 && { items: items.map(renderList) }),
      };
    },
  },
  {
    id: "tasks.tasklists.get",
    method: "GET",
    path: ONE,
    procedure: "GetTaskList",
    scopes: READ_TASKS,
    handle: (call) => renderList(findList(call)),
  },
  {
    id: "tasks.tasklists.insert",
    method: "POST",
    path: ALL,
    procedure: "InsertTaskList",
    scopes: [TASKS],
    handle: (call) => renderList(call.account.tasks.createList(readTitle(call))),
  },
  {
    id: "tasks.tasklists.patch",
    method: "PATCH",
    path: ONE,
    procedure: "PatchTaskList",
    scopes: [TASKS],
    handle: (call) => renderList(call.account.tasks.renameList(findList(call), readTitle(call))),
  },
  {
    id: "tasks.tasklists.delete",
    method: "DELETE",
    path: ONE,
    procedure: "DeleteTaskList",
    scopes: [TASKS],
    handle: (call) => call.account.tasks.deleteList(findList(call)),
  },
];

function renderList({ id, title, updated }: TaskList): object {
  return {
    kind: "tasks#taskList",
    id,
    etag: `"${updated}"`,
    title,
    updated: new Date(updated).toISOString(),
    selfLink: `https://www.googleapis.com${ALL}/${id}`,
  };
}

function readTitle({ body }: Call): string {
  const title = typeof body.title === "string" ? body.title : "";
  if (title !== "" && title.length <= 1024) return title;
  throw reasonedError(400, "invalid", "Missing task list title.");
}
