export { createSandbox } from "./sandbox.ts";
export type { Sandbox, SandboxOptions } from "./sandbox.ts";
export type { FaultSpec } from "./faults.ts";
export type { GoogleSnapshot } from "./google/google.ts";
