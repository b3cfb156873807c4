import "./core/require-node.ts";
export type { ConnectionHandle } from "./library.ts";
export type { RuntimeOptions } from "./options.ts";
export { createRuntime, type Runtime } from "./runtime.ts";
export { ERROR_CODES, HooklineError, type ErrorCode, type Fault } from "./core/errors.ts";
