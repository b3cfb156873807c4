import type { Variables } from "../accounts/variables.ts";
import type { Actions } from "../act/act.ts";
import type { Context } from "../engine/context.ts";
import type { Module } from "../engine/module.ts";
import type { Syncs } from "../sync/syncs.ts";
import { createFollowConnection } from "./broken.ts";
import { createPrepareCall } from "./calls.ts";
import { CompiledFlows } from "./definition.ts";
import { createDryRunner } from "./dry-run.ts";
import { createFlows } from "./flows.ts";
import { createHooks } from "./hooks.ts";
import { dryRunSchemas } from "./model/dry-runs.ts";
import { flowSchemas } from "./model/flows.ts";
import { runSchemas } from "./model/runs.ts";
import { flowTables } from "./model/tables.ts";
import { templateSchemas } from "./model/templates.ts";
import { flowTemplateRoutes } from "./routes/flow-templates.ts";
import { flowRoutes } from "./routes/flows.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { runRoutes } from "./routes/runs.ts";
import { createRuns, purgeRuns } from "./runs.ts";
import type { FlowsServices } from "./services.ts";
import { createStart } from "./start.ts";
import { createFlowTriggers } from "./subscribe.ts";
import { shippedTemplates } from "./template-files.ts";
import { createTemplates } from "./templates.ts";
import { workFlows } from "./work.ts";

/** What flows need of the core and of other modules. */
export interface FlowsCore extends Context {
  readonly actions: Pick<Actions, "perform" | "options">;
  readonly variables: Pick<Variables, "valuesOf">;
  /** Makes the syncs of templates; without, templates of syncs cannot be installed. */
  readonly syncs?: Pick<Syncs, "create">;
  readonly retention: {
    /** Days that runs are kept after their end. */
    readonly eventsDays: number;
  };
}

const DAY_MS = 86_400_000;

/** Triggers wired to steps, their runs, and templates of them. */
export const flowsModule: Module<FlowsCore, FlowsServices> = {
  name: "flows",
  requires: ["act"],
  tables: [flowTables],
  nouns: { ...flowSchemas, ...runSchemas, ...dryRunSchemas, ...templateSchemas },
  tags: { flows: "Triggers wired to steps, their runs, and templates of them." },
  routes: [...flowRoutes, ...runRoutes, ...flowTemplateRoutes, ...hookRoutes],
  queues: ["flow"],
  open: (core) => {
    const compiled = new CompiledFlows();
    const start = createStart(core, compiled);
    const triggers = createFlowTriggers(core);
    const prepare = createPrepareCall({ ...core, runAction: core.actions.perform });
    const variablesOf = core.variables.valuesOf;
    const dryRun = createDryRunner({ ...core, compiled, prepare, variablesOf });
    const { flows, store } = createFlows(core, { triggers, start, dryRun });
    let reading: ReturnType<typeof shippedTemplates> | undefined;
    const shipped = () => (reading ??= shippedTemplates(core.connectors));
    workFlows({ ...core, compiled, start, prepare, variablesOf });
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
      connectionChanged: createFollowConnection(core, triggers, start),
      upkeep: [
        {
          name: "runs",
          cron: "27 3 * * *",
          work: () => purgeRuns(core, core.clock.now() - core.retention.eventsDays * DAY_MS),
        },
      ],
    };
  },
};
