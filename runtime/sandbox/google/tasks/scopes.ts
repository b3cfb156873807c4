export const TASKS = "https://www.googleapis.com/auth/tasks";

/** Any of these is enough to read tasks. */
export const READ_TASKS: readonly string[] = [TASKS, `${TASKS}.readonly`];
