import type { Call } from "../api.ts";
import { reasonedError } from "../errors.ts";
import type { Task, TaskChange, TaskList } from "./task-lists.ts";

const MAX_TITLE = 1024;
const MAX_NOTES = 8192;

/** The list that the path names. */
export function findList({ account, path }: Call, id = path.tasklist!): TaskList {
  const list = account.tasks.list(id);
  if (list) return list;
  throw reasonedError(404, "notFound", "Task list not found.");
}

/** The task that the path names, in its list. */
export function findTask(call: Call, options = { deleted: false }): Task {
  const { id } = findList(call);
  const task = call.account.tasks.tasks.get(call.path.task!);
  if (task && task.list === id && (options.deleted || !task.deleted)) return task;
  throw reasonedError(404, "notFound", "Task not found.");
}

/** What a body says of a task; `done` where it says so. */
export function readTask(body: Record<string, unknown>): TaskChange & { done?: boolean } {
  const { title, notes, due, status } = body;
  if (typeof title === "string" && title.length > MAX_TITLE) throw invalid("Invalid task title: too long.");
  if (typeof notes === "string" && notes.length > MAX_NOTES) throw invalid("Invalid task notes: too long.");
  if (status !== undefined && status !== "completed" && status !== "needsAction") throw invalid("Invalid task status.");
  return {
    ...("title" in body && { title: String(title ?? "") }),
    ...("notes" in body && { notes: typeof notes === "string" && notes !== "" ? notes : undefined }),
    ...("due" in body && { due: readDue(due) }),
    ...(status !== undefined && { done: status === "completed" }),
  };
}

/** Only the day of a due time is kept. */
function readDue(due: unknown): string | undefined {
  if (due === null || due === "") return undefined;
  if (typeof due !== "string" || Number.isNaN(Date.parse(due)) || !due.includes("T")) {
    throw invalid("Invalid value for due: it must be an RFC 3339 timestamp.");
  }
  return due.slice(0, 10);
}

export function renderTask(call: Call, task: Task): object {
  const self = `https://www.googleapis.com/tasks/v1/lists/${task.list}/tasks/${task.id}`;
  return {
    kind: "tasks#task",
    id: task.id,
    etag: `"${task.version}-${task.updated}"`,
    title: task.title,
    updated: new Date(task.updated).toISOString(),
    selfLink: self,
    ...(task.parent !== undefined && { parent: task.parent }),
    position: position(call, task),
    ...(task.notes !== undefined && { notes: task.notes }),
    status: task.completed === undefined ? "needsAction" : "completed",
    ...(task.due !== undefined && { due: `${task.due}T00:00:00.000Z` }),
    ...(task.completed !== undefined && { completed: new Date(task.completed).toISOString() }),
    ...(task.deleted && { deleted: true }),
    ...(task.hidden && { hidden: true }),
    links: [],
    webViewLink: `https://tasks.google.com/task/${task.id}`,
  };
}

/** Twenty digits that sort as the siblings do. */
function position({ account }: Call, { id, list, parent, place }: Task): string {
  const before = [...account.tasks.tasks.values()].filter(
    (other) => other.id !== id && other.list === list && other.parent === parent && other.place < place,
  );
  return String(before.length).padStart(20, "0");
}

function invalid(message: string) {
  return reasonedError(400, "invalid", message);
}
