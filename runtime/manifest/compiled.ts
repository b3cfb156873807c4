import type {
  Action,
  As,
  AuthenticationMethod,
  ErrorClass,
  ErrorMatcher,
  Manifest,
  Resource,
  StepRetry,
  Stream,
  Trigger,
  ValueExpression,
} from "../../schemas/manifest.ts";
import type { CompiledPagination, CompiledReads } from "./compile-reads.ts";
import type { CompiledRecords } from "./compile-records.ts";
import type { Getter, Scope } from "./expressions.ts";
import type { LoadedManifest } from "./load.ts";
import type { CompiledRequest } from "./requests.ts";
import type { ResponseParts } from "./targets.ts";
import type { Validator } from "./validate.ts";

/** A stream whose expressions are functions. The manifest's own words stay in `definition`. */
export interface CompiledStream extends CompiledRecords, CompiledReads {
  readonly operation: "stream";
  readonly name: string;
  readonly definition: Stream;
  /** All of them are needed; of a list inside, one is enough. */
  readonly scopes: readonly (string | readonly string[])[];
  readonly requires: CompiledRequirement | undefined;
  /** Whose credentials its requests are sent with. */
  readonly as: As | undefined;
  /** What the stream is read once for each of. */
  readonly each: CompiledEach | undefined;
  /** Scope: `input`, `connection`, `workspace`, `user`, `cursor`, and `item` where there is an `each`. */
  readonly request: CompiledRequest;
  /** Whether any of its requests may read a variable. */
  readonly readsVariables: boolean;
  readonly enrich: CompiledEnrich | undefined;
  /** The record in common terms; `map` gives undefined when the manifest's template gives no object. */
  readonly resource:
    | { readonly type: string; readonly map: (record: unknown) => Record<string, unknown> | undefined }
    | undefined;
  /** Errors that mean there is nothing. */
  readonly accept: readonly ErrorClass[];
  readonly validateInput: Validator;
  /** Undefined when the manifest does not describe records. */
  readonly validateRecord: Validator | undefined;
}

export interface CompiledEach {
  /** Scope: that of the stream's request, without the cursor. */
  readonly request: CompiledRequest;
  readonly pagination: CompiledPagination;
  readonly select: (response: ResponseParts) => readonly unknown[];
  /** Over `{item, input}`. */
  readonly where: ((scope: Scope) => boolean) | undefined;
  readonly into: string;
  /** What tells an item from the others, for good. */
  readonly key: (item: unknown) => string;
}

/** What must be true of the connection. */
export interface CompiledRequirement {
  /** Over the connection's values. */
  readonly holds: (connection: Readonly<Record<string, unknown>>) => boolean;
  readonly message: string;
}

export interface CompiledEnrich {
  /** Scope: that of the stream's request, and `record`. */
  readonly request: CompiledRequest;
  readonly when: ((record: unknown) => boolean) | undefined;
  /** Only records that are not known yet. */
  readonly once: boolean;
  /** What of the answer is taken. */
  readonly select: (response: ResponseParts) => unknown;
  readonly into: string | undefined;
  readonly concurrency: number;
  /** In how many polls a record is asked for that fails so, and whether it is told without its enrichment then, or set aside. */
  readonly onError: (errorClass: ErrorClass) => { readonly tries: number; readonly isTold: boolean };
}

export interface CompiledTrigger {
  readonly name: string;
  readonly definition: Trigger;
  readonly stream: string;
  readonly on: Trigger["on"];
  readonly event: string;
  /** Over `{record, resource, previous, input}`. */
  readonly where: ((data: Scope) => boolean) | undefined;
  /** The stream's input from the subscriber's; scope: `input`, `connection`. */
  readonly streamInput: (scope: Scope) => Record<string, unknown>;
  readonly validateInput: Validator;
}

export interface CompiledAction {
  readonly operation: "action";
  readonly name: string;
  readonly definition: Action;
  /** All of them are needed; of a list inside, one is enough. */
  readonly scopes: readonly (string | readonly string[])[];
  readonly requires: CompiledRequirement | undefined;
  /** Whose credentials its requests are sent with. */
  readonly as: As | undefined;
  /** One request is one step, named `request`. */
  readonly steps: readonly CompiledStep[];
  /** Whether any of its requests may read a variable. */
  readonly readsVariables: boolean;
  /** Over `{response, input, steps, connection}`; `response` is the last answer. */
  readonly result: Getter;
  readonly idempotency: NonNullable<Action["idempotency"]>;
  readonly retry: { readonly max: number; readonly on: readonly ErrorClass[] };
  /** One run of a connection at a time. */
  readonly serial: boolean;
  /** Undefined when the vendor has no call for many. */
  readonly batch: CompiledBatch | undefined;
  readonly validateInput: Validator;
  /** Undefined when the manifest does not describe the output. */
  readonly validateOutput: Validator | undefined;
}

export interface CompiledBatch {
  /** The action that takes many. */
  readonly action: string;
  /** Most inputs of one call. */
  readonly size: number;
  /** Its input; scope: `items`. */
  readonly inputs: Getter;
  /** One `{output}` or `{error}` for each input; scope as of the action's result. */
  readonly results: Getter;
  /** What one call may name only once; undefined when there is no such thing. */
  readonly distinct: ((input: unknown) => unknown) | undefined;
}

