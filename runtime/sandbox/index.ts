export { createSandbox } from "./sandbox.ts";
export type { Sandbox, SandboxOptions, SandboxServer } from "./sandbox.ts";
export { FAULT_KINDS } from "./faults.ts";
export type { FaultKind, FaultSpec } from "./faults.ts";
export type { Edit, EditKind, EditSubject } from "./edits.ts";
export type { GoogleSnapshot } from "./google/google.ts";
