import flowSchema from "../../schemas/flow.schema.json" with { type: "json" };
import type { ConnectorTrigger, Flow, Step } from "../../schemas/flow.ts";
import { missingScopes } from "../accounts/scopes.ts";
import { durationMs } from "../core/duration.ts";
import { HooklineError, nearest, type Fault } from "../core/errors.ts";
import { hasEmbedded } from "../manifest/expressions.ts";
import { compileCondition } from "../manifest/jmespath.ts";
import type { Connector } from "../manifest/connector.ts";
import { compileSchema } from "../manifest/validate.ts";
import { assertCron } from "../poll/schedule.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { conditionFaults, mappingFaults, type Readable } from "./check-mapping.ts";
import type { ConnectionRef } from "../accounts/resolve.ts";
import { compileUrl } from "./mapping.ts";
import { rootsOf, startRoots, triggersOf } from "./definition.ts";
import { anything, described, eventDataOf, listOf, objectOf, oneOf, type Known } from "./known.ts";

/** What stands behind a connection that a flow names; of a template's slot the connector alone. */
export interface Behind {
  connector: Connector;
  connection?: ConnectionRow;
}

export interface CheckOptions {
  /** Throws HooklineError when there is none. */
  connectionOf: (ref: ConnectionRef) => Promise<Behind>;
  connectors: ReadonlyMap<string, Connector>;
  /** Answers to the template's form, when it is made of one. */
  setup: object | null;
  /** The form itself. */
  form?: object;
}

/** Shortest time between two runs of a schedule, in seconds. */
const MIN_SCHEDULE_S = 60;
/** The longest a step can wait. */
const MAX_DELAY_MS = 90 * 86_400_000;

const checkForm = compileSchema(flowSchema);

/** All faults of a flow, each at its pointer: of form first, and only when there are none, of meaning. */
export async function checkFlow(definition: unknown, options: CheckOptions): Promise<Fault[]> {
  const ofForm = checkForm(definition);
  if (ofForm.length > 0) return ofForm;
  const flow = definition as Flow;
  const faults: Fault[] = [];
  const behind = async (ref: ConnectionRef | undefined, pointer: string): Promise<Behind | undefined> => {
    try {
      if (ref === undefined)
        throw new HooklineError("invalid_input", "an action needs a connection; give its id, or a connector");
      return await options.connectionOf(ref);
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      faults.push({ pointer, message: error.message });
      return undefined;
    }
  };

  const triggerData: Known[] = [];
  for (const [index, trigger] of flow.triggers.entries()) {
    const pointer = `/triggers/${index}`;
    if ("connection" in trigger) {
      const found = await behind(trigger.connection, `${pointer}/connection`);
      const ofTrigger = found ? triggerFaults(trigger, found, pointer, options) : [];
      faults.push(...ofTrigger);
      triggerData.push(
        found?.connector.triggers.has(trigger.trigger) ? eventDataOf(found.connector, trigger.trigger) : anything,
      );
    } else if ("schedule" in trigger) {
      faults.push(...scheduleFaults(trigger.schedule, trigger.timeZone, pointer));
      triggerData.push(objectOf({ time: described({ type: "string" }) }));
    } else if ("hook" in trigger) triggerData.push(objectOf({ body: anything, headers: anything, query: anything }));
    else if ("connectionActive" in trigger) {
      const { connector } = trigger.connectionActive;
      if (!options.connectors.has(connector)) {
        faults.push({
          pointer: `${pointer}/connectionActive/connector`,
          message: noConnector(connector, options.connectors),
        });
      }
      const text = described({ type: "string" });
      triggerData.push(objectOf({ connection: text, connector: text, user: text }));
    } else triggerData.push(anything);
  }
  for (const { index } of triggersOf(flow, "hook").slice(1)) {
    faults.push({
      pointer: `/triggers/${index}`,
      message: "a flow has one hook; remove this one, or make another flow",
    });
  }

  const ids = flow.steps.map(({ id }) => id);
  const outputs: Record<string, Known> = {};
  const known = {
    trigger: oneOf(triggerData),
    steps: objectOf(outputs),
    workspace: objectOf({ vars: anything }),
    user: objectOf({ vars: anything }),
    ...(options.form && { setup: described(options.form) }),
  };
  const earlier = new Set<string>();
  const readable = (step?: Step): Readable => ({ roots: rootsOf(options.setup, step), known, earlier, steps: ids });
  faults.push(...conditionFaults(flow.when, "/when", { ...readable(), roots: startRoots(options.setup) }));
  for (const [index, step] of flow.steps.entries()) {
    const pointer = `/steps/${index}`;
    if (earlier.has(step.id))
      faults.push({ pointer: `${pointer}/id`, message: `there is a step "${step.id}" before; choose another id` });
    const found = step.action === undefined ? undefined : await behind(step.connection, `${pointer}/connection`);
    const places = readable(step);
    faults.push(...conditionFaults(step.when, `${pointer}/when`, places));
    if (step.forEach !== undefined) faults.push(...mappingFaults(step.forEach, `${pointer}/forEach`, readable(), LIST));
    faults.push(...workFaults(step, pointer, places, found));
    const output = outputOf(step, found);
    outputs[step.id] = objectOf({
      output: step.forEach === undefined ? output : listOf(output),
      input: anything,
      error: objectOf({ code: anything, message: anything }),
      status: described({ type: "string" }),
    });
    earlier.add(step.id);
  }
  return faults;
}

