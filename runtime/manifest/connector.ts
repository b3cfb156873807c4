import type {
  Action,
  ActionBatch,
  Each,
  Enrich,
  ErrorClass,
  ErrorMatcher,
  Manifest,
  RecordFailure,
  Requires,
  Resource,
  Step,
  Stream,
  Trigger,
} from "../../schemas/manifest.ts";
import { atPointer, isObject } from "../core/json.ts";
import { compileAuthentication } from "./compile-authentication.ts";
import { mapValues, ofResponse } from "./compile-shared.ts";
import { compilePagination, compileReads } from "./compile-reads.ts";
import { compileRecords, compileWatch } from "./compile-records.ts";
import { compileSelect, unexpectedAnswer } from "./select.ts";
import type {
  CompiledAction,
  CompiledBatch,
  CompiledEach,
  CompiledEnrich,
  CompiledErrorMatcher,
  CompiledRequirement,
  CompiledResource,
  CompiledStep,
  CompiledStream,
  CompiledTrigger,
  Connector,
} from "./compiled.ts";
import { toText, type Getter, type Scope } from "./expressions.ts";
import type { LoadedManifest } from "./load.ts";
import { compileRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
import { Site } from "./site.ts";
import { compileSchema } from "./validate.ts";
import { readsVariables } from "./variables.ts";

export type * from "./compiled.ts";

const RETRIED: readonly ErrorClass[] = ["rateLimited", "serverError", "network", "timeout"];
const HARMLESS = new Set<Action["kind"]>(["get", "search", "list"]);
/** Safe verbs (RFC 9110 §9.2.1), and Google's standard methods Get and List (AIP-131, AIP-132). */
const READING = /^(GET|HEAD)$|\.(get|list)$/;

/**
 * Compiles a manifest that has been checked.
 * @throws HooklineError `invalid_expression`
 */
export function compileConnector(loaded: LoadedManifest): Connector {
  const { manifest } = loaded;
  const at = new Site();
  const methods = "oneOf" in manifest.authentication ? manifest.authentication.oneOf : [manifest.authentication];
  return {
    name: manifest.name,
    version: manifest.version,
    manifest,
    loaded,
    streams: mapValues(manifest.streams, (name, stream) => compileStream(name, stream, at)),
    triggers: mapValues(manifest.triggers, (name, trigger) =>
      compileTrigger(name, trigger, at, manifest.streams?.[trigger.stream]),
    ),
    actions: mapValues(manifest.actions, (name, action) => compileAction(name, action, at)),
    resources: mapValues(manifest.resources, (_, resource) => compileResource(resource, at)),
    errors: (manifest.errors ?? []).map((matcher) => compileErrorMatcher(matcher, at)),
    serverHeaders: compileServerHeaders(manifest.server, at),
    authentication: new Map(methods.map((method) => [method.type, compileAuthentication(method, at)])),
  };
}

/** @throws HooklineError `invalid_expression` */
export function compileStream(name: string, stream: Stream, at: Site): CompiledStream {
  const { each, enrich, deleted, watch, ended, resource } = stream;
  return {
    operation: "stream",
    name,
    definition: stream,
    scopes: stream.scopes ?? [],
    each: each && compileEach(each, at.at("each")),
    request: compileRequest(stream.request, each ? ROOTS.itemRequest : ROOTS.streamRequest, at.at("request")),
    readsVariables: readsVariables(stream.request, each?.request, enrich?.request, requestsOf(stream.cursor)),
    ...compileRecords(stream.records, at.at("records"), stream.cursor.type === "snapshot" && stream.cursor.single),
    requires: stream.requires && compileRequirement(stream.requires, at.at("requires")),
    as: stream.as,
    deleted: deleted === undefined ? undefined : at.at("deleted").condition(deleted),
    watch: watch && compileWatch(watch, at.at("watch")),
    ended: ended === undefined ? undefined : at.at("ended").condition(ended),
    resource: resource && compileResourceMap(resource, at.at("resource", "map")),
    enrich: enrich && compileEnrich(enrich, at.at("enrich")),
    ...compileReads(stream.cursor, stream.pagination, at),
    accept: stream.accept ?? [],
    validateInput: compileSchema(stream.input ?? {}),
    validateRecord: stream.schema && compileSchema(stream.schema),
  };
}

/** The requests of a cursor's own. */
function requestsOf(cursor: Stream["cursor"]): unknown[] {
  return cursor.type === "sequence" ? [cursor.baseline.request, cursor.recover?.request] : [];
}

function compileRequirement({ condition, message }: Requires, at: Site): CompiledRequirement {
  const holds = at.at("condition").condition(condition, ROOTS.requires);
  return { holds: (connection) => holds({ connection }), message };
}

function compileResourceMap({ type, map }: NonNullable<Stream["resource"]>, at: Site): CompiledStream["resource"] {
  const template = at.template(map, { roots: ROOTS.record, at: "record" });
  return {
    type,
    map: (record) => {
      const mapped = template({ record });
      return isObject(mapped) ? { type, ...mapped } : undefined;
    },
  };
}

function compileEach({ request, pagination, where, into, key = "/id", ...items }: Each, at: Site): CompiledEach {
  const select = compileSelect(items, at);
  const keyOf = (item: unknown): unknown => (isObject(item) ? atPointer(item, key) : item) ?? undefined;
  return {
    request: compileRequest(request, ROOTS.eachRequest, at.at("request")),
    pagination: compilePagination(pagination, at.at("pagination")),
    // A list that cannot be asked for would keep a read at its place, which knows its items from its beginning.
    select: (response) => {
      const found = select(response);
      if (found.every((item) => keyOf(item) !== undefined)) return found;
      throw unexpectedAnswer(response, "an item without a key", [key]);
    },
    where: where === undefined ? undefined : at.at("where").condition(where, ROOTS.eachWhere),
    into,
    key: (item) => toText(keyOf(item)),
  };
}

/** Errors that pass are waited for longer than those that say what is wrong with a record. */
const TRIES: Partial<Record<ErrorClass, number>> = { serverError: 5, network: 5, timeout: 5 };
const DEFAULT_TRIES = 3;

function compileEnrich({ request, when, select, once, into, concurrency, onError }: Enrich, at: Site): CompiledEnrich {
  const declared: Partial<Record<ErrorClass, RecordFailure>> = onError ?? {};
  return {
    request: compileRequest(request, ROOTS.enrichRequest, at.at("request")),
    when: when === undefined ? undefined : at.at("when").condition(when),
    select: ofResponse(at.at("select").value(select ?? "$response.body", ROOTS.response, "body")),
    once: once ?? false,
    into,
    concurrency: concurrency ?? 5,
    onError: (kind) => ({
      tries: declared[kind]?.tries ?? TRIES[kind] ?? DEFAULT_TRIES,
      isTold: declared[kind]?.then !== "setAside",
    }),
  };
}

/** @throws HooklineError `invalid_expression` */
export function compileTrigger(name: string, trigger: Trigger, at: Site, stream?: Stream): CompiledTrigger {
  const { where, streamInput } = trigger;
  return {
    name,
    definition: trigger,
    stream: trigger.stream,
    on: trigger.on,
    event: trigger.event,
    where: where === undefined ? undefined : at.at("where").condition(where, ROOTS.where),
    streamInput: streamInput
      ? (at.at("streamInput").template(streamInput, { roots: ROOTS.streamInput }) as CompiledTrigger["streamInput"])
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

/** @throws HooklineError `invalid_expression` */
export function compileAction(name: string, action: Action, at: Site): CompiledAction {
  const { request, steps, requires, result = "$response.body", batch } = action;
  return {
    operation: "action",
    name,
    definition: action,
    scopes: action.scopes ?? [],
    steps: [
      ...(request && !steps ? [compileStep({ id: "request", request }, action, at)] : []),
      ...(steps ?? []).map((step, i) => compileStep(step, action, at.at("steps", i))),
    ],
    readsVariables: readsVariables(
      request,
      steps?.map((step) => step.request),
    ),
    requires: requires && compileRequirement(requires, at.at("requires")),
    as: action.as,
    result: at.at("result").template(result, { roots: ROOTS.result }),
    idempotency: action.idempotency ?? (HARMLESS.has(action.kind) ? "natural" : "none"),
    retry: { max: action.retry?.max ?? 3, on: action.retry?.on ?? RETRIED },
    serial: action.serial === "connection",
    batch: batch && compileBatch(batch, at.at("batch")),
    validateInput: compileSchema(action.input ?? {}),
    validateOutput: action.output && compileSchema(action.output),
  };
}

function compileStep(step: Step, action: Action, at: Site): CompiledStep {
  return {
    id: step.id,
    request: compileRequest(step.request, ROOTS.actionRequest, at.at("request")),
    reads: HARMLESS.has(action.kind) || (step.reads ?? READING.test(step.request.method)),
    when: step.when === undefined ? undefined : at.at("when").condition(step.when, ROOTS.stepCondition),
    retry: step.retry,
    accept: step.accept ?? action.accept ?? [],
  };
}

function compileBatch({ action, size, inputs, results, distinct }: ActionBatch, at: Site): CompiledBatch {
  return {
    action,
    size,
    inputs: at.at("inputs").template(inputs, { roots: ROOTS.batchInputs }),
    results: at.at("results").template(results, { roots: ROOTS.result }),
    distinct: distinct === undefined ? undefined : (input) => atPointer(input, distinct),
  };
}

/** @throws HooklineError `invalid_expression` */
export function compileResource(definition: Resource, at: Site): CompiledResource {
  return { definition, from: at.at("from").template(definition.from, { roots: ROOTS.resource }) };
}

/** @throws HooklineError `invalid_expression` */
export function compileErrorMatcher(matcher: ErrorMatcher, at: Site): CompiledErrorMatcher {
  const { when, retryAfter } = matcher;
  const holds = when === undefined ? undefined : at.at("when").condition(when, ROOTS.answer);
  const wait = retryAfter === undefined ? undefined : at.at("retryAfter").expression(retryAfter, ROOTS.response);
  return {
    class: matcher.class,
    scope: matcher.scope,
    matches: (response) => (matcher.status?.includes(response.status) ?? true) && (holds?.(response) ?? true),
    retryAfter: wait && ofResponse(wait),
  };
}

/** @throws HooklineError `invalid_expression` */
export function compileServerHeaders(server: Manifest["server"], at: Site): Getter {
  return at.at("headers").template("url" in server ? (server.headers ?? {}) : {}, { roots: ROOTS.connection });
}
