import type {
  Action,
  ActionBatch,
  Each,
  Enrich,
  ErrorClass,
  ErrorMatcher,
  Requires,
  Stream,
  Trigger,
} from "../../schemas/manifest.ts";
import { atPointer, isObject } from "../core/json.ts";
import { compilePagination, compileReads } from "./compile-reads.ts";
import { compileRecords, compileSelect, compileValue } from "./compile-records.ts";
import type {
  CompiledAction,
  CompiledBatch,
  CompiledEach,
  CompiledEnrich,
  CompiledErrorMatcher,
  CompiledRequirement,
  CompiledStream,
  CompiledTrigger,
  Connector,
} from "./compiled.ts";
import { compileExpression, compileText, isRuntimeExpression, type Getter, type Scope } from "./expressions.ts";
import { compileCondition } from "./jmespath.ts";
import type { LoadedManifest } from "./load.ts";
import { compileRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
import type { ResponseParts } from "./targets.ts";
import { compileTemplate } from "./templates.ts";
import { compileSchema } from "./validate.ts";
import { readsVariables } from "./variables.ts";

export type * from "./compiled.ts";
export { compileCondition };

const RETRIED: readonly ErrorClass[] = ["rateLimited", "serverError", "network", "timeout"];
const HARMLESS = new Set<Action["kind"]>(["get", "search", "list"]);

/**
 * Compiles a manifest that has been checked.
 * @throws HooklineError `invalid_expression`
 */
export function compileConnector(loaded: LoadedManifest): Connector {
  const { manifest } = loaded;
  const streams = mapValues(manifest.streams, compileStream);
  const methods = "oneOf" in manifest.authentication ? manifest.authentication.oneOf : [manifest.authentication];
  return {
    name: manifest.name,
    version: manifest.version,
    manifest,
    loaded,
    streams,
    triggers: mapValues(manifest.triggers, (name, trigger) =>
      compileTrigger(name, trigger, manifest.streams?.[trigger.stream]),
    ),
    actions: mapValues(manifest.actions, compileAction),
    resources: mapValues(manifest.resources, (_, definition) => ({
      definition,
      from: compileTemplate(definition.from, { roots: ROOTS.resource }),
    })),
    errors: (manifest.errors ?? []).map(compileErrorMatcher),
    serverHeaders: compileTemplate("url" in manifest.server ? (manifest.server.headers ?? {}) : {}, {
      roots: ROOTS.connection,
    }),
    authentication: new Map(
      methods.map((method) => [
        method.type,
        {
          test: method.test && compileRequest(method.test, ROOTS.connection),
          capture: mapValues(method.capture, (_, place) => ofResponse(compileExpression(place, ROOTS.response))),
          label: method.label === undefined ? undefined : compileLabel(method.label),
        },
      ]),
    ),
  };
}

function compileStream(name: string, stream: Stream): CompiledStream {
  return {
    name,
    definition: stream,
    scopes: stream.scopes ?? [],
    requires: stream.requires && compileRequirement(stream.requires),
    each: stream.each && compileEach(stream.each),
    request: compileRequest(stream.request, stream.each ? ROOTS.itemRequest : ROOTS.streamRequest),
    readsVariables: readsVariables(
      stream.request,
      stream.each?.request,
      stream.enrich?.request,
      requestsOf(stream.cursor),
    ),
    enrich: stream.enrich && compileEnrich(stream.enrich),
    ...compileRecords(stream.records, stream),
    ...compileReads(stream.cursor, stream.pagination),
    resource: stream.resource && compileResourceMap(stream.resource),
    accept: stream.accept ?? [],
    validateInput: compileSchema(stream.input ?? {}),
    validateRecord: stream.schema && compileSchema(stream.schema),
  };
}

/** The requests of a cursor's own. */
function requestsOf(cursor: Stream["cursor"]): unknown[] {
  return cursor.type === "sequence" ? [cursor.baseline.request, cursor.recover?.request] : [];
}

function compileRequirement({ condition, message }: Requires): CompiledRequirement {
  const holds = compileCondition(condition, ROOTS.requires);
  return { holds: (connection) => holds({ connection }), message };
}

function compileResourceMap({ type, map }: NonNullable<Stream["resource"]>): CompiledStream["resource"] {
  const template = compileTemplate(map, { roots: ROOTS.record, at: "record" });
  return {
    type,
    map: (record) => {
      const mapped = template({ record });
      return isObject(mapped) ? { type, ...mapped } : undefined;
    },
  };
}

function compileEach({ request, pagination, select, where, into }: Each): CompiledEach {
  return {
    request: compileRequest(request, ROOTS.eachRequest),
    pagination: compilePagination(pagination),
    select: compileSelect(select),
    where: where === undefined ? undefined : compileCondition(where, ROOTS.eachWhere),
    into,
  };
}

function compileEnrich(enrich: Enrich): CompiledEnrich {
  const select = compileValue(enrich.select ?? "$response.body", ROOTS.response, "body");
  return {
    request: compileRequest(enrich.request, ROOTS.enrichRequest),
    when: enrich.when === undefined ? undefined : compileCondition(enrich.when),
    select: ofResponse(select),
    once: enrich.once ?? false,
    into: enrich.into,
    concurrency: enrich.concurrency ?? 5,
  };
}

function compileTrigger(name: string, trigger: Trigger, stream: Stream | undefined): CompiledTrigger {
  return {
    name,
    definition: trigger,
    stream: trigger.stream,
    on: trigger.on,
    event: trigger.event,
    where: trigger.where === undefined ? undefined : compileCondition(trigger.where, ROOTS.where),
    streamInput: trigger.streamInput
      ? (compileTemplate(trigger.streamInput, { roots: ROOTS.streamInput }) as (
          scope: Scope,
        ) => Record<string, unknown>)
      : sharedInput(stream),
    validateInput: compileSchema(trigger.input ?? {}),
  };
}

/** The properties of the subscriber's input that the stream's input declares too. */
function sharedInput(stream: Stream | undefined): (scope: Scope) => Record<string, unknown> {
  const declared = stream?.input?.["properties"];
  const names = isObject(declared) ? Object.keys(declared) : [];
  return ({ input }) =>
    isObject(input)
      ? Object.fromEntries(names.filter((name) => Object.hasOwn(input, name)).map((name) => [name, input[name]]))
      : {};
}

function compileAction(name: string, action: Action): CompiledAction {
  const steps = action.steps ?? (action.request ? [{ id: "request", request: action.request }] : []);
  return {
    name,
    definition: action,
    scopes: action.scopes ?? [],
    requires: action.requires && compileRequirement(action.requires),
    steps: steps.map((step) => ({
      id: step.id,
      request: compileRequest(step.request, ROOTS.actionRequest),
      when: step.when === undefined ? undefined : compileCondition(step.when, ROOTS.stepCondition),
      retry: step.retry,
      accept: step.accept ?? action.accept ?? [],
    })),
    readsVariables: readsVariables(steps.map(({ request }) => request)),
    result: compileTemplate(action.result === undefined ? "$response.body" : action.result, { roots: ROOTS.result }),
    idempotency: action.idempotency ?? (HARMLESS.has(action.kind) ? "natural" : "none"),
    retry: { max: action.retry?.max ?? 3, on: action.retry?.on ?? RETRIED },
    serial: action.serial === "connection",
    batch: action.batch && compileBatch(action.batch),
    validateInput: compileSchema(action.input ?? {}),
    validateOutput: action.output && compileSchema(action.output),
  };
}

function compileBatch({ action, size, inputs, results, distinct }: ActionBatch): CompiledBatch {
  return {
    action,
    size,
    inputs: compileTemplate(inputs, { roots: ROOTS.batchInputs }),
    results: compileTemplate(results, { roots: ROOTS.result }),
    distinct: distinct === undefined ? undefined : (input) => atPointer(input, distinct),
  };
}

function compileErrorMatcher(matcher: ErrorMatcher): CompiledErrorMatcher {
  const when = matcher.when === undefined ? undefined : compileCondition(matcher.when, ROOTS.answer);
  const place = matcher.retryAfter === undefined ? undefined : compileExpression(matcher.retryAfter, ROOTS.response);
  return {
    class: matcher.class,
    scope: matcher.scope,
    matches: (response) => (matcher.status?.includes(response.status) ?? true) && (when?.(response) ?? true),
    retryAfter: place && ofResponse(place),
  };
}

function compileLabel(label: string): (scope: Scope) => string {
  if (!isRuntimeExpression(label)) return compileText(label, ROOTS.label);
  const get = compileExpression(label, ROOTS.label);
  return (scope) => String(get(scope) ?? "");
}

function ofResponse(get: Getter): (response: ResponseParts) => unknown {
  return (response) => get({ response });
}

function mapValues<In, Out>(
  values: Record<string, In> | undefined,
  convert: (name: string, value: In) => Out,
): Map<string, Out> {
  return new Map(Object.entries(values ?? {}).map(([name, value]) => [name, convert(name, value)]));
}
