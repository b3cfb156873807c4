import { setTimeout as sleep } from "node:timers/promises";
import type { Request, Response } from "express";
import { HooklineError, nearest } from "../core/errors.ts";
import { send } from "./route.ts";
import type { Answer, Route } from "./route.ts";

/** What can go wrong on demand, with what it does to a request that it strikes. */
export const FAULT_KINDS = {
  "rate-limit": "answers 429 in the vendor's words, with Retry-After when `retryAfter` is given",
  status: "answers `status` (500 when not given) in the vendor's words",
  unauthorized: "answers 401 in the vendor's words, though the token may be good",
  latency: "waits `latencyMs`, then lets the request through",
  reset: "resets the connection before the request is carried out",
  hang: "never answers",
  truncate: "carries the request out, then cuts the answer in half and the connection with it",
  "page-token-loop": "carries the request out, but gives a page token back that was sent in",
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

export interface FaultSpec {
  kind: FaultKind;
  /** A method id such as `people.people.connections.list` or a path such as `/v1/people/*`; `*` stands for anything. Default: `*`. */
  match?: string;
  /** HTTP method; default: any. */
  method?: string;
  /** How many requests it strikes before it is gone; 0 for as long as it is set. Default: 1. */
  times?: number;
  /** Strikes every n-th matching request. Default: 1. */
  every?: number;
  /** For `status`. Default: 500. */
  status?: number;
  /** For `rate-limit`: whole seconds to tell in Retry-After. Default: no such header. */
  retryAfter?: number;
  /** For `latency`: milliseconds. Default: 1000. */
  latencyMs?: number;
}

/** The least of each number; text where there is none. */
const PROPERTIES: Readonly<Record<keyof FaultSpec, number | undefined>> = {
  kind: undefined,
  match: undefined,
  method: undefined,
  times: 0,
  every: 1,
  status: 0,
  retryAfter: 0,
  latencyMs: 0,
};

interface Fault {
  spec: Required<Omit<FaultSpec, "retryAfter">> & { retryAfter: number | undefined };
  pattern: RegExp;
  matched: number;
  struck: number;
}

/** The faults that are set. They are tried in the order in which they were set. */
export class FaultBoard {
  /** Replaced, never changed: a request under way keeps the list it began with. */
  #faults: readonly Fault[] = [];

  /** Throws `invalid_input` for a kind or a property that does not exist, and for a value of another type. */
  add(spec: FaultSpec): void {
    checkProperties(spec);
    if (!Object.hasOwn(FAULT_KINDS, spec.kind)) {
      throw new HooklineError(
        "invalid_input",
        `faults: there is no kind "${spec.kind as string}"; use one of ${Object.keys(FAULT_KINDS).join(", ")}.`,
      );
    }
    const complete = { match: "*", method: "*", times: 1, every: 1, status: 500, latencyMs: 1000, ...spec };
    const fault = {
      spec: { ...complete, retryAfter: spec.retryAfter },
      pattern: globPattern(complete.match),
      matched: 0,
      struck: 0,
    };
    this.#faults = [...this.#faults, fault];
  }

  clear(): void {
    this.#faults = [];
  }

  toJSON(): object[] {
    return this.#faults.map(({ spec, matched, struck }) => ({ ...spec, matched, struck }));
  }

  /** Lets the faults have the request; true when one of them has dealt with it and its route must not. */
  async strike(route: Route, request: Request, response: Response): Promise<boolean> {
    for (const fault of this.#faults) {
      if (!this.#fires(fault, route, request)) continue;
      if (fault.spec.kind === "latency") await sleep(fault.spec.latencyMs, undefined, { ref: false });
      else return apply(fault.spec, route, request, response);
    }
    return false;
  }

  #fires(fault: Fault, route: Route, request: Request): boolean {
    const { spec, pattern } = fault;
    if (spec.method !== "*" && spec.method.toUpperCase() !== request.method) return false;
    if (!pattern.test(route.id) && !pattern.test(request.path)) return false;
    if (++fault.matched % spec.every !== 0) return false;
    if (++fault.struck === spec.times) this.#faults = this.#faults.filter((other) => other !== fault);
    return true;
  }
}

function checkProperties(spec: FaultSpec): void {
  for (const [name, value] of Object.entries(spec)) {
    const fault = propertyFault(name, value);
    if (fault !== undefined) throw new HooklineError("invalid_input", `faults: ${fault}`);
  }
}

function propertyFault(name: string, value: unknown): string | undefined {
  const names = Object.keys(PROPERTIES);
  if (!names.includes(name)) {
    const near = nearest(name, names);
    return `there is no "${name}"; ${near ? `did you mean "${near}"?` : `use ${names.join(", ")}`}`;
  }
  if (value === undefined) return undefined;
  const least = PROPERTIES[name as keyof FaultSpec];
  if (least === undefined) return typeof value === "string" ? undefined : `"${name}" must be text`;
  const isFit = Number.isInteger(value) && (value as number) >= least;
  return isFit ? undefined : `"${name}" must be a whole number, ${least} or more`;
}

function apply(spec: Fault["spec"], route: Route, request: Request, response: Response): boolean {
  switch (spec.kind) {
    case "rate-limit":
      send(response, withRetryAfter(route.answers.rateLimited(), spec.retryAfter));
      return true;
    case "status":
      send(response, route.answers.failed(spec.status));
      return true;
    case "unauthorized":
      send(response, route.answers.unauthenticated());
      return true;
    case "reset":
      request.socket.resetAndDestroy();
      return true;
    case "hang":
      return true;
    case "truncate":
      truncateAnswer(response);
      return false;
    case "page-token-loop":
      repeatPageToken(request, response);
      return false;
    case "latency":
      return false;
  }
}

function withRetryAfter(answer: Answer, seconds: number | undefined): Answer {
  return seconds === undefined ? answer : { ...answer, headers: { ...answer.headers, "Retry-After": String(seconds) } };
}

function truncateAnswer(response: Response): void {
  response.json = (body: unknown) => {
    const bytes = Buffer.from(JSON.stringify(body));
    response.set({ "content-type": "application/json; charset=utf-8", "content-length": String(bytes.length) });
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroy());
    return response;
  };
}

function repeatPageToken(request: Request, response: Response): void {
  const sent = request.query.pageToken;
  const json = response.json.bind(response);
  response.json = (body: Record<string, unknown>) => {
    const { nextSyncToken: _, ...rest } = body;
    return json(typeof sent === "string" && response.statusCode === 200 ? { ...rest, nextPageToken: sent } : body);
  };
}

function globPattern(glob: string): RegExp {
  const literal = glob.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll("*", ".*")}$`);
}
