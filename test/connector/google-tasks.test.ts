import { tasks } from "googleapis/build/src/apis/tasks/index.js";
import { describe, expect, it } from "vitest";
import taskSchema from "../../schemas/task.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { readSample } from "../../runtime/read/sample.ts";
import { describeConnector } from "../contract/connector.ts";
import type { World } from "../contract/world.ts";
import { missingMethods } from "./google-methods.ts";
import { googleWorld } from "./google-world.ts";

const loaded = await loadManifest("google-tasks");
const connector = compileConnector(loaded);
const validateTask = compileSchema(taskSchema);
const { map } = connector.streams.get("tasks")!.resource!;

describe("the Google Tasks connector", () => {
  it("names only methods that the tasks v1 client has", () => {
    expect(missingMethods(loaded.manifest, tasks("v1"))).toEqual([]);
  });
});

/** The ids that the samples use, there at the sandbox. */
const sampled = async ({ sandbox }: World) => {
  const { tasks } = sandbox.google.account();
  const list = tasks.addList("MTIzNDU2Nzg5MA", "Sampled");
  tasks.lists.delete(tasks.list("@default")!.id);
  return tasks.add("Y2FsbF9hZGE", list.id, { title: "Call Ada" });
};
const book = ({ sandbox }: World) => sandbox.google.account().tasks;
const anyTask = (world: World) => book(world).tasks.values().next().value!;

await describeConnector("google-tasks", {
  open: () => googleWorld("google-tasks", { items: true }),
  unrelated: async (world) => {
    book(world).createList("Empty");
    book(world).change(anyTask(world), { hidden: true });
  },
  triggers: {
    task_created: {
      unrelated: async (world) => book(world).change(anyTask(world), { notes: "Changed" }),
      change: async (world) => book(world).create(book(world).list("@default")!.id, { title: "New" }),
    },
    task_updated: { change: async (world) => book(world).change(anyTask(world), { title: "Another title" }) },
    task_completed: {
      unrelated: async (world) => book(world).change(anyTask(world), { notes: "Changed" }),
      change: async (world) => book(world).complete(anyTask(world), true),
    },
    task_deleted: {
      unrelated: async (world) => book(world).change(anyTask(world), { notes: "Changed" }),
      change: async (world) => book(world).delete(anyTask(world)),
    },
  },
  actions: Object.fromEntries([...connector.actions.keys()].map((action) => [action, { before: sampled }])),
});

describe("a task in common terms", () => {
  it("has everything of a full one, with the day it is due", () => {
    const task = map(connector.triggers.get("task_completed")!.definition.sample)!;
    expect(task).toMatchObject({ title: "Call Ada", completed: true, due: "2026-11-30", listId: "MTIzNDU2Nzg5MA" });
    expect(validateTask(task)).toEqual([]);
  });

  it("has nothing but its id when Google tells no more", () => {
    expect(map({ id: "t1" })).toEqual({ type: "task", id: "t1" });
    expect(map({ id: "t1", title: "", status: "needsAction" })).toEqual({ type: "task", id: "t1", completed: false });
  });
});

