import type { Variables } from "../accounts/variables.ts";
import type { Context } from "../engine/context.ts";
import type { Module } from "../engine/module.ts";
import { createActions, type ActAccounts } from "./act.ts";
import { createActEraser } from "./erase.ts";
import { createBatches, followConnection } from "./batches.ts";
import { workBatches } from "./batch-work.ts";
import { createCatalog } from "./function-catalog.ts";
import { createFunctions } from "./functions.ts";
import { createMcp } from "./mcp.ts";
import { actionSchemas } from "./model/actions.ts";
import { batchItems, batchSchemas } from "./model/batches.ts";
import { idempotencyKeys, purgeIdempotency } from "./model/idempotency.ts";
import { actionRoutes } from "./routes/actions.ts";
import { batchRoutes } from "./routes/batches.ts";
import { functionRoutes } from "./routes/functions.ts";
import { mcpRoutes } from "./routes/mcp.ts";
import { passthroughRoutes } from "./routes/passthrough.ts";
import type { ActServices } from "./routes/services.ts";
import { tables } from "./tables.ts";

/** What actions need of the core. */
export interface ActCore extends Context {
  readonly accounts: ActAccounts;
  readonly variables: Pick<Variables, "valuesOf">;
  /** Days that finished batches are kept. */
  readonly retention: { readonly deliveriesDays: number };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Actions, batches, functions for AI agents, the Model Context Protocol, and passthrough. */
export const actModule: Module<ActCore, ActServices> = {
  name: "act",
  tables,
  sealed: [batchItems as never, idempotencyKeys as never],
  nouns: { ...actionSchemas, ...batchSchemas },
  tags: {
    functions: "Actions as tools of AI agents.",
    batches: "Actions over many inputs.",
  },
  routes: [...actionRoutes, ...batchRoutes, ...passthroughRoutes, ...functionRoutes, ...mcpRoutes],
  queues: ["batch"],
  open(core) {
    const { db, clock, log, accounts, variables, retention } = core;
    const actions = createActions(core, { accounts, variablesOf: variables.valuesOf });
    const catalog = createCatalog(core, accounts);
    const batches = createBatches(core, accounts);
    workBatches(core, { accounts, perform: actions.perform });
    return {
      services: {
        actions,
        batches,
        functions: createFunctions(catalog, actions),
        mcp: createMcp({ catalog, actions, log }),
      },
      connectionChanged: (tx, change) => followConnection(tx, clock, change),
      erase: createActEraser(core),
      upkeep: [
        {
          name: "act",
          cron: "17 * * * *",
          work: async () => {
            await purgeIdempotency(db, clock.now());
            await batches.purge(clock.now() - retention.deliveriesDays * DAY_MS);
          },
        },
      ],
    };
  },
};
