import { HooklineError } from "../core/errors.ts";
import { changeConnection, findConnection } from "../model/connections.ts";
import { ActionBench } from "./action-bench.ts";
import type { Subject } from "./bench.ts";
import { Finding, Skip, type Case } from "./outcome.ts";

type Run = (a: ActionBench) => Promise<void>;

/** The situations every action is put into; see the names. */
export function actionCases(subject: Subject, name: string): Case[] {
  return Object.entries(CASES).map(([title, run]) => ({
    area: `action ${name}`,
    name: title,
    run: async () => {
      await using a = await ActionBench.open(subject, name);
      await run(a);
    },
  }));
}

const CASES: Record<string, Run> = {
  "the sample's request": async (a) => {
    await a.run();
    if (a.bench.server.requests.length === 0) throw new Finding("no request left; check request, steps and their when");
    if (a.differences.length > 0) throw new Finding(a.differences.join("; "));
  },
  "the sample's output": async (a) => {
    if (a.action.definition.sample?.output === undefined) throw new Skip("the action has no sample output");
    const { warnings = [] } = await a.run();
    if (!a.faithful && !a.given) throw new Skip(a.untestable);
    if (warnings.length > 0)
      throw new Finding(warnings.map(({ pointer, message }) => `output${pointer} ${message}`).join("; "));
  },
  "input that is required and missing": async (a) => {
    const { required } = (a.action.definition.input ?? {}) as { required?: string[] };
    if (!required?.length) throw new Skip("nothing is required");
    for (const name of required) {
      const { [name]: _, ...rest } = a.input;
      await refused(a, "invalid_input", `input without ${name}`, rest);
    }
  },
  "a scope that was not granted": async (a) => {
    if (a.action.scopes.length === 0) throw new Skip("the action needs no scope");
    const { db, connection, clock } = a.bench;
    const row = (await findConnection(db, connection))!;
    await changeConnection(db, connection, { version: row.version }, { scopes: ["another scope"] }, clock.now());
    await refused(a, "scope_missing", "a connection without its scopes");
  },
  "an access token that has ended": async (a) => {
    const { server } = a.bench;
    if (!a.bench.subject.connector.authentication.has("oauth2")) throw new Skip("the connection does not use OAuth");
    server.endAccess();
    await a.run();
    if (server.grants.length !== 1)
      throw new Finding(`${server.grants.length} token requests for one 401; check authExpired in errors`);
  },
  "429, then an answer": async (a) => {
    if (!a.action.retry.on.includes("rateLimited") || a.action.retry.max === 0)
      throw new Skip("the action is not tried again after a limit");
    a.bench.server.fail({
      status: 429,
      headers: { "retry-after": "0" },
      body: { error: { code: 429, message: "Too many requests" } },
    });
    await a.run();
  },
  "a write that may have been done is repeated only where that is harmless": async (a) => {
    const { idempotency, definition, retry } = a.action;
    const { server } = a.bench;
    await a.run();
    const [write] = a.writes;
    if (!write) throw new Skip("the action only reads");
    let failed = false;
    server.faults.push((request) => {
      if (failed || request.method !== write.method || request.path !== write.path) return undefined;
      failed = true;
      return { status: 500, body: { error: { code: 500, message: "Done, but not said" } } };
    });
    const error = await a.run().then(
      () => undefined,
      (caught: unknown) => caught,
    );
    const times = server.requests.filter(({ method, path }) => method === write.method && path === write.path).length;
    if (definition.kind === "create" && write.method === "POST" && idempotency === "natural" && times > 1) {
      throw new Finding(
        "a POST that creates was sent again although the vendor may have done it: what it makes would be there twice; set idempotency to none, or to key",
      );
    }
    const harmless = idempotency !== "none" && retry.max > 0 && retry.on.includes("serverError");
    if (harmless && error) throw new Finding(`it is harmless to repeat, and failed: ${(error as Error).message}`);
    if (!harmless && times > 1) throw new Finding(`it was sent ${times} times; set idempotency and retry`);
  },
};

async function refused(a: ActionBench, code: string, what: string, input?: unknown): Promise<void> {
  const error = await a.run(input).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof Skip) throw error;
  const sent = a.bench.server.requests.length;
  if (sent > 0) throw new Finding(`${sent} requests left with ${what}`);
  if (!(error instanceof HooklineError) || error.code !== code)
    throw new Finding(`${what} was not refused: ${error instanceof Error ? error.message : "it succeeded"}`);
}
