import type { Clock } from "../../../core/clock.ts";
import { TASK_TITLES } from "../../names.ts";
import { decimalId, Random } from "../../random.ts";

export interface TaskList {
  readonly id: string;
  title: string;
  updated: number;
}

/** A task as it is now, or as it was when it was deleted. */
export interface Task {
  readonly id: string;
  list: string;
  title: string;
  notes?: string;
  /** The day it is due, as `2026-12-01`. */
  due?: string;
  /** When it was completed, in milliseconds since the epoch; undefined while it is not. */
  completed?: number;
  /** Out of sight, as tasks are that a person completed in Google's own app and then cleared. */
  hidden: boolean;
  deleted: boolean;
  parent?: string;
  /** Sorts among its siblings. */
  place: number;
  updated: number;
  /** How many times it changed. */
  version: number;
}

export interface TaskListsSnapshot {
  seed: number;
  created: number;
  lists: TaskList[];
  tasks: Task[];
}

export type TaskChange = Partial<Pick<Task, "title" | "notes" | "due" | "completed" | "hidden">>;

type NewTask = TaskChange & { parent?: string; previous?: string };

const DAY = 86_400_000;

/** The task lists of one account. What is deleted stays, marked, so that it can be told of. */
export class TaskLists {
  readonly lists = new Map<string, TaskList>();
  readonly tasks = new Map<string, Task>();
  readonly #clock: Clock;
  readonly #seed: number;
  #created = 0;

  /** @param options.tasks  how many tasks the first list begins with */
  constructor(options: { clock: Clock; seed: number; tasks: number }, snapshot?: TaskListsSnapshot) {
    this.#clock = options.clock;
    this.#seed = snapshot?.seed ?? options.seed;
    if (snapshot) {
      this.#created = snapshot.created;
      for (const list of snapshot.lists) this.lists.set(list.id, { ...list });
      for (const task of snapshot.tasks) this.tasks.set(task.id, { ...task });
      return;
    }
    const { id } = this.createList("My Tasks");
    const random = new Random(this.#seed, "tasks");
    for (let i = 0; i < options.tasks; i++) {
      const task = this.create(id, { title: random.pick(TASK_TITLES) });
      task.updated -= (options.tasks - i) * DAY;
    }
  }

  snapshot(): TaskListsSnapshot {
    const [lists, tasks] = [[...this.lists.values()], [...this.tasks.values()]];
    return { seed: this.#seed, created: this.#created, lists: structuredClone(lists), tasks: structuredClone(tasks) };
  }

  /** A list by its id; `@default` is the first. */
  list(id: string): TaskList | undefined {
    return id === "@default" ? this.lists.values().next().value : this.lists.get(id);
  }

  createList(title: string): TaskList {
    return this.addList(this.#newId("list"), title);
  }

  /** A list whose id is known beforehand. */
  addList(id: string, title: string): TaskList {
    const list = { id, title, updated: this.#clock.now() };
    this.lists.set(id, list);
    return list;
  }

  renameList(list: TaskList, title: string): TaskList {
    return Object.assign(list, { title, updated: this.#clock.now() });
  }

  deleteList(list: TaskList): void {
    this.lists.delete(list.id);
    for (const task of this.tasks.values()) if (task.list === list.id) this.tasks.delete(task.id);
  }

  /** Tasks of a list as they are shown: a task, then its parts. */
  inOrder(list: string): Task[] {
    const all = [...this.tasks.values()].filter((task) => task.list === list).sort((a, b) => a.place - b.place);
    const children = Map.groupBy(all, ({ parent }) => parent);
    const below = (parent: string | undefined): Task[] =>
      (children.get(parent) ?? []).flatMap((task) => [task, ...below(task.id)]);
    return below(undefined);
  }

  /** Places a new task after `previous`, or before its siblings. */
  create(list: string, given: NewTask): Task {
    return this.add(this.#newId("task"), list, given);
  }

  /** A task whose id is known beforehand. */
  add(id: string, list: string, { parent, previous, ...change }: NewTask): Task {
    const task: Task = {
      id,
      list,
      title: "",
      hidden: false,
      deleted: false,
      ...(parent !== undefined && { parent }),
      place: 0,
      updated: this.#clock.now(),
      version: 1,
      ...change,
    };
    task.place = this.#placeAfter(task, previous);
    this.tasks.set(task.id, task);
    return task;
  }

  change(task: Task, change: TaskChange): Task {
    return this.#touch(Object.assign(task, change));
  }

  /** Completes a task, or opens it again. */
  complete(task: Task, done: boolean): Task {
    return this.change(
      task,
      done ? { completed: task.completed ?? this.#clock.now() } : { completed: undefined, hidden: false },
    );
  }

  /** Deletes a task with its parts. */
  delete(task: Task): void {
    this.#touch(Object.assign(task, { deleted: true }));
    for (const part of this.tasks.values()) if (part.parent === task.id && !part.deleted) this.delete(part);
  }

  move(task: Task, to: { list?: string; parent?: string; previous?: string }): Task {
    const { list = task.list, parent, previous } = to;
    delete task.parent;
    Object.assign(task, { list, ...(parent !== undefined && { parent }) });
    task.place = this.#placeAfter(task, previous);
    return this.#touch(task);
  }

  /** Hides what is completed. */
  clear(list: string): void {
    for (const task of this.tasks.values()) {
      if (task.list === list && task.completed !== undefined && !task.hidden) this.change(task, { hidden: true });
    }
  }

  #touch(task: Task): Task {
    return Object.assign(task, { updated: this.#clock.now(), version: task.version + 1 });
  }

  /** Between the previous sibling and the next; there is always room between two numbers. */
  #placeAfter({ id, list, parent }: Task, previous: string | undefined): number {
    const siblings = [...this.tasks.values()]
      .filter((other) => other.id !== id && other.list === list && other.parent === parent)
      .sort((a, b) => a.place - b.place);
    const at = previous === undefined ? 0 : siblings.findIndex((other) => other.id === previous) + 1;
    const [before, after] = [siblings[at - 1]?.place, siblings[at]?.place];
    if (before === undefined) return (after ?? 1) / 2;
    return after === undefined ? before + 1 : (before + after) / 2;
  }

  #newId(kind: string): string {
    return Buffer.from(decimalId(this.#seed, kind, this.#created++)).toString("base64url");
  }
}
