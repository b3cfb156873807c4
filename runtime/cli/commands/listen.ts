import { Option, type Command } from "commander";
import { parsePort } from "../options.ts";

const HELP = `
Example:
  hookline listen --port 9100 --secret whsec_...
Then create an endpoint with "url": "http://<this machine>:9100/"; the answer has the secret, shown once.
On the same machine write "http://127.0.0.1:9100/", and "network": {"allow": ["127.0.0.0/8"]} in the service's configuration.`;

export function addListen(program: Command): void {
  program
    .command("listen")
    .description("Receive webhooks, verify them, and print each as one line.")
    .option("--port <port>", "TCP port, 0 for any that is free", parsePort, 9100)
    .addOption(
      new Option("--secret <secret...>", "secrets of the endpoint; without one nothing is verified").env(
        "HOOKLINE_WEBHOOK_SECRET",
      ),
    )
    .option("--json", "print each event as JSON, one a line")
    .addHelpText("after", HELP)
    .action(runListen);
}

interface Options {
  port: number;
  secret?: string | string[];
  json?: true;
}

async function runListen({ port, secret = [], json }: Options): Promise<void> {
  const { listen } = await import("../listen.ts");
  const { receiver } = await import("../receiver.ts");
  const { HooklineError } = await import("../../core/errors.ts");
  const { EventLines } = await import("../event-lines.ts");
  const { stopSignal } = await import("../signals.ts");
  const secrets = [secret].flat();
  // Told without the value, which may be a secret with a slip in it.
  if (!secrets.every((one) => /^whsec_[A-Za-z0-9+/]{16,}=*$/.test(one)))
    throw new HooklineError("invalid_config", "listen: a secret is whsec_ followed by base64; copy it whole");
  const stop = stopSignal();
  const lines = new EventLines();
  const handler = receiver({
    secrets: () => secrets,
    onEvent: (event) => console.log(json ? JSON.stringify(event) : lines.line(event)),
    onRefused: (reason) => console.error(`refused: ${reason}`),
  });
  const server = await listen({ port, host: undefined, choosePort: "hookline listen --port 9101" }, () => handler);
  const trust = secrets.length > 0 ? "signatures are verified" : "no secret given, so nothing is verified";
  console.error(`Listening on http://localhost:${server.port}/ (${trust}). Ctrl-C stops it.`);
  await stop;
  await server.close();
}
