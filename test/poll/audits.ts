import { createAudits, type Audits } from "../../runtime/poll/audit/audits.ts";
import type { Bench } from "./harness.ts";

/** Audits whose waits move the clock, and take no time. */
export function patientAudits({ runtime, clock }: Bench): { audits: Audits; waits: number[] } {
  const waits: number[] = [];
  const audits = createAudits(runtime, {
    clientOf: runtime.accounts.client,
    variablesOf: runtime.variables.valuesOf,
    releasesDeletions: true,
    time: {
      monotonic: () => 0,
      sleep: async (milliseconds) => {
        waits.push(milliseconds);
        clock.advance(milliseconds);
      },
    },
  });
  return { audits, waits };
}
