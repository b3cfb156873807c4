import type { Accounts } from "../accounts/accounts.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { createRunAction, type RunAction } from "./actions.ts";
import { createLanes } from "./lanes.ts";
import { createListOptions, type ListOptions } from "./options.ts";
import { createPassthrough, type Passthrough } from "./passthrough.ts";

/** What can be done through a connection besides reading it. */
export interface Actions {
  run: RunAction;
  /** The values a property of a form can have. */
  options: ListOptions;
  passthrough: Passthrough;
}

export interface ActionsRoomOptions {
  accounts: Pick<Accounts, "client" | "vendorOf" | "tokens" | "network">;
  variablesOf: VariablesOf;
  clock: Clock;
  log: Log;
}

export function createActions({ accounts, variablesOf, clock, log }: ActionsRoomOptions): Actions {
  const run = createRunAction({ openClient: accounts.client, variablesOf, lanes: createLanes(), log });
  return {
    run,
    options: createListOptions(accounts.client, run),
    passthrough: createPassthrough({ ...accounts, clock }),
  };
}
