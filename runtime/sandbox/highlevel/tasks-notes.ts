import { page, type Handlers } from "./api.ts";
import { contact, DONE } from "./contacts.ts";

/** Tasks and notes of contacts. */
export const taskAndNoteHandlers: Handlers = {
  "GET /contacts/{contactId}/tasks": (call) => ({
    tasks: call.highLevel.collections.tasks.list({ contactId: contact(call)["id"] }),
  }),
  "GET /contacts/{contactId}/tasks/{taskId}": ({ highLevel, path }) => ({
    task: highLevel.collections.tasks.get(path["taskId"]),
  }),
  "POST /contacts/{contactId}/tasks": (call) => {
    const task = { id: call.highLevel.newId(), ...call.body, contactId: contact(call)["id"] };
    return { task: call.highLevel.collections.tasks.put(task) };
  },
  "PUT /contacts/{contactId}/tasks/{taskId}": ({ highLevel, path, body }) => ({
    task: highLevel.collections.tasks.change(path["taskId"], body),
  }),
  "PUT /contacts/{contactId}/tasks/{taskId}/completed": ({ highLevel, path, body }) => ({
    task: highLevel.collections.tasks.change(path["taskId"], body),
  }),
  "DELETE /contacts/{contactId}/tasks/{taskId}": ({ highLevel, path }) => {
    highLevel.collections.tasks.remove(path["taskId"]);
    return DONE;
  },
  "POST /locations/{locationId}/tasks/search": ({ highLevel, body }) => {
    const [contacts, users] = [body["contactId"] as unknown[] | undefined, body["assignedTo"] as unknown[] | undefined];
    const tasks = highLevel.collections.tasks
      .list({ completed: body["completed"] })
      .filter((task) => contacts?.includes(task["contactId"]) ?? true)
      .filter((task) => users?.includes(task["assignedTo"]) ?? true);
    return { tasks: page(tasks, body["skip"], body["limit"], 25).map(({ id, ...task }) => ({ _id: id, ...task })) };
  },
  "GET /contacts/{contactId}/notes": (call) => ({
    notes: call.highLevel.collections.notes.list({ contactId: contact(call)["id"] }),
  }),
  "GET /contacts/{contactId}/notes/{id}": ({ highLevel, path }) => ({
    note: highLevel.collections.notes.get(path["id"]),
  }),
  "POST /contacts/{contactId}/notes": (call) => {
    const { highLevel, body } = call;
    const row = { id: highLevel.newId(), ...body, bodyText: plain(body["body"]), contactId: contact(call)["id"] };
    return { note: highLevel.collections.notes.put({ ...row, dateAdded: highLevel.now() }) };
  },
  "PUT /contacts/{contactId}/notes/{id}": ({ highLevel, path, body }) => {
    const text = body["body"] === undefined ? {} : { bodyText: plain(body["body"]) };
    return { note: highLevel.collections.notes.change(path["id"], { ...body, ...text }) };
  },
  "DELETE /contacts/{contactId}/notes/{id}": ({ highLevel, path }) => {
    highLevel.collections.notes.remove(path["id"]);
    return DONE;
  },
};

function plain(html: unknown): string {
  return String(html).replaceAll(/<[^>]*>/g, "");
}
