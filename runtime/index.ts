export { createRuntime, type ConnectionHandle, type Runtime, type RuntimeOptions } from "./runtime.ts";
export { ERROR_CODES, HooklineError, type ErrorCode, type Fault } from "./core/errors.ts";