export interface CompiledStep {
  readonly id: string;
  /** Scope: `input`, `connection`, `workspace`, `user`, `steps`. */
  readonly request: CompiledRequest;
  /** Whether it changes nothing. */
  readonly reads: boolean;
  readonly when: ((scope: Scope) => boolean) | undefined;
  readonly retry: StepRetry | undefined;
  /** Errors after which the step counts as done. */
  readonly accept: readonly ErrorClass[];
}

export interface CompiledErrorMatcher {
  readonly class: ErrorClass;
  readonly scope: ErrorMatcher["scope"];
  readonly matches: (response: ResponseParts) => boolean;
  /** What the vendor says of how long to wait, as it says it; undefined when it does not. */
  readonly retryAfter: ((response: ResponseParts) => unknown) | undefined;
}

/** A connector as the runtime uses it: read-only, every expression parsed, schemas compiled on first use. */
export interface Connector {
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly loaded: LoadedManifest;
  readonly streams: ReadonlyMap<string, CompiledStream>;
  readonly triggers: ReadonlyMap<string, CompiledTrigger>;
  readonly actions: ReadonlyMap<string, CompiledAction>;
  readonly resources: ReadonlyMap<string, CompiledResource>;
  readonly errors: readonly CompiledErrorMatcher[];
  /** Headers of every HTTP request; scope: `connection`. */
  readonly serverHeaders: Getter;
  /** What proves the credentials and names the account, by type of authentication. */
  readonly authentication: ReadonlyMap<AuthenticationMethod["type"], CompiledAuthentication>;
}

export interface CompiledResource {
  readonly definition: Resource;
  /** Input of create and update; scope: `resource`, `id`, `record`. */
  readonly from: Getter;
}

export interface CompiledSession {
  /** Scope: `credentials`, `connection`. */
  readonly login: CompiledRequest;
  /** Scope: `response`, `cookie`. */
  readonly token: Getter;
}

/** A JWT before it is signed. Scope: `credentials`, `connection`, `scopes`. */
export interface CompiledStatement {
  readonly claims: Getter;
  readonly header: Getter | undefined;
  readonly key: Getter;
}

/** Where a token answer has what the standard has elsewhere. Scope: `response`. */
export interface CompiledTokenAnswer {
  readonly accessToken: Getter | undefined;
  readonly refreshToken: Getter | undefined;
  readonly scope: Getter | undefined;
  /** Undefined where it is as the standard has it. */
  readonly lifetime: CompiledLifetime | undefined;
}

/** How long a token is good. */
export interface CompiledLifetime {
  /** The time of its end. */
  readonly at: Getter | undefined;
  /** Places of its seconds, or the seconds; the first that is there counts. */
  readonly within: readonly (Getter | number)[];
}

export interface CompiledAuthentication {
  /** Further parameters of requests for a token that is issued. Scope: `connection`. */
  readonly tokenParams: Getter | undefined;
  /** Where a new token is asked for, and found in the answer; undefined for other ways. */
  readonly session: CompiledSession | undefined;
  /** Undefined for answers as the standard has them. */
  readonly tokenAnswer: CompiledTokenAnswer | undefined;
  /** What is signed, and with what; undefined for other ways. */
  readonly statement: CompiledStatement | undefined;
  readonly lifetime: CompiledLifetime;
  /** The `{headers, query}` of every request; undefined where the type says it. Scope: `credentials`, `accessToken`, `connection`. */
  readonly present: Getter | undefined;
  /** Scope: `connection`. */
  readonly test: CompiledRequest | undefined;
  readonly capture: ReadonlyMap<string, (response: ResponseParts) => unknown>;
  /** Scope: `response`, `connection`. */
  readonly label: ((scope: Scope) => string) | undefined;
  /** What proves the account, best first. Scope: `response`, `token`, `connection`. */
  readonly account: ReadonlyMap<string, Getter>;
  /** What proves the grant, best first. Scope: that of `account`. */
  readonly grant: ReadonlyMap<string, Getter>;
  /** Parameters of the authorization URL when a connection is reconnected. Scope: `connection`. */
  readonly reconnectParams: ReadonlyMap<string, Getter>;
  /** Undefined where no connections are derived. */
  readonly derivation: CompiledDerivation | undefined;
}

/** How connections are derived from one. */
export interface CompiledDerivation {
  /** Whether others can be derived from a connection with these values. */
  readonly isParent: (connection: Readonly<Record<string, unknown>>) => boolean;
  /** All of them are needed; of a list inside, one is enough. */
  readonly scopes: readonly (string | readonly string[])[];
  readonly list: {
    /** Scope: `connection`, `client`. */
    readonly request: CompiledRequest;
    readonly pagination: CompiledPagination;
    /** @throws HooklineError `unexpected_answer` for an answer of another shape, and for an item without an id. */
    readonly select: (response: ResponseParts) => readonly unknown[];
  };
  /** What a listed item is; undefined for one that is not offered. */
  readonly itemOf: (item: unknown) => { readonly id: string; readonly label: string | null } | undefined;
  /** Scope: `connection`, `client`, `derived`. */
  readonly token: CompiledRequest;
  /** Whether the answer to `token` says that its token is for this id. */
  readonly isFor: (response: ResponseParts, id: string) => boolean;
  /** The manifest's words for where an answer says so. */
  readonly proof: ValueExpression;
  /** What a derived connection has as its values; scope: `derived`, `connection`. */
  readonly values: (scope: Scope) => Record<string, unknown>;
  /** The names of those that are its own, and not its parent's. */
  readonly own: readonly string[];
}
