import type { Module } from "../engine/module.ts";
import { dryRunSchemas } from "./model/dry-runs.ts";
import { flowSchemas, heads } from "./model/flows.ts";
import { runs, runSchemas, runSteps } from "./model/runs.ts";
import { flowTables } from "./model/tables.ts";
import { templateSchemas } from "./model/templates.ts";
import { flowTemplateRoutes } from "./routes/flow-templates.ts";
import { flowRoutes } from "./routes/flows.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { runRoutes } from "./routes/runs.ts";
import { openFlows, type FlowsCore, type FlowsServices } from "./services.ts";

/** Triggers wired to steps, their runs, and templates of them. */
export const flowsModule: Module<FlowsCore, FlowsServices> = {
  name: "flows",
  tables: flowTables,
  sealed: [heads as never, runs as never, runSteps as never],
  nouns: { ...flowSchemas, ...runSchemas, ...dryRunSchemas, ...templateSchemas },
  tags: { flows: "Triggers wired to steps, their runs, and templates of them." },
  routes: [...flowRoutes, ...runRoutes, ...flowTemplateRoutes, ...hookRoutes],
  queues: ["flow"],
  open: openFlows,
};
