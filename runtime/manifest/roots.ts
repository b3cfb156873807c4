const variables = ["workspace", "user"] as const;
const caller = ["input", "connection", ...variables] as const;

/** Which roots expressions may use, by the place they stand in. */
export const ROOTS = {
  connection: ["connection"],
  response: ["response"],
  /** Conditions on an answer. */
  answer: ["status", "headers", "body"],
  label: ["response", "connection"],
  streamRequest: [...caller, "cursor"],
  enrichRequest: [...caller, "cursor", "record"],
  baselineRequest: [...caller],
  record: ["record"],
  nextPage: ["response", "lastRecord"],
  where: ["record", "resource", "previous", "input"],
  streamInput: ["input", "connection"],
  actionRequest: [...caller, "steps"],
  stepCondition: ["input", "steps", "connection"],
  result: ["response", "input", "steps", "connection"],
  resource: ["resource", "id", "record"],
} as const satisfies Record<string, readonly string[]>;
