import { findAction, type RunAction } from "../act/actions.ts";
import { connectionValues } from "../accounts/credentials.ts";
import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Network, NetworkResponse } from "../core/network.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import { scrub } from "../core/secrets.ts";
import type { Scope } from "../manifest/expressions.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Sql } from "../store/database.ts";
import { resolveConnection, type Asker } from "../accounts/resolve.ts";
import type { CompiledStep, CompiledWork } from "./definition.ts";

/** A step that is ready to be done: what it takes is known. */
export interface Call {
  /** The connection it runs with. */
  connection: string | undefined;
  input: unknown;
  /** Whether doing it twice is harmless, with the same key. */
  repeatable: boolean;
  /** What is wrong with the input; empty where nothing says what it must be. */
  faults(): Fault[];
  /** Does it. Throws {@link HooklineError}. */
  run(signal: AbortSignal, key: string): Promise<unknown>;
}

/** Renders what a step takes. Throws `not_found` and `conflict` for its connection, `invalid_expression`. */
export type PrepareCall = (step: CompiledStep, scope: Scope, asker: Asker) => Promise<Call>;

export interface CallsOptions {
  db: Sql;
  connectors: ReadonlyMap<string, Connector>;
  runAction: RunAction;
  network: Pick<Network, "request">;
}

/** The largest answer of an HTTP step, in bytes. */
const MAX_ANSWER = 1_048_576;
/** Which headers of an answer a step's output has. */
const ANSWER_HEADERS = ["content-type", "location", "etag", "last-modified", "retry-after", "link", "date"];

export function createPrepareCall({ db, connectors, runAction, network }: CallsOptions): PrepareCall {
  const prepareAction = async (work: CompiledWork & { kind: "action" }, scope: Scope, asker: Asker): Promise<Call> => {
    const row = await resolveConnection(db, work.connection, asker);
    const connector = connectors.get(row.connector);
    if (!connector) {
      throw new HooklineError(
        "conflict",
        `Connection ${row.id} is of ${row.connector}, which this runtime has not loaded`,
      );
    }
    const action = findAction(connector, work.action);
    const input = work.input({ ...scope, connection: connectionValues(row) });
    return {
      connection: row.id,
      input,
      repeatable: action.idempotency !== "none",
      faults: () => action.validateInput(input),
      run: async (signal, keySeed) => {
        const { output } = await runAction(row.id, work.action, input, { signal, keySeed });
        return output;
      },
    };
  };

  const prepareHttp = (step: CompiledStep, work: CompiledWork & { kind: "http" }, scope: Scope): Call => {
    const input = work.request(scope) as { method: string; url: string; headers?: object; body?: unknown };
    return {
      connection: undefined,
      input,
      repeatable: work.idempotent,
      faults: () => [],
      run: async (signal, key) => {
        const { method, url, headers, body } = input;
        const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
        const answer = await network.request(url, {
          method,
          headers: {
            "user-agent": "hookline/1.0",
            "idempotency-key": key,
            ...(hasBody && { "content-type": "application/json" }),
            ...lowerCase(headers ?? {}),
          },
          ...(hasBody && { body: JSON.stringify(body) }),
          deadlineMs: step.timeoutMs,
          maxBytes: MAX_ANSWER,
          unpack: true,
          signal,
        });
        if (answer.status < 200 || answer.status > 299) throw refusedBy(url, answer);
        return outputOf(answer);
      },
    };
  };

  return async (step, scope, asker) => {
    const { work } = step;
    if (work.kind === "action") return prepareAction(work, scope, asker);
    if (work.kind === "http") return prepareHttp(step, work, scope);
    throw new TypeError(`Step ${step.id} is a delay: it makes no call`);
  };
}

function outputOf({ status, headers, body }: NetworkResponse): object {
  const kept = ANSWER_HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
  const text = body.toString();
  const isJson = /[/+]json\b/i.test(headers["content-type"] ?? "");
  return { status, headers: Object.fromEntries(kept) as object, body: isJson ? parsed(text) : text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function refusedBy(url: string, { status, headers, body }: NetworkResponse): HooklineError {
  const host = URL.parse(url)?.host ?? url;
  const said = scrub(body.toString().slice(0, 1024));
  const wait = parseRetryAfter(headers["retry-after"], Date.now());
  const passing = status === 429 || status >= 500;
  return new HooklineError(
    status === 429 ? "rate_limited" : "vendor_error",
    `${host} answered ${status}${said === "" ? "" : `: ${said.slice(0, 200)}`}; see what it expects`,
    { data: { vendor: { status, body: said } }, retry: passing ? { after: wait } : false },
  );
}

function lowerCase(headers: object): Record<string, string> {
  if (!isObject(headers)) return {};
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
