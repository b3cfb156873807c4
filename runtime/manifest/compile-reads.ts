import type { Cursor, Pagination } from "../../schemas/manifest.ts";
import { compileRecords, type CompiledRecords } from "./compile-records.ts";
import { compileExpression, type Scope } from "./expressions.ts";
import { compileCondition } from "./jmespath.ts";
import { compileRequest, type CompiledRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
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
  /** `from` of a response: syncToken and sequence. */
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

/** @throws HooklineError `invalid_expression` */
export function compileReads(cursor: Cursor, pagination: Pagination | undefined): CompiledReads {
  return { pagination: compilePagination(pagination), cursor: compileCursor(cursor) };
}

/** @throws HooklineError `invalid_expression` */
export function compilePagination(definition: Pagination = { type: "none" }): CompiledPagination {
  const from = "from" in definition && definition.from !== undefined ? [definition.from].flat() : [];
  const stop = "stop" in definition ? definition.stop : undefined;
  return {
    definition,
    from: from.map((place) => compileExpression(place, ROOTS.nextPage)),
    stopWhen: typeof stop === "object" ? compileCondition(stop.when, ROOTS.answer) : undefined,
  };
}

function compileCursor(definition: Cursor): CompiledCursor {
  const none = { ofResponse: undefined, span: undefined, baseline: undefined, recover: undefined };
  const empty = { definition, ofRecord: [], ...none };
  switch (definition.type) {
    case "syncToken":
      return { ...empty, ofResponse: ofResponse(definition.from) };
    case "sequence": {
      const { baseline, recover } = definition;
      return {
        ...empty,
        ofResponse: ofResponse(definition.from),
        baseline: { request: compileRequest(baseline.request, ROOTS.baselineRequest), from: ofResponse(baseline.from) },
        recover: recover && {
          request: compileRequest(recover.request, ROOTS.streamRequest),
          pagination: compilePagination(recover.pagination),
          records: recover.records && compileRecords(recover.records),
        },
      };
    }
    case "updatedSince":
      return { ...empty, ofRecord: [ofRecord(definition.from)] };
    case "keyset":
      return { ...empty, ofRecord: definition.values.map(ofRecord) };
    case "window":
      return { ...empty, span: compileSpan(definition.aheadSeconds, definition.behindSeconds) };
    case "snapshot":
      return empty;
  }
}

function compileSpan(aheadSeconds: number | string, behindSeconds: number | string): CompiledCursor["span"] {
  const [ahead, behind] = [aheadSeconds, behindSeconds].map((given) =>
    typeof given === "number" ? () => given : compileExpression(given, ROOTS.windowSpan),
  );
  return (scope) => ({ ahead: Number(ahead!(scope) ?? 0), behind: Number(behind!(scope) ?? 0) });
}

function ofResponse(place: string): (response: ResponseParts) => unknown {
  const get = compileExpression(place, ROOTS.response);
  return (response) => get({ response });
}

function ofRecord(place: string): (record: unknown) => unknown {
  const get = compileExpression(place, ROOTS.record);
  return (record) => get({ record });
}
