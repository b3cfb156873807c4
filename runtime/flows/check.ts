import type { Flow } from "../../schemas/flow.ts";
import { below, type Fault } from "../core/errors.ts";
import type { CheckOptions } from "./check-connection.ts";
import { conditionFaults, type Environment } from "./check-mapping.ts";
import { checkStep } from "./check-step.ts";
import { checkTrigger } from "./check-trigger.ts";
import { rootsOf, startRoots } from "./definition.ts";
import { triggersOf } from "./model/flows.ts";
import { anything, described, objectOf, oneOf, type ValueType } from "../manifest/value-type.ts";

/** Everything wrong with a flow whose form is right, each fault at its pointer. */
export async function checkFlow(flow: Flow, options: CheckOptions): Promise<Fault[]> {
  const faults: Fault[] = [];
  const triggers: ValueType[] = [];
  for (const [index, trigger] of flow.triggers.entries()) {
    const checked = await checkTrigger(trigger, options);
    faults.push(...below(`/triggers/${index}`, checked.faults));
    triggers.push(checked.type);
  }
  for (const { index } of triggersOf(flow, "hook").slice(1)) {
    const message = "a flow has one hook; remove this one, or make another flow";
    faults.push({ pointer: `/triggers/${index}`, message });
  }

  const ended: Record<string, ValueType> = {};
  const environment = (): Environment => ({
    roots: rootsOf(options.setup),
    types: {
      trigger: oneOf(triggers),
      steps: objectOf(ended),
      workspace: objectOf({ vars: anything }),
      user: objectOf({ vars: anything }),
      ...(options.form && { setup: described(options.form) }),
    },
    earlier: Object.keys(ended),
    steps: flow.steps.map(({ id }) => id),
  });
  const start = { ...environment(), roots: startRoots(options.setup) };
  faults.push(...below("/when", conditionFaults(flow.when, start)));
  for (const [index, step] of flow.steps.entries()) {
    const checked = await checkStep(step, environment(), options);
    faults.push(...below(`/steps/${index}`, checked.faults));
    ended[step.id] = checked.type;
  }
  return faults;
}
