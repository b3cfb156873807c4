import type { Step } from "../../schemas/flow.ts";
import { durationMs } from "../core/duration.ts";
import { below, unknownName, type Fault } from "../core/errors.ts";
import { DAY } from "../core/time.ts";
import { hasEmbedded } from "../manifest/expressions.ts";
import { compileSchema } from "../manifest/validate.ts";
import { faultsOf } from "./attempt.ts";
import { connectionFaults, scopeFaults, type CheckOptions, type Resolved } from "./check-connection.ts";
import { conditionFaults, mappingFaults, type Environment } from "./check-mapping.ts";
import { rootsOf } from "./definition.ts";
import { compileUrl } from "./mapping.ts";
import { anything, described, listOf, objectOf, text, type ValueType } from "../manifest/value-type.ts";

/** The longest wait of a step. */
const MAX_DELAY_MS = 90 * DAY;
const LIST = { schema: { type: "array" }, validate: compileSchema({ type: "array" }) };

interface CheckedStep {
  faults: Fault[];
  /** Type of `steps.<id>` in the mappings of later steps. */
  type: ValueType;
}

/** Everything wrong with a step, and what it gives. `environment` is that of a step without `forEach`. */
export async function checkStep(step: Step, environment: Environment, options: CheckOptions): Promise<CheckedStep> {
  const { action, forEach } = step;
  const { found, faults } = action === undefined ? { faults: [] } : await connectionFaults(step.connection, options);
  const ofItem = { ...environment, roots: rootsOf(options.setup, step) };
  const output = outputOf(step, found);
  return {
    faults: [
      ...(environment.earlier.includes(step.id)
        ? [{ pointer: "/id", message: `an earlier step has the id "${step.id}"; choose another id` }]
        : []),
      ...faults,
      ...below("/when", conditionFaults(step.when, ofItem)),
      ...(forEach === undefined ? [] : below("/forEach", mappingFaults(forEach, environment, LIST))),
      ...workFaults(step, ofItem, found),
    ],
    type: objectOf({
      output: forEach === undefined ? output : listOf(output),
      input: anything,
      error: objectOf({ code: anything, message: anything }),
      status: text,
    }),
  };
}

function outputOf({ http, action }: Step, found: Resolved | undefined): ValueType {
  if (http) return objectOf({ status: described({ type: "integer" }), headers: anything, body: anything });
  return described(action === undefined ? undefined : found?.connector.actions.get(action)?.definition.output);
}

function workFaults(step: Step, environment: Environment, found: Resolved | undefined): Fault[] {
  if (step.action !== undefined) return actionFaults(step, step.action, environment, found);
  const misplaced = (["connection", "input"] as const)
    .filter((name) => step[name] !== undefined)
    .map((name) => ({ pointer: `/${name}`, message: "belongs to an action; give one, or remove it" }));
  const faults = step.http === undefined ? delayFaults(step) : below("/http", httpFaults(step.http, environment));
  return [...misplaced, ...faults];
}

function actionFaults(step: Step, name: string, environment: Environment, found: Resolved | undefined): Fault[] {
  const action = found?.connector.actions.get(name);
  const expected = action && { schema: action.definition.input ?? {}, validate: action.validateInput };
  return [
    ...(found && !action
      ? [{ pointer: "/action", message: unknownName("action", name, found.connector.actions.keys()) }]
      : []),
    ...below("/input", mappingFaults(step.input ?? {}, environment, expected)),
    ...(action ? scopeFaults(`Action ${name}`, action, found!.connection) : []),
  ];
}

function httpFaults({ url, headers = {}, body }: NonNullable<Step["http"]>, environment: Environment): Fault[] {
  return [
    ...below("/url", urlFaults(url, environment)),
    ...below("/headers", mappingFaults(headers, environment)),
    ...below("/body", mappingFaults(body, environment)),
  ];
}

/** A URL without expressions is checked as a whole; with expressions, the request itself is checked when it is made. */
function urlFaults(url: string, environment: Environment): Fault[] {
  const refused = (message: string): Fault[] => [{ pointer: "", message }];
  if (hasEmbedded(url)) return refused("values in a URL are written {{…}}, so that they are percent-encoded");
  const faults = faultsOf("", () => compileUrl(url, environment.roots));
  if (faults.length > 0) return faults;
  const isLiteral = !url.includes("{{") && !url.startsWith("$");
  if (isLiteral && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    return refused(`"${url}" is not an absolute http(s) URL; write it whole`);
  }
  return mappingFaults(url, environment);
}

function delayFaults({ delay, forEach }: Step): Fault[] {
  const faults: Fault[] = [];
  if (forEach !== undefined) faults.push({ pointer: "/forEach", message: "a delay is not repeated; remove it" });
  if (durationMs(delay!) > MAX_DELAY_MS) faults.push({ pointer: "/delay", message: "must be at most 90 days (P90D)" });
  return faults;
}
