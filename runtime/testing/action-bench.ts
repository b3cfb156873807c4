import { isDeepStrictEqual } from "node:util";
import { HooklineError } from "../core/errors.ts";
import { runKey } from "../act/run-key.ts";
import { isObject, pointerTokens } from "../core/json.ts";
import type { CompiledAction, CompiledStep } from "../manifest/connector.ts";
import { compileTarget, type RequestParts } from "../manifest/targets.ts";
import { assertMeant, Bench, type Subject } from "./bench.ts";
import { exampleOf } from "./example.ts";
import { invert, merge, nest } from "./invert.ts";
import { Skip } from "./outcome.ts";
import { readTarget, type Incoming, type Reply } from "./server.ts";

/** A bench whose vendor answers one action, step by step, so that its sample's output comes out where that can be made. */
export class ActionBench implements AsyncDisposable {
  readonly bench: Bench;
  readonly action: CompiledAction;
  readonly input: Record<string, unknown>;
  /** In what the requests differ from the manifest's. */
  readonly differences: string[] = [];
  /** Whether the answers lead to the sample's output, as far as the manifest tells. */
  readonly faithful: boolean;
  readonly #wanted: unknown;
  #scope: Record<string, unknown> = {};
  #next = 0;

  private constructor(bench: Bench, action: CompiledAction) {
    const { sample, input } = action.definition;
    this.bench = bench;
    this.action = action;
    this.input = (sample?.input ?? exampleOf(input ?? { type: "object" })) as Record<string, unknown>;
    const output = sample?.output;
    this.#wanted = wantedScope(action.definition.result ?? "$response.body", output);
    this.faithful = output !== undefined && this.#gives(output);
    bench.server.answer = (request) => this.#answer(request);
  }

