import { accountOf, found, idOf, optionalText, pick, text, type Body, type Handler } from "../../control-input.ts";
import type { Google } from "../google.ts";
import type { Task } from "./task-lists.ts";

/** What a person does in Google Tasks. Tasks are given as the sandbox keeps them; `completed` is true or false. */
export function tasksControl(google: Google): Record<string, Handler> {
  const book = (body: Body) => accountOf(google, body).tasks;
  const task = (body: Body, request: Parameters<Handler>[1]): Task =>
    found(book(body).tasks.get(String(request.params.id)), request);
  return {
    "post /task-lists": (body) => book(body).createList(text(body, "title")),
    "post /tasks": (body, request) => {
      const { id } = found(book(body).list(optionalText(body, "taskList") ?? "@default"), request);
      return book(body).create(id, pick(body, ["title", "notes", "due"]));
    },
    "patch /tasks/:id": (body, request) => {
      const changed = book(body).change(task(body, request), pick(body, ["title", "notes", "due", "hidden"]));
      return typeof body.completed === "boolean" ? book(body).complete(changed, body.completed) : changed;
    },
    "delete /tasks/:id": (body, request) => {
      book(body).delete(task(body, request));
      return { deleted: idOf(request) };
    },
  };
}
