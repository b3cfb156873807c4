import type { Command } from "commander";
import type { ConformanceReport, ConformanceResult } from "../../testing.ts";

const HELP = `
Recorded answers (recordings/ beside the manifest) are played, and honest and hostile vendors are made from the manifest itself:
several pages, records that appear late or twice, expired cursors, limits, broken answers, ended tokens. No account is needed and
nothing leaves this machine. A table shows which hostile servers each stream has passed; those that do not apply are listed with
the reason. The exit code is 1 when anything failed.

Examples:
  hookline test google-contacts
  hookline test connector/acme/manifest.json --only contacts create_contact`;

export function addTest(program: Command): void {
  program
    .command("test")
    .description("Test a connector against hostile vendors made from its own manifest.")
    .argument("<manifest>", "path of a manifest, or name of a built-in connector")
    .option("--only <names...>", "only these streams, triggers and actions")
    .option("--json", "print the report for programs")
    .addHelpText("after", HELP)
    .action(test);
}

async function test(manifest: string, { only, json }: { only?: string[]; json?: true }): Promise<void> {
  const { testManifest } = await import("../../testing.ts");
  const onResult = process.stderr.isTTY ? showProgress : undefined;
  const report = await testManifest(manifest, { only, onResult });
  console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
  if (report.failed > 0) process.exitCode = 1;
}

const BAR = 30;

function showProgress(result: ConformanceResult, done: number, total: number): void {
  const full = Math.round((done / total) * BAR);
  const bar = "█".repeat(full) + "░".repeat(BAR - full);
  process.stderr.write(done === total ? "\r\u001B[K" : `\r\u001B[K${bar} ${done}/${total} ${result.area}`);
}

/** A line for each area, then each reason with its cases. */
function formatReport({ manifest, passed, failed, skipped, results }: ConformanceReport): string {
  const areas = [...Map.groupBy(results, ({ area }) => area)];
  const width = Math.max(...areas.map(([area]) => area.length), "area".length);
  const row = (area: string, ...cells: (string | number)[]) =>
    area.padEnd(width) + cells.map((cell) => String(cell).padStart(9)).join("");
  return [
    row("area", "passed", "failed", "skipped"),
    ...areas.map(([area, of]) =>
      row(area, ...(["passed", "failed", "skipped"] as const).map((outcome) => count(of, outcome))),
    ),
    ...hostileTable(results),
    ...reasons(results, "skipped"),
    ...reasons(results, "failed"),
    "",
    `${manifest}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  ].join("\n");
}

const MARKS = { passed: "passed", failed: "FAILED", skipped: "–" };

/** A line for each stream, with a column for each kind of hostile server. */
function hostileTable(results: readonly ConformanceResult[]): string[] {
  const met = results.filter(({ hostile }) => hostile !== undefined);
  if (met.length === 0) return [];
  const kinds = [...new Set(met.map(({ hostile }) => hostile!))];
  const streams = [...Map.groupBy(met, ({ area }) => area)];
  const width = Math.max(...streams.map(([area]) => area.length), "hostile server".length);
  const line = (title: string, cells: readonly string[]) =>
    [title.padEnd(width), ...cells.map((cell, i) => cell.padStart(Math.max(kinds[i]!.length, 6)))].join("  ");
  const outcomeOf = (of: readonly ConformanceResult[], kind: string) =>
    MARKS[of.find(({ hostile }) => hostile === kind)?.outcome ?? "skipped"];
  return [
    "",
    line("hostile server", kinds),
    ...streams.map(([area, of]) =>
      line(
        area,
        kinds.map((kind) => outcomeOf(of, kind)),
      ),
    ),
  ];
}

const count = (results: readonly ConformanceResult[], outcome: ConformanceResult["outcome"]): number =>
  results.filter((result) => result.outcome === outcome).length;

function reasons(results: readonly ConformanceResult[], outcome: "failed" | "skipped"): string[] {
  const found = results.filter((result) => result.outcome === outcome);
  if (found.length === 0) return [];
  const groups = Map.groupBy(found, ({ message }) => message ?? "");
  const lines = [...groups].flatMap(([message, cases]) => [
    `- ${message}`,
    ...cases.map((one) => `    ${one.area}: ${one.case}`),
  ]);
  return ["", `${outcome}:`, ...lines];
}
