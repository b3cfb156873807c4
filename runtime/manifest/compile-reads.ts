import type { Cursor, Pagination } from "../../schemas/manifest.ts";
import { compileRecords, type CompiledRecords } from "./compile-records.ts";
import type { Scope } from "./expressions.ts";
import { compileRequest, type CompiledRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
import { Site } from "./site.ts";
import type { ResponseParts } from "./targets.ts";

/** How a stream is read: pages and cursor. Targets stay text in the definitions; {@link compileTarget} applies them. */
export interface CompiledReads {
  readonly pagination: CompiledPagination;
  readonly cursor: CompiledCursor;
}

export interface CompiledPagination {
  readonly definition: Pagination;
  /** The values that name the next page, one per `from`; none for pages that are counted, and for the Link header. */
  readonly from: readonly ((page: { response: ResponseParts; lastRecord: unknown }) => unknown)[];
  /** Whether the condition of `stop` ends the pages. */
  readonly stopWhen: ((response: ResponseParts) => boolean) | undefined;
}

export interface CompiledCursor {
  readonly definition: Cursor;
  /** `from` of an answer: syncToken and sequence. */
  readonly ofResponse: ((response: ResponseParts) => unknown) | undefined;
  /** `from` or `values` of a record: updatedSince and keyset. */
  readonly ofRecord: readonly ((record: unknown) => unknown)[];
  /** Seconds to look ahead and behind, from the scope: window. */
  readonly span: ((scope: Scope) => { ahead: number; behind: number }) | undefined;
  /** The request for the first number: sequence. */
  readonly baseline:
    | { readonly request: CompiledRequest; readonly from: (response: ResponseParts) => unknown }
    | undefined;
  /** The request for what an expired number has missed: sequence. */
  readonly recover: CompiledRecovery | undefined;
}

export interface CompiledRecovery {
  readonly request: CompiledRequest;
  readonly pagination: CompiledPagination;
  /** Undefined when they are where the stream has them. */
  readonly records: CompiledRecords | undefined;
}

/** How the stream at this place is read. @throws HooklineError `invalid_expression` */
export function compileReads(cursor: Cursor, pagination?: Pagination, stream = new Site()): CompiledReads {
  return {
    pagination: compilePagination(pagination, stream.at("pagination")),
    cursor: compileCursor(cursor, stream.at("cursor")),
  };
}

/** @throws HooklineError `invalid_expression` */
export function compilePagination(definition: Pagination = { type: "none" }, at: Site): CompiledPagination {
  const from = "from" in definition ? definition.from : undefined;
  const stop = "stop" in definition ? definition.stop : undefined;
  return {
    definition,
    from: from === undefined ? [] : at.at("from").expressions(from, ROOTS.nextPage),
    stopWhen: typeof stop === "object" ? at.at("stop", "when").condition(stop.when, ROOTS.answer) : undefined,
  };
}

function compileCursor(definition: Cursor, at: Site): CompiledCursor {
  const none = { ofResponse: undefined, span: undefined, baseline: undefined, recover: undefined };
  const empty = { definition, ofRecord: [], ...none };
  switch (definition.type) {
    case "syncToken":
      return { ...empty, ofResponse: ofResponse(definition.from, at.at("from")) };
    case "sequence":
      return {
        ...empty,
        ofResponse: ofResponse(definition.from, at.at("from")),
        baseline: compileBaseline(definition.baseline, at.at("baseline")),
        recover: definition.recover && compileRecovery(definition.recover, at.at("recover")),
      };
    case "updatedSince":
      return { ...empty, ofRecord: ofRecord(definition.from, at.at("from")) };
    case "keyset":
      return { ...empty, ofRecord: ofRecord(definition.values, at.at("values")) };
    case "window":
      return { ...empty, span: compileSpan(definition, at) };
    case "snapshot":
      return empty;
  }
}

type Sequence = Extract<Cursor, { type: "sequence" }>;
type Window = Extract<Cursor, { type: "window" }>;

function compileBaseline({ request, from }: Sequence["baseline"], at: Site): CompiledCursor["baseline"] {
  return {
    request: compileRequest(request, ROOTS.baselineRequest, at.at("request")),
    from: ofResponse(from, at.at("from")),
  };
}

function compileRecovery(recover: NonNullable<Sequence["recover"]>, at: Site): CompiledRecovery {
  return {
    request: compileRequest(recover.request, ROOTS.streamRequest, at.at("request")),
    pagination: compilePagination(recover.pagination, at.at("pagination")),
    records: recover.records && compileRecords(recover.records, at.at("records")),
  };
}

function compileSpan(window: Window, at: Site): CompiledCursor["span"] {
  const [ahead, behind] = (["aheadSeconds", "behindSeconds"] as const).map((key) => {
    const given = window[key];
    return typeof given === "number" ? () => given : at.at(key).expression(given, ROOTS.windowSpan);
  });
  return (scope) => ({ ahead: Number(ahead!(scope) ?? 0), behind: Number(behind!(scope) ?? 0) });
}

function ofResponse(place: string, at: Site): (response: ResponseParts) => unknown {
  const get = at.expression(place, ROOTS.response);
  return (response) => get({ response });
}

function ofRecord(places: string | readonly string[], at: Site): ((record: unknown) => unknown)[] {
  return at.expressions(places, ROOTS.record).map((get) => (record) => get({ record }));
}
