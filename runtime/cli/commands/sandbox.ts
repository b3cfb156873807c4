import type { Command } from "commander";
import { parseCount, parsePort } from "../options.ts";

const HELP = `
It prints what to put under "servers" and "clients" of a configuration. What people do there, and what goes wrong,
is told to <url>/control: GET /control lists all routes and the kinds of fault, GET /control/state shows everything,
POST /control/edits edits contacts, POST /control/faults makes requests fail and DELETE ends that,
POST /control/accounts adds an account, POST /control/expire-sync-tokens and /control/revoke end tokens and grants.
HighLevel has /control/highlevel.

Examples:
  hookline sandbox --port 9000
  curl -X POST http://127.0.0.1:9000/control/edits -H 'content-type: application/json' -d '{"count": 3}'
  curl -X POST http://127.0.0.1:9000/control/faults -H 'content-type: application/json' \\
    -d '{"kind": "status", "status": 503, "match": "people.people.connections.list", "times": 0}'`;

export function addSandbox(program: Command): void {
  program
    .command("sandbox")
    .description("Run the simulated vendors alone.")
    .option("--port <port>", "TCP port, 0 for any that is free", parsePort, 9000)
    .option("--contacts <count>", "how many contacts the account begins with", parseCount, 50)
    .addHelpText("after", HELP)
    .action(runSandbox);
}

async function runSandbox({ port, contacts }: { port: number; contacts: number }): Promise<void> {
  const { createSandbox } = await import("../../sandbox/index.ts");
  const { explainPort } = await import("../listen.ts");
  const { stopSignal } = await import("../signals.ts");
  const stop = stopSignal();
  const sandbox = await createSandbox({ port, contacts }).catch((error: unknown) => {
    throw explainPort(error, { port, host: undefined, choosePort: "hookline sandbox --port 9001" });
  });
  const { servers, client } = sandbox;
  const clients = Object.fromEntries(Object.keys(servers).map((connector) => [connector, client]));
  console.log(`The sandbox vendors are at ${sandbox.url} (nothing there is real). For a configuration:\n`);
  console.log(JSON.stringify({ servers, clients }, null, 2));
  console.log("\nCtrl-C stops it.");
  await stop;
  await sandbox.stop();
}
