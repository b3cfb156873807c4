import type { Target } from "../engine/module.ts";

/** A flow takes each event of its triggers, which may start a run. */
export const flowTarget: Target = {
  prefix: "flow_",
  job: (flow, _event, eventId) => ({ queue: "flow", data: { flow, event: eventId }, group: flow }),
};
