import type { Command } from "commander";
import { parsePort, parseSeconds } from "../options.ts";

const HELP = `
Everything runs on this machine and nothing in it is real. A second start continues where the first one stopped.

Example:
  npm start -- --port 8081`;

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description(
      "Show the whole of it: the service, a simulated Google, and the webhooks that arrive (what npm start runs).",
    )
    .option("--port <port>", "TCP port of the API, 0 for any that is free", parsePort, 8080)
    .option("--data <folder>", "where everything is kept", ".hookline")
    .option("--fast", "an edit every half second instead of every three")
    .option("--for <seconds>", "stop by itself after that time", parseSeconds)
    .addHelpText("after", HELP)
    .action(async (options: { port: number; data: string; fast?: true; for?: number }) => {
      const { runDemo } = await import("../demo/demo.ts");
      await runDemo({
        port: options.port,
        folder: options.data,
        editEveryMs: options.fast ? 500 : 3000,
        seconds: options.for,
      });
    });
}
