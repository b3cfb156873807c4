import type { Command } from "commander";

const HELP = `
Environment:
  HOOKLINE_ENCRYPTION_KEY  32 bytes in base64 or hex, for stored credentials
  HOOKLINE_API_KEY         what callers of the API present as a bearer token
  DATABASE_URL             the store, in place of "store" (default: sqlite:./hookline.db)
  PORT                     in place of "port" (default: 8080)
  HOOKLINE_LOG_LEVEL       trace, debug, info, warn, error, fatal or silent

Example:
  hookline start --config hookline.config.json`;

export function addStart(program: Command): void {
  program
    .command("start")
    .description("Run the service until it is stopped.")
    .option("--config <file>", "configuration file (default: hookline.config.json, if there is one)")
    .addHelpText("after", HELP)
    .action(async ({ config }: { config?: string }) => {
      const { startService } = await import("../service.ts");
      await startService(config);
    });
}
