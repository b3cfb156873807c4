import type { Command } from "commander";
import type { Fault } from "../../core/errors.ts";

const HELP = `
Each fault is one line: file#/pointer: what is wrong; what would be right. The exit code is 1 when there are any.
What could be better in a manifest without faults is printed to standard error.

Example:
  hookline validate connector/acme/manifest.json google-contacts`;

export function addValidate(program: Command): void {
  program
    .command("validate")
    .description("Check manifests, and report all faults at once.")
    .argument("<manifest...>", "paths of manifests, or names of built-in connectors")
    .option("--json", "print {valid, faults} for programs")
    .addHelpText("after", HELP)
    .action(validate);
}

async function validate(manifests: string[], { json }: { json?: true }): Promise<void> {
  const { formatFault } = await import("../../core/errors.ts");
  const faults: Fault[] = [];
  const advice: Fault[] = [];
  for (const manifest of manifests) {
    const found = await look(manifest);
    faults.push(...found.faults);
    advice.push(...found.advice);
  }
  for (const one of advice) console.error(`advice: ${formatFault(one)}`);
  if (json) console.log(JSON.stringify({ valid: faults.length === 0, faults }, null, 2));
  else if (faults.length > 0) console.log(faults.map(formatFault).join("\n"));
  else console.log(`${manifests.join(", ")}: no faults`);
  if (faults.length > 0) process.exitCode = 1;
}

/** Faults that keep a manifest from being read count like those inside it; a file that is not there does not. */
async function look(manifest: string): Promise<{ faults: Fault[]; advice: Fault[] }> {
  const [{ loadManifest }, { checkManifest }, { manifestAdvice }, { HooklineError }] = await Promise.all([
    import("../../manifest/load.ts"),
    import("../../manifest/check.ts"),
    import("../../manifest/advice.ts"),
    import("../../core/errors.ts"),
  ]);
  try {
    const loaded = await loadManifest(manifest);
    const faults = checkManifest(loaded);
    return { faults, advice: faults.length > 0 ? [] : manifestAdvice(loaded) };
  } catch (error) {
    if (!(error instanceof HooklineError) || error.code !== "invalid_manifest") throw error;
    const { faults, message } = error;
    return { faults: faults.length > 0 ? faults : [{ file: manifest, pointer: "", message }], advice: [] };
  }
}
