import type { Edit, WeightedEdit } from "../../edit.ts";
import { NOTES, TASK_TITLES } from "../../names.ts";
import type { Random } from "../../random.ts";
import type { Account } from "../google.ts";
import type { Task } from "./task-lists.ts";

/** What people do to their tasks. */
export const tasksEdits: readonly WeightedEdit[] = [
  {
    weight: 45,
    change: ({ tasks }, random) => {
      const list = random.pick([...tasks.lists.keys()]);
      return edit("created", tasks.create(list, { title: random.pick(TASK_TITLES) }));
    },
  },
  {
    weight: 30,
    change: (account, random) =>
      edit("completed", openTask(account, random), (task) => account.tasks.complete(task, true)),
  },
  {
    weight: 20,
    change: (account, random) => {
      const notes = random.pick(NOTES);
      return edit("updated", openTask(account, random), (task) => account.tasks.change(task, { notes }));
    },
  },
  {
    weight: 5,
    change: (account, random) => edit("deleted", openTask(account, random), (task) => account.tasks.delete(task)),
  },
];

function openTask({ tasks }: Account, random: Random): Task | undefined {
  const open = [...tasks.tasks.values()].filter(({ deleted, completed }) => !deleted && completed === undefined);
  return open.length === 0 ? undefined : random.pick(open);
}

function edit(kind: Edit["kind"], task: Task | undefined, change?: (task: Task) => void): Edit | undefined {
  if (!task) return undefined;
  change?.(task);
  return { kind, resourceName: task.id };
}
