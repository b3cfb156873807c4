import type { Variables } from "../accounts/variables.ts";
import type { Actions } from "../act/act.ts";
import { DAY } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import type { OpenModule } from "../engine/module.ts";
import type { Wiring } from "../poll/wiring.ts";
import type { Syncs } from "../sync/syncs.ts";
import { createFollowConnection, scopesInUse } from "./broken.ts";
import { createPrepareCall, createRefusalOf } from "./calls.ts";
import { CompiledFlows } from "./definition.ts";
import { createDryRunner } from "./dry-run.ts";
import { createFlowsEraser } from "./erase.ts";
import { createFlows, type Flows } from "./flows.ts";
import { createHooks, type Hooks } from "./hooks.ts";
import { createRuns, purgeRuns, type Runs } from "./runs.ts";
import { createStart } from "./start.ts";
import { createFlowTriggers } from "./subscribe.ts";
import { shippedTemplates } from "./template-files.ts";
import { createTemplates, type Templates } from "./templates.ts";
import { workFlows } from "./work.ts";

/** What flows need of the core and of other modules. */
export interface FlowsCore extends Context {
  readonly actions: Pick<Actions, "perform" | "options">;
  readonly variables: Pick<Variables, "valuesOf">;
  /** Makes and changes the subscriptions behind flows. */
  readonly wiring: Wiring;
  /** Makes the syncs of templates; without, templates of syncs cannot be installed. */
  readonly syncs?: Pick<Syncs, "create">;
  readonly retention: {
    /** Days that runs are kept after their end. */
    readonly eventsDays: number;
  };
}

/** What the module gives to hosts and routes. */
export interface FlowsServices {
  readonly flows: Flows;
  readonly runs: Runs;
  readonly templates: Templates;
  readonly hooks: Hooks;
}

/** Makes the services, and has the engine work on flows. */
export function openFlows(core: FlowsCore): OpenModule<FlowsServices> {
  const compiled = new CompiledFlows();
  const start = createStart(core, compiled);
  const triggers = createFlowTriggers(core);
  const prepare = createPrepareCall({ ...core, runAction: core.actions.perform });
  const refusalOf = createRefusalOf(core);
  const variablesOf = core.variables.valuesOf;
  const dryRun = createDryRunner({ ...core, compiled, prepare, variablesOf });
  const { flows, store } = createFlows(core, { triggers, start, dryRun });
  let reading: ReturnType<typeof shippedTemplates> | undefined;
  const read = async () => {
    try {
      return await shippedTemplates(core.connectors);
    } catch (error) {
      reading = undefined; // The next caller may have more luck with the files.
      throw error;
    }
  };
  const shipped = () => (reading ??= read());
  workFlows({ ...core, compiled, start, prepare, refusalOf, variablesOf });
  return {
    services: {
      flows,
      runs: createRuns(core, store),
      templates: createTemplates(core, { shipped, flows: store, options: core.actions.options, syncs: core.syncs }),
      hooks: createHooks(core, start),
    },
    targets: [
      {
        prefix: "flow_",
        job: (flow, _event, event) => ({ queue: "flow", data: { flow, event }, group: flow }),
      },
    ],
    erase: createFlowsEraser(core, triggers),
    scopesInUse: (row) => scopesInUse(core, row),
    connectionChanged: createFollowConnection(core, triggers, start),
    upkeep: [
      {
        name: "runs",
        cron: "27 3 * * *",
        work: () => purgeRuns(core, core.clock.now() - core.retention.eventsDays * DAY),
      },
    ],
  };
}
