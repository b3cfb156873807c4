import type { VariablesOf } from "../accounts/variables.ts";
import type { Actions } from "../act/act.ts";
import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import type { Network } from "../core/network.ts";
import type { Engine } from "../engine/engine.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Database } from "../store/database.ts";
import type { Emit } from "../model/events.ts";
import { createFollowConnection, type FollowConnection } from "./broken.ts";
import { createPrepareCall } from "./calls.ts";
import { CompiledFlows } from "./definition.ts";
import { dryRun, type DryRun, type DryRunInput } from "./dry-run.ts";
import { createFlows, type Flows } from "./flows.ts";
import { createTakeHook, type TakeHook } from "./hooks.ts";
import { createRuns, type Runs } from "./runs.ts";
import { createStart } from "./start.ts";
import { createFlowTriggers } from "./subscribe.ts";
import type { AnyTemplate } from "./template.ts";
import { createTemplates, type Templates } from "./templates.ts";
import type { Syncs } from "../sync/syncs.ts";
import { workFlows } from "./work.ts";

export interface FlowRoomOptions {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  clock: Clock;
  emit: Emit;
  actions: Pick<Actions, "perform" | "options">;
  /** See {@link shippedTemplates}. */
  shipped: ReadonlyMap<string, AnyTemplate>;
  /** Makes the sync of a template. */
  createSync: Syncs["create"];
  variablesOf: VariablesOf;
  network: Pick<Network, "request">;
  /** Days that finished runs are kept. */
  retentionDays: number;
  /** From 0 up to 1; spreads retries. */
  random: () => number;
}

/** Everything about flows. */
export interface FlowRoom {
  flows: Flows & {
    /** What a flow would do now, without calling anybody. */
    test(id: string, given?: DryRunInput, user?: string): Promise<DryRun>;
    /** See {@link createTakeHook}. */
    takeHook: TakeHook;
  };
  runs: Runs;
  templates: Templates;
  followConnection: FollowConnection;
}

const DAY_MS = 86_400_000;

/** Wires the room, and makes the engine work on its queue. */
export function createFlowRoom(options: FlowRoomOptions): FlowRoom {
  const { db, engine, connectors, vault, clock, emit, actions, shipped, variablesOf, retentionDays } = options;
  const compiled = new CompiledFlows();
  const start = createStart({ engine, vault, clock, emit, compiled });
  const triggers = createFlowTriggers({ db, engine, connectors, emit, clock });
  const prepare = createPrepareCall({ ...options, runAction: actions.perform });
  const flows = createFlows({ db, connectors, vault, clock, triggers, start });
  const runs = createRuns({ db, engine, vault, clock });
  workFlows({ ...options, compiled, start, prepare });
  engine.cron("runs", "27 3 * * *", () => runs.forget(clock.now() - retentionDays * DAY_MS));
  return {
    flows: {
      ...flows,
      test: async (id, given = {}, user) =>
        dryRun(await flows.find(db, id, user), given, { db, connectors, compiled, prepare, variablesOf }),
      takeHook: createTakeHook({ db, vault, clock, start }),
    },
    runs,
    templates: createTemplates({
      db,
      connectors,
      shipped,
      clock,
      flows,
      options: actions.options,
      createSync: options.createSync,
    }),
    followConnection: createFollowConnection({ clock, emit, triggers, start }),
  };
}
