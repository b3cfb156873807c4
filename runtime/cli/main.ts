#!/usr/bin/env node
import "./require-node.ts";
import * as nodeModule from "node:module";
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError } from "commander";
import { HooklineError } from "../core/errors.ts";
import { addAudit } from "./commands/audit.ts";
import { addDemo } from "./commands/demo.ts";
import { addKeys } from "./commands/keys.ts";
import { addListen } from "./commands/listen.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addMove } from "./commands/move.ts";
import { addSandbox } from "./commands/sandbox.ts";
import { addStart } from "./commands/start.ts";
import { addTest } from "./commands/test.ts";
import { addValidate } from "./commands/validate.ts";
import { packageVersion } from "../manifest/version.ts";

// Compiling takes most of a start; from the second one on it is read from the system's temporary folder.
nodeModule.enableCompileCache();
// On a large machine V8 lets its young generation grow to 130 MB before it cleans up. This is a program of its own, so it may
// ask for less; a library must leave that to its host.
setFlagsFromString("--semi-space-growth-factor=1");

/** A program called wrongly or configured wrongly; 1 is for faults that a command was asked to find. */
const USAGE = 2;

const program = new Command("hookline")
  .description("Integration connector: reads what changed at other vendors, and sends it on as signed webhooks.")
  .version(packageVersion())
  .showHelpAfterError("Run with --help to see what is possible.")
  .exitOverride();
for (const add of [
  addStart,
  addDemo,
  addSandbox,
  addValidate,
  addTest,
  addListen,
  addMigrate,
  addMove,
  addAudit,
  addKeys,
])
  add(program);

// The reader of a pipe may leave early (`| head`): that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (!(error instanceof HooklineError)) throw error;
  // Behind a list it stands alone: the last line may be a command to copy.
  console.error(`${error.message}${error.message.includes("\n") ? "\n" : " "}[${error.code}]`);
  return USAGE;
}
