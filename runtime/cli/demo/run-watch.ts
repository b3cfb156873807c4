import type { FlowView } from "../../flows/model/flows.ts";
import type { RunDetails, RunView } from "../../flows/model/runs.ts";
import type { Call } from "./api.ts";
import { USER, type Installed } from "./flow-setup.ts";
import { runLine, syncLine, type SyncCounts } from "./run-lines.ts";

/** Prints each run once, when it has ended, and each sync when its counts have changed. */
export class RunWatch {
  readonly #call: Call;
  readonly #installed: Installed;
  readonly #print: (line: string) => void;
  readonly #printed = new Set<string>();
  readonly #counts = new Map<string, string>();

  constructor(call: Call, installed: Installed, print: (line: string) => void) {
    this.#call = call;
    this.#installed = installed;
    this.#print = print;
  }

  /** Looks what is new. */
  async look(): Promise<void> {
    const { data } = await this.#call<{ data: RunView[] }>("GET", `/v1/runs?user=${USER}&limit=100`);
    for (const { id, flow, finishedAt } of data.toReversed()) {
      if (finishedAt === null || this.#printed.has(id)) continue;
      const run = await this.#call<RunDetails>("GET", `/v1/runs/${id}`);
      this.#printed.add(id);
      this.#print(runLine(this.#installed.flows.get(flow) ?? flow, run, await this.#actionsOf(flow)));
    }
    for (const [id, name] of this.#installed.syncs) {
      const sync = await this.#call<SyncCounts & { lastSyncAt: string | null }>("GET", `/v1/syncs/${id}`);
      const counts = `${sync.pulled} ${sync.pushed} ${sync.conflictCount}`;
      if (sync.lastSyncAt === null || this.#counts.get(id) === counts) continue;
      this.#counts.set(id, counts);
      this.#print(syncLine(name, sync, sync.lastSyncAt));
    }
  }

  async #actionsOf(flow: string): Promise<Map<string, string>> {
    const { steps } = await this.#call<FlowView>("GET", `/v1/flows/${flow}`);
    return new Map(steps.flatMap((step) => ("action" in step && step.action ? [[step.id, step.action]] : [])));
  }
}
