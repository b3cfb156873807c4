import type { ConnectorRequest, Cursor, Pagination, Records, Stream } from "../../../schemas/manifest.ts";
import { HooklineError, type Fault } from "../../core/errors.ts";
import { isObject, joinPointer } from "../../core/json.ts";
import { compileExpression, compileText, isRuntimeExpression } from "../expressions.ts";
import { compileJmespath } from "../jmespath.ts";
import { ROOTS } from "../roots.ts";
import { compilePath, compileTemplate, type TemplateOptions } from "../templates.ts";
import { authenticationMethods, type Rule } from "./context.ts";

/** Every expression parses and uses only roots of its place. */
export const expressionsParse: Rule = (context) => [
  ...streamExpressions(context),
  ...triggerExpressions(context),
  ...actionExpressions(context),
  ...connectorExpressions(context),
];

type Roots = readonly string[];

const streamExpressions: Rule = ({ streams }) =>
  streams.flatMap(({ value: stream, pointer }) => {
    const { each, pagination, cursor, enrich } = stream;
    return [
      ...eachExpressions(`${pointer}/each`, each),
      ...request(`${pointer}/request`, stream.request, each ? ROOTS.itemRequest : ROOTS.streamRequest),
      ...records(`${pointer}/records`, stream.records),
      ...condition(`${pointer}/requires/condition`, stream.requires?.condition, ROOTS.requires),
      ...condition(`${pointer}/deleted`, stream.deleted),
      ...Object.entries(stream.watch ?? {}).flatMap(([name, watch]) =>
        condition(joinPointer(`${pointer}/watch`, name), watch),
      ),
      ...(stream.resource
        ? template(`${pointer}/resource/map`, stream.resource.map, { roots: ROOTS.record, at: "record" })
        : []),
      ...(enrich ? request(`${pointer}/enrich/request`, enrich.request, ROOTS.enrichRequest) : []),
      ...condition(`${pointer}/enrich/when`, enrich?.when),
      ...value(`${pointer}/enrich/select`, enrich?.select, ROOTS.response, "body"),
      ...paginationExpressions(`${pointer}/pagination`, pagination),
      ...cursorExpressions(`${pointer}/cursor`, cursor),
    ];
  });

function eachExpressions(pointer: string, each: Stream["each"]): Fault[] {
  if (!each) return [];
  return [
    ...request(`${pointer}/request`, each.request, ROOTS.eachRequest),
    ...paginationExpressions(`${pointer}/pagination`, each.pagination),
    ...value(`${pointer}/select`, each.select, ROOTS.response, "body"),
    ...condition(`${pointer}/where`, each.where, ROOTS.eachWhere),
  ];
}

function paginationExpressions(pointer: string, pagination: Pagination | undefined): Fault[] {
  if (!pagination) return [];
  const stop = "stop" in pagination ? pagination.stop : undefined;
  return [
    ...places(`${pointer}/from`, "from" in pagination ? pagination.from : undefined, ROOTS.nextPage),
    ...condition(`${pointer}/stop/when`, typeof stop === "object" ? stop.when : undefined, ROOTS.answer),
  ];
}

function cursorExpressions(pointer: string, cursor: Cursor): Fault[] {
  switch (cursor.type) {
    case "syncToken":
      return places(`${pointer}/from`, cursor.from, ROOTS.response);
    case "sequence":
      return [
        ...places(`${pointer}/from`, cursor.from, ROOTS.response),
        ...request(`${pointer}/baseline/request`, cursor.baseline.request, ROOTS.baselineRequest),
        ...places(`${pointer}/baseline/from`, cursor.baseline.from, ROOTS.response),
        ...(cursor.recover ? request(`${pointer}/recover/request`, cursor.recover.request, ROOTS.streamRequest) : []),
        ...paginationExpressions(`${pointer}/recover/pagination`, cursor.recover?.pagination),
        ...(cursor.recover?.records ? records(`${pointer}/recover/records`, cursor.recover.records) : []),
      ];
    case "updatedSince":
      return places(`${pointer}/from`, cursor.from, ROOTS.record);
    case "keyset":
      return places(`${pointer}/values`, cursor.values, ROOTS.record);
    case "window":
      return (["aheadSeconds", "behindSeconds"] as const).flatMap((key) =>
        typeof cursor[key] === "string" ? places(`${pointer}/${key}`, cursor[key], ROOTS.windowSpan) : [],
      );
    case "snapshot":
      return [];
  }
}