const LIST = { schema: { type: "array" }, validate: compileSchema({ type: "array" }) };

function triggerFaults(
  trigger: ConnectorTrigger,
  { connector, connection }: Behind,
  pointer: string,
  { setup }: CheckOptions,
): Fault[] {
  const compiled = connector.triggers.get(trigger.trigger);
  if (!compiled)
    return [unknown("trigger", trigger.trigger, connector.name, connector.triggers.keys(), `${pointer}/trigger`)];
  const readable = { roots: setup ? ["setup"] : [], known: {}, earlier: new Set<string>(), steps: [] };
  const input = { schema: compiled.definition.input ?? {}, validate: compiled.validateInput };
  const stream = connector.streams.get(compiled.stream)!;
  return [
    ...mappingFaults(trigger.input ?? {}, `${pointer}/input`, readable, input),
    ...whereFaults(trigger.where, `${pointer}/where`),
    ...scopeFaults(stream.scopes, connection, `${pointer}/connection`),
  ];
}

function whereFaults(where: string | undefined, pointer: string): Fault[] {
  if (where === undefined) return [];
  return caught(pointer, () => void compileCondition(where, ["record", "resource", "previous", "input"]));
}

function scheduleFaults(schedule: string, timeZone: string | undefined, pointer: string): Fault[] {
  return caught(pointer, () => assertCron(schedule, timeZone, MIN_SCHEDULE_S));
}

function workFaults(step: Step, pointer: string, readable: Readable, found: Behind | undefined): Fault[] {
  const faults: Fault[] = [];
  for (const name of ["connection", "input"] as const) {
    if (step.action === undefined && step[name] !== undefined) {
      faults.push({ pointer: `${pointer}/${name}`, message: `belongs to an action; give one, or remove it` });
    }
  }
  if (step.delay !== undefined) return [...faults, ...delayFaults(step, pointer)];
  if (step.http !== undefined) {
    const { url, headers = {}, body } = step.http;
    return [
      ...faults,
      ...urlFaults(url, `${pointer}/http/url`, readable),
      ...mappingFaults(headers, `${pointer}/http/headers`, readable),
      ...mappingFaults(body, `${pointer}/http/body`, readable),
    ];
  }
  const action = found?.connector.actions.get(step.action!);
  if (found && !action) {
    faults.push(
      unknown("action", step.action!, found.connector.name, found.connector.actions.keys(), `${pointer}/action`),
    );
  }
  const wanted = action && { schema: action.definition.input ?? {}, validate: action.validateInput };
  faults.push(...mappingFaults(step.input ?? {}, `${pointer}/input`, readable, wanted));
  if (action) faults.push(...scopeFaults(action.scopes, found!.connection, `${pointer}/connection`));
  return faults;
}

function delayFaults({ delay, forEach }: Step, pointer: string): Fault[] {
  const faults: Fault[] = [];
  if (forEach !== undefined)
    faults.push({ pointer: `${pointer}/forEach`, message: "a delay is not repeated; remove it" });
  if (durationMs(delay!) > MAX_DELAY_MS)
    faults.push({ pointer: `${pointer}/delay`, message: "must be at most 90 days (P90D)" });
  return faults;
}

/** A URL without expressions has to be one; of any other, the part before the first value is looked at when it runs. */
function urlFaults(url: string, pointer: string, readable: Readable): Fault[] {
  if (hasEmbedded(url))
    return [{ pointer, message: "values in a URL are written {{…}}, so that they are percent-encoded" }];
  const faults = caught(pointer, () => void compileUrl(url, readable.roots));
  if (faults.length > 0) return faults;
  const isLiteral = !url.includes("{{") && !url.startsWith("$");
  if (isLiteral && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    return [{ pointer, message: `"${url}" is not an absolute http(s) URL; write it whole` }];
  }
  return mappingFaults(url, pointer, readable);
}

function scopeFaults(
  scopes: Parameters<typeof missingScopes>[0],
  connection: ConnectionRow | undefined,
  pointer: string,
): Fault[] {
  const missing = connection ? missingScopes(scopes, connection.scopes) : [];
  if (missing.length === 0) return [];
  return [{ pointer, message: `${connection!.id} was not granted ${missing.join(", ")}; reconnect and grant it` }];
}

function outputOf({ http, action }: Step, found: Behind | undefined): Known {
  if (http) return objectOf({ status: described({ type: "integer" }), headers: anything, body: anything });
  return described(action === undefined ? undefined : found?.connector.actions.get(action)?.definition.output);
}

/** What to say of a connector that is not there. */
export function noConnector(name: string, connectors: ReadonlyMap<string, unknown>): string {
  const near = nearest(name, connectors.keys());
  return `there is no connector "${name}"; ${near === undefined ? `there are: ${[...connectors.keys()].join(", ")}` : `did you mean "${near}"?`}`;
}

function unknown(kind: string, name: string, connector: string, names: Iterable<string>, pointer: string): Fault {
  const near = nearest(name, names);
  const remedy = near === undefined ? `there are: ${[...names].join(", ")}` : `did you mean "${near}"?`;
  return { pointer, message: `${connector} has no ${kind} "${name}"; ${remedy}` };
}

function caught(pointer: string, check: () => void): Fault[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    const faults = error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }];
    return faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
  }
}
