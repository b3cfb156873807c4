const variables = ["workspace", "user"] as const;
const caller = ["input", "connection", ...variables] as const;

/** The roots that expressions may use, by place. */
export const ROOTS = {
  connection: ["connection"],
  response: ["response"],
  /** Conditions on an answer. */
  answer: ["status", "headers", "body"],
  label: ["response", "connection"],
  /** Proofs of an account or a grant. */
  proof: ["response", "token", "connection"],
  /** What each request carries of what was given. */
  present: ["credentials", "connection"],
  /** The same, of a way with a token. */
  presentToken: ["credentials", "accessToken", "connection"],
  presentGranted: ["accessToken", "connection"],
  login: ["credentials", "connection"],
  /** What a service account states. */
  statement: ["credentials", "connection", "scopes"],
  loginAnswer: ["response", "cookie"],
  deriveList: ["connection", "client"],
  deriveItem: ["item"],
  deriveToken: ["connection", "client", "derived"],
  deriveValues: ["derived", "connection"],
  streamRequest: [...caller, "cursor"],
  /** The same, of a stream that is read for each item of a list. */
  itemRequest: [...caller, "cursor", "item"],
  eachRequest: [...caller],
  eachWhere: ["item", "input"],
  windowSpan: ["input", "connection"],
  enrichRequest: [...caller, "cursor", "record"],
  baselineRequest: [...caller],
  record: ["record"],
  /** Of a single record that has no id. */
  primaryKey: ["input"],
  nextPage: ["response", "lastRecord"],
  where: ["record", "resource", "previous", "input"],
  streamInput: ["input", "connection"],
  requires: ["connection"],
  actionRequest: [...caller, "steps", "run"],
  stepCondition: ["input", "steps", "connection"],
  batchInputs: ["items"],
  result: ["response", "input", "steps", "connection"],
  resource: ["resource", "id", "record"],
} as const satisfies Record<string, readonly string[]>;
