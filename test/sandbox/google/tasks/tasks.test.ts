import { tasks } from "googleapis/build/src/apis/tasks/index.js";
import { describe, expect, it } from "vitest";
import { failure } from "../../sandbox-client.ts";
import { act, googleApi, refusal } from "../google-api.ts";

const api = tasks("v1");
const list = "@default";

describe("the simulated Tasks API", () => {
  it("hides what was completed and cleared, and what was deleted, unless asked", async () => {
    const { account, options } = await googleApi("tasks");
    const { data: task } = await api.tasks.insert({ tasklist: list, requestBody: { title: "Letter" } }, options);
    const shown = async (more: object = {}) =>
      ((await api.tasks.list({ tasklist: list, ...more }, options)).data.items ?? []).map(({ status }) => status);
    expect(await shown()).toEqual(["needsAction"]);
    await api.tasks.patch({ tasklist: list, task: task.id!, requestBody: { status: "completed" } }, options);
    expect(await shown()).toEqual(["completed"]);
    expect(await shown({ showCompleted: false })).toEqual([]);
    await api.tasks.clear({ tasklist: list }, options);
    expect(await shown()).toEqual([]);
    expect(await shown({ showHidden: true })).toEqual(["completed"]);
    account.tasks.delete([...account.tasks.tasks.values()][0]!);
    expect(await shown({ showHidden: true })).toEqual([]);
    expect(await shown({ showHidden: true, showDeleted: true })).toEqual(["completed"]);
  });

  it("lists what changed since a time, that time included, page by page", async () => {
    const { clock, account, options } = await googleApi("tasks");
    const { id } = account.tasks.list(list)!;
    account.tasks.create(id, { title: "Old" });
    clock.advance(60_000);
    for (let i = 0; i < 30; i++) account.tasks.create(id, { title: `New ${i}` });
    const updatedMin = new Date(clock.now()).toISOString();
    const first = await api.tasks.list({ tasklist: list, updatedMin }, options);
    expect(first.data.items).toHaveLength(20);
    const pageToken = first.data.nextPageToken!;
    const second = await api.tasks.list({ tasklist: list, updatedMin, pageToken }, options);
    expect(second.data.items).toHaveLength(10);
    expect(second.data.nextPageToken).toBeUndefined();
    clock.advance(1);
    const later = await api.tasks.list({ tasklist: list, updatedMin: new Date(clock.now()).toISOString() }, options);
    expect(later.data).not.toHaveProperty("items");
  });

  it("keeps the day of a due time and nothing more", async () => {
    const { options } = await googleApi("tasks");
    const requestBody = { title: "Letter", due: "2026-12-01T17:30:00Z" };
    const { data } = await api.tasks.insert({ tasklist: list, requestBody }, options);
    expect(data.due).toBe("2026-12-01T00:00:00.000Z");
  });

  it("places tasks after others and below others, and moves them to other lists", async () => {
    const { account, options } = await googleApi("tasks");
    const make = async (title: string, more: object = {}) =>
      (await api.tasks.insert({ tasklist: list, requestBody: { title }, ...more }, options)).data.id!;
    const a = await make("a");
    const b = await make("b", { previous: a });
    await make("a1", { parent: a });
    await make("c", { previous: a });
    const titles = async () =>
      (await api.tasks.list({ tasklist: list }, options)).data.items!.map(({ title }) => title);
    expect(await titles()).toEqual(["a", "a1", "c", "b"]);
    const { id } = account.tasks.createList("Other");
    await api.tasks.move({ tasklist: list, task: b, destinationTasklist: id }, options);
    expect(await titles()).toEqual(["a", "a1", "c"]);
    expect((await api.tasks.list({ tasklist: id }, options)).data.items).toMatchObject([{ id: b, title: "b" }]);
  });

  it("refuses what Google refuses, in its words", async () => {
    const { options } = await googleApi("tasks");
    const insert = (requestBody: object) => refusal(api.tasks.insert({ tasklist: list, requestBody }, options));
    expect(await insert({ title: "x".repeat(1025) })).toMatchObject({ status: 400, reason: "invalid" });
    expect(await insert({ due: "tomorrow" })).toMatchObject({ status: 400, reason: "invalid" });
    expect(await refusal(api.tasks.get({ tasklist: list, task: "none" }, options))).toEqual({
      status: 404,
      reason: "notFound",
      message: "Task not found.",
    });
    const reader = await googleApi("tasks.readonly");
    const { status, body } = await failure(api.tasks.insert({ tasklist: list, requestBody: {} }, reader.options));
    expect([status, body.error.details?.[0]?.reason]).toEqual([403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]);
  });

  it("lets people act through the control API", async () => {
    const { sandbox, account } = await googleApi("tasks");
    const { id: taskList } = await act(sandbox, "POST", "/task-lists", { title: "Errands" });
    const { id } = await act(sandbox, "POST", "/tasks", { taskList, title: "Letter", due: "2026-12-01" });
    await act(sandbox, "PATCH", `/tasks/${String(id)}`, { notes: "Stamp", completed: true });
    expect(account.tasks.tasks.get(String(id))).toMatchObject({ notes: "Stamp", completed: expect.any(Number) });
    await act(sandbox, "DELETE", `/tasks/${String(id)}`);
    expect(account.tasks.tasks.get(String(id))).toMatchObject({ deleted: true });
    const { edits } = await act(sandbox, "POST", "/edits", { count: 20, of: ["tasks"] });
    expect(new Set((edits as { kind: string }[]).map(({ kind }) => kind))).toContain("completed");
  });
});
