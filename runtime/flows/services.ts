import type { Flows } from "./flows.ts";
import type { Hooks } from "./hooks.ts";
import type { Runs } from "./runs.ts";
import type { Templates } from "./templates.ts";

/** What the module gives to hosts and routes. */
export interface FlowsServices {
  readonly flows: Flows;
  readonly runs: Runs;
  readonly templates: Templates;
  readonly hooks: Hooks;
}