  static async open(subject: Subject, name: string): Promise<ActionBench> {
    return new ActionBench(await Bench.open(subject), subject.connector.actions.get(name)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
  }

  async run(
    input: unknown = this.input,
  ): Promise<{ output: unknown; warnings?: { pointer: string; message: string }[] }> {
    const client = await this.bench.accounts.client(this.bench.connection);
    assertMeant(this.action.requires, client.values);
    const { connection, actions } = this.bench;
    const { name } = this.action;
    const keySeed = "hookline-kit";
    const run = { key: runKey(connection, name, keySeed) };
    this.#scope = { input, connection: client.values, workspace: { vars: {} }, user: { vars: {} }, steps: {}, run };
    this.#next = 0;
    this.bench.server.requests.length = 0;
    this.bench.server.grants.length = 0;
    try {
      return await actions.perform(connection, name, input, { keySeed });
    } catch (error) {
      if (this.faithful || this.given || !(error instanceof HooklineError) || error.code !== "invalid_expression")
        throw error;
      throw new Skip(this.untestable);
    }
  }

  /** Whether the author says what the vendor answers. */
  get given(): boolean {
    const { name, steps } = this.action;
    return [name, ...steps.map(({ id }) => `${name}.${id}`)].some((key) => key in this.bench.subject.answers);
  }

  /** Why what the action does with its answers cannot be judged. */
  get untestable(): string {
    return `not testable from the manifest: no answer can be made that gives the sample's output; give answers["${this.action.name}"]`;
  }

  /** Requests that change something at the vendor. */
  get writes(): Incoming[] {
    return READING.has(this.action.definition.kind)
      ? []
      : this.bench.server.requests.filter(({ method }) => method !== "GET");
  }

  #answer(request: Incoming): Reply {
    const step = this.action.steps.slice(this.#next).find(({ when }) => !when || when(this.#scope));
    if (!step) return { status: 404, body: { error: "the manifest has no further request" } };
    this.#next = this.action.steps.indexOf(step) + 1;
    this.differences.push(...differences(step.request(this.#scope), request));
    const body = this.#bodyOf(step);
    const steps = { ...(this.#scope.steps as object), [step.id]: { status: 200, headers: {}, body } };
    this.#scope = { ...this.#scope, steps };
    return { body };
  }

  #bodyOf({ id }: CompiledStep): unknown {
    const { answers } = this.bench.subject;
    const { name, definition } = this.action;
    const given = answers[`${name}.${id}`] ?? answers[name];
    if (given !== undefined) return given;
    const { response, steps } = (this.#wanted ?? {}) as {
      response?: { body?: unknown };
      steps?: Record<string, { body?: unknown }>;
    };
    const output = isObject(definition.sample?.output) ? definition.sample.output : {};
    return [response?.body, steps?.[id]?.body].reduce(
      (body, part) => (Array.isArray(part) ? part : merge(body, part)),
      output as unknown,
    );
  }

  /** Whether `result` gives the output once every step was answered. */
  #gives(output: unknown): boolean {
    const steps = Object.fromEntries(
      this.action.steps.map((step) => [step.id, { status: 200, headers: {}, body: this.#bodyOf(step) }]),
    );
    const scope = { input: this.input, connection: {}, steps, response: Object.values(steps).at(-1) };
    try {
      return isDeepStrictEqual(strip(this.action.result(scope)), strip(output));
    } catch {
      return false;
    }
  }
}

const READING = new Set(["get", "search", "list"]);

/** A scope on which the template gives `output`, as far as its expressions can be turned around. */
function wantedScope(template: unknown, output: unknown): unknown {
  if (output === undefined) return undefined;
  if (typeof template === "string") {
    const [, path, pointer] = /^\$((?:response|steps\.\w+)\.body)(?:#(\/.*))?$/s.exec(template) ?? [];
    return path === undefined
      ? undefined
      : nest([...path.split("."), ...(pointer === undefined ? [] : pointerTokens(pointer))], output);
  }
  if (!isObject(template)) return undefined;
  if (typeof template.$expr === "string") return invert(template.$expr, output);
  return Object.entries(template)
    .map(([name, part]) => wantedScope(part, isObject(output) ? output[name] : undefined))
    .reduce(merge, undefined);
}

/** What is wrong with a request beside what the manifest asks for. */
function differences(expected: RequestParts, sent: Incoming): string[] {
  const found: string[] = [];
  const differ = (where: string, wanted: unknown, got: unknown) =>
    found.push(`${where}: sent ${JSON.stringify(got)}, the manifest says ${JSON.stringify(wanted)}`);
  const path = decodeURIComponent(sent.path);
  if (/\/\/|\/(undefined|null)(\/|$)/.test(path)) differ("path", "no empty part", path);
  if (expected.path !== undefined) {
    const wanted = `/${expected.path.replace(/^\/+/, "")}`.split("?")[0]!;
    if (sent.method !== expected.method) differ("method", expected.method, sent.method);
    if (sent.path !== new URL(wanted, "http://vendor").pathname) differ("path", wanted, sent.path);
  }
  for (const [name, value] of Object.entries({ ...expected.query, ...expected.params })) {
    const wanted = [value]
      .flat()
      .filter((item) => item !== undefined && item !== null)
      .map(asText);
    const inPath = expected.params && name in expected.params && wanted.every((text) => path.includes(text));
    if (!inPath && !isDeepStrictEqual(sent.query.getAll(name), wanted)) differ(name, wanted, sent.query.getAll(name));
  }
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    if (readTarget(sent, `headers.${name}`) !== asText(value)) differ(name, value, readTarget(sent, `headers.${name}`));
  }
  const encoded = Object.keys(expected.encode ?? {});
  for (const target of encoded) {
    const text = readTarget(sent, target);
    if (typeof text !== "string" || text === "") differ(target, "an encoded text", text);
  }
  const [body, sentBody] = [expected.body, sent.body].map((one) => plain(encoded, expected.method, one));
  if (expected.bodyType !== "form" && !isDeepStrictEqual(sentBody, body)) differ("body", body, sentBody);
  return found;
}

/** A body as JSON has it, without what a codec has made. */
function plain(encoded: readonly string[], method: string, body: unknown): unknown {
  if (body === undefined) return undefined;
  const without = encoded.reduce<RequestParts>((parts, target) => compileTarget(target)(parts, "encoded"), {
    method,
    body,
  });
  return JSON.parse(JSON.stringify(without.body)) as unknown;
}

const asText = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));
const strip = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
