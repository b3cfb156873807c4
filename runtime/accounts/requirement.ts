import { HooklineError } from "../core/errors.ts";
import type { CompiledRequirement } from "../manifest/compiled.ts";

/**
 * Checks that a connection is what an operation needs.
 * @throws HooklineError `conflict` with the manifest's message when it is not
 */
export function assertRequirement(
  operation: string,
  requirement: CompiledRequirement | undefined,
  connection: Readonly<Record<string, unknown>>,
): void {
  if (requirement === undefined || requirement.holds(connection)) return;
  throw new HooklineError("conflict", `${operation}: ${requirement.message}`);
}