const triggerExpressions: Rule = ({ triggers }) =>
  triggers.flatMap(({ value: trigger, pointer }) => [
    ...condition(`${pointer}/where`, trigger.where, ROOTS.where),
    ...template(`${pointer}/streamInput`, trigger.streamInput, { roots: ROOTS.streamInput }),
  ]);

const actionExpressions: Rule = ({ actions, resources }) => [
  ...actions.flatMap(({ value: action, pointer }) => [
    ...(action.request ? request(`${pointer}/request`, action.request, ROOTS.actionRequest) : []),
    ...(action.steps ?? []).flatMap((step, i) => [
      ...request(`${pointer}/steps/${i}/request`, step.request, ROOTS.actionRequest),
      ...condition(`${pointer}/steps/${i}/when`, step.when, ROOTS.stepCondition),
    ]),
    ...condition(`${pointer}/requires/condition`, action.requires?.condition, ROOTS.requires),
    ...template(`${pointer}/result`, action.result, { roots: ROOTS.result }),
    ...template(`${pointer}/batch/inputs`, action.batch?.inputs, { roots: ROOTS.batchInputs }),
    ...template(`${pointer}/batch/results`, action.batch?.results, { roots: ROOTS.result }),
  ]),
  ...resources.flatMap(({ value: resource, pointer }) =>
    template(`${pointer}/from`, resource.from, { roots: ROOTS.resource }),
  ),
];

const connectorExpressions: Rule = (context) => [
  ...(context.sound("errors") ?? []).flatMap((matcher, i) => [
    ...condition(`/errors/${i}/when`, matcher.when, ROOTS.answer),
    ...places(`/errors/${i}/retryAfter`, matcher.retryAfter, ROOTS.response),
  ]),
  ...authenticationMethods(context).flatMap(({ value: method, pointer }) => [
    ...Object.entries(method.capture ?? {}).flatMap(([name, place]) =>
      places(joinPointer(`${pointer}/capture`, name), place, ROOTS.response),
    ),
    ...(method.test ? request(`${pointer}/test`, method.test, ROOTS.connection) : []),
    ...template(`${pointer}/label`, method.label, { roots: ROOTS.label }),
  ]),
  ...serverHeaders(context),
];

const serverHeaders: Rule = (context) => {
  const server = context.sound("server");
  return server && "url" in server ? template("/server/headers", server.headers, { roots: ROOTS.connection }) : [];
};

function records(pointer: string, { select, fingerprint, timestamp }: Records): Fault[] {
  return [
    ...(Array.isArray(select)
      ? select.flatMap((place, i) => value(`${pointer}/select/${i}`, place, ROOTS.response, "body"))
      : value(`${pointer}/select`, select, ROOTS.response, "body")),
    ...value(`${pointer}/fingerprint`, fingerprint, ROOTS.record, "record"),
    ...value(`${pointer}/timestamp`, timestamp, ROOTS.record, "record"),
  ];
}

function request(pointer: string, parts: ConnectorRequest, roots: Roots): Fault[] {
  const { path, ...templates } = parts as { path?: string };
  return [
    ...(path === undefined ? [] : attempt(`${pointer}/path`, () => compilePath(path, roots))),
    ...template(pointer, templates, { roots }),
  ];
}

/** All faults of a template, leaf by leaf. */
function template(pointer: string, part: unknown, options: TemplateOptions): Fault[] {
  if (Array.isArray(part)) return part.flatMap((item, i) => template(`${pointer}/${i}`, item, options));
  if (isObject(part) && !("$expr" in part)) {
    return Object.entries(part).flatMap(([key, inner]) => template(joinPointer(pointer, key), inner, options));
  }
  return attempt(pointer, () => compileTemplate(part, options));
}

function value(pointer: string, part: unknown, roots: Roots, at: "record" | "body"): Fault[] {
  return part === undefined ? [] : template(pointer, part, { roots, at });
}

function places(pointer: string, place: string | string[] | undefined, roots: Roots): Fault[] {
  if (Array.isArray(place)) return place.flatMap((one, i) => places(`${pointer}/${i}`, one, roots));
  if (place === undefined) return [];
  return attempt(pointer, () =>
    isRuntimeExpression(place) ? compileExpression(place, roots) : compileText(place, roots),
  );
}

function condition(pointer: string, expression: string | undefined, roots?: Roots): Fault[] {
  return expression === undefined ? [] : attempt(pointer, () => compileJmespath(expression, roots));
}

function attempt(pointer: string, compile: () => unknown): Fault[] {
  try {
    compile();
    return [];
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return [{ pointer, message: error.message }];
  }
}
