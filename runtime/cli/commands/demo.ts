import type { Command } from "commander";
import { parsePort, parseSeconds } from "../options.ts";

const HELP = `
Everything runs on this machine and nothing in it is real. A second start continues where the first one stopped.

Examples:
  npm start -- --port 8081
  npm start -- --flow list
  npm start -- --flow google-contact-to-highlevel --flow gmail-sender-to-highlevel`;

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description(
      "Show Hookline at work: the service, a simulated Google, and the webhooks that arrive (what npm start runs).",
    )
    .option("--port <port>", "TCP port of the API, 0 for any that is free", parsePort, 8080)
    .option("--data <folder>", "where everything is kept", ".hookline")
    .option("--fast", "an edit every half second, with --flow every second, instead of every three")
    .option(
      "--flow <template>",
      "run this flow template instead, and keep nothing; repeatable; all runs every template, list shows their names",
      (id, ids: string[] | undefined) => [...(ids ?? []), id],
    )
    .option("--for <seconds>", "stop by itself after that time", parseSeconds)
    .addHelpText("after", HELP)
    .action(async ({ port, data, fast, for: seconds, flow: ids }: DemoCommand) => {
      if (ids === undefined) {
        const { runDemo } = await import("../demo/demo.ts");
        return await runDemo({ port, folder: data, editEveryMs: fast ? 500 : 3000, seconds });
      }
      const { listFlows, runFlowDemo } = await import("../demo/flows.ts");
      // One act may start several runs, and HighLevel answers ten requests a second.
      const actEveryMs = fast ? 1000 : 3000;
      await (ids.includes("list") ? listFlows() : runFlowDemo({ ids, port, actEveryMs, seconds }));
    });
}

interface DemoCommand {
  port: number;
  data: string;
  fast?: true;
  for?: number;
  flow?: string[];
}
