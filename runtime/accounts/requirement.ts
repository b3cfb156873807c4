import { HooklineError } from "../core/errors.ts";
import type { CompiledRequirement } from "../manifest/compiled.ts";

/** Throws `conflict` with the manifest's message when the connection is not what an operation needs. */
export function assertRequirement(
  operation: string,
  requirement: CompiledRequirement | undefined,
  connection: Readonly<Record<string, unknown>>,
): void {
  if (requirement === undefined || requirement.holds(connection)) return;
  throw new HooklineError("conflict", `${operation}: ${requirement.message}`);
}