describe("triggers of Google Tasks", () => {
  it("tell of tasks on every list, new lists included, and once", async () => {
    await using world = await googleWorld("google-tasks", { items: true });
    const created = await world.subscribe("task_created");
    const list = world.account.tasks.createList("Errands");
    const one = world.account.tasks.create(list.id, { title: "Post the letter" });
    const two = world.account.tasks.create(world.account.tasks.list("@default")!.id, { title: "" });
    const told = await world.told(created);
    expect(told.map(({ type, id }) => `${type} ${id}`).sort()).toEqual(
      [`task.created ${one.id}`, `task.created ${two.id}`].sort(),
    );
    expect(told.find(({ id }) => id === one.id)!.data.record).toMatchObject({
      title: "Post the letter",
      taskList: { id: list.id, title: "Errands" },
    });
    for (const { data } of told) expect(validateTask(data.resource)).toEqual([]);
    expect(await world.told(created)).toEqual([]);
    expect(await world.told(created)).toEqual([]);
  });

  it("keep to one list where the subscriber chooses one", async () => {
    await using world = await googleWorld("google-tasks");
    const list = world.account.tasks.createList("Errands");
    const created = await world.subscribe("task_created", { taskList: list.id });
    world.account.tasks.create(world.account.tasks.list("@default")!.id, { title: "Elsewhere" });
    const here = world.account.tasks.create(list.id, { title: "Here" });
    expect((await world.told(created)).map(({ id }) => id)).toEqual([here.id]);
  });

  it("tell created, updated, completed and deleted apart", async () => {
    await using world = await googleWorld("google-tasks", { items: true });
    const [task, other] = [...world.account.tasks.tasks.values()];
    const subscriptions = await Promise.all(
      ["task_created", "task_updated", "task_completed", "task_deleted"].map((trigger) => world.subscribe(trigger)),
    );
    const change = async (make: () => unknown) => {
      make();
      return (await world.told(subscriptions[0]!)).map(({ type, id }) => `${type} ${id}`).sort();
    };
    const book = world.account.tasks;
    expect(await change(() => book.change(task!, { notes: "Soon" }))).toEqual([`task.updated ${task!.id}`]);
    expect(await change(() => book.complete(task!, true))).toEqual([
      `task.completed ${task!.id}`,
      `task.updated ${task!.id}`,
    ]);
    expect(await change(() => book.clear(task!.list))).toEqual([]);
    expect(await change(() => book.move(other!, { previous: task!.id }))).toEqual([]);
    expect(await change(() => book.delete(task!))).toEqual([`task.deleted ${task!.id}`]);
    expect(await change(() => {})).toEqual([]);
  });

  it("tell that a task was completed which was made since the last look", async () => {
    await using world = await googleWorld("google-tasks");
    const completed = await world.subscribe("task_completed");
    const book = world.account.tasks;
    const task = book.create(book.list("@default")!.id, { title: "Quick" });
    book.complete(task, true);
    expect((await world.told(completed)).map(({ type, id }) => `${type} ${id}`)).toEqual([`task.completed ${task.id}`]);
    expect(await world.told(completed)).toEqual([]);
  });

  it("find a task that Google wrote before the newest one it had shown", async () => {
    await using world = await googleWorld("google-tasks");
    const created = await world.subscribe("task_created");
    const book = world.account.tasks;
    const list = book.list("@default")!.id;
    book.create(list, { title: "First" });
    await world.told(created);
    const late = book.create(list, { title: "Late" });
    late.updated -= 120_000;
    expect((await world.told(created)).map(({ id }) => id)).toEqual([late.id]);
    expect(await world.told(created)).toEqual([]);
  });

  it("ask only for what changed since, and for every page of it", async () => {
    await using world = await googleWorld("google-tasks");
    const created = await world.subscribe("task_created");
    const book = world.account.tasks;
    for (let i = 0; i < 205; i++) book.create(book.list("@default")!.id, { title: `Task ${i}` });
    expect(await world.told(created)).toHaveLength(205);
    world.clock.advance(600_000);
    book.create(book.list("@default")!.id, { title: "Last" });
    expect(await world.told(created)).toHaveLength(1);
    world.clock.advance(600_000);
    world.sandbox.requests.reset();
    expect(await world.told(created)).toEqual([]);
    expect(world.sandbox.requests.get("tasks.tasks.list")).toBe(1);
  });
});

it("a sample is a few records as a poll would read them", async () => {
  await using world = await googleWorld("google-tasks", { items: true });
  const { signal } = new AbortController();
  const client = await world.runtime.accounts.client(world.connection);
  const stream = client.connector.streams.get("tasks")!;
  const records = await readSample({
    client,
    stream,
    input: {},
    limit: 3,
    variables: { workspace: {}, user: {} },
    now: world.clock.now(),
    signal,
  });
  expect(records).toHaveLength(3);
  for (const record of records!) {
    expect(stream.validateRecord!(record)).toEqual([]);
    expect(record).toMatchObject({ taskList: { title: "My Tasks" } });
  }
});

describe("actions of Google Tasks", () => {
  it("make, change, complete, reopen, move and delete a task", async () => {
    await using world = await googleWorld("google-tasks");
    const { id: list } = await world.run("create_task_list", { title: "Errands" });
    const { id: task } = await world.run("create_task", { title: "Letter", due: "2026-12-01", notes: "Stamp" });
    expect(await world.run("get_task", { task })).toMatchObject({ title: "Letter", due: "2026-12-01T00:00:00.000Z" });
    const changed = await world.run("update_task", { task, title: "Parcel", due: "", notes: "" });
    expect(changed).toMatchObject({ title: "Parcel", status: "needsAction" });
    expect(changed).not.toHaveProperty("due");
    expect(changed).not.toHaveProperty("notes");
    expect(await world.run("complete_task", { task })).toMatchObject({ status: "completed" });
    expect(await world.run("reopen_task", { task })).toMatchObject({ status: "needsAction" });
    await world.run("move_task", { task, toTaskList: list });
    expect(await world.run("list_tasks", { taskList: list })).toMatchObject({ tasks: [{ id: task }] });
    await world.run("delete_task", { taskList: list, task });
    expect(await world.run("delete_task", { taskList: list, task })).toEqual({ task, deleted: true });
    expect(await world.run("list_tasks", { taskList: list })).toEqual({ tasks: [] });
    expect(await world.run("list_task_lists")).toMatchObject({
      taskLists: [{ title: "My Tasks" }, { title: "Errands" }],
    });
    await world.run("rename_task_list", { taskList: list, title: "Rounds" });
    await world.run("clear_completed", { taskList: list });
    expect(await world.run("delete_task_list", { taskList: list })).toEqual({ taskList: list, deleted: true });
  });
});
