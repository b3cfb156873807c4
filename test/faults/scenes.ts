import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { compose, type Composed, type ComposeOptions } from "../../runtime/compose.ts";
import { composeOptions } from "../fixtures/compose.ts";

/** A folder for the files of one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A composed runtime that is closed after `use`, whose work has not begun. */
export async function withRuntime<T>(
  options: Partial<ComposeOptions> & Pick<ComposeOptions, "store" | "connectors">,
  use: (runtime: Composed) => Promise<T>,
): Promise<T> {
  const runtime = await compose(composeOptions(options));
  try {
    return await use(runtime);
  } finally {
    await runtime.close();
  }
}
