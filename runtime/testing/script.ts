import { isDeepStrictEqual } from "node:util";
import type { Exchange } from "../../schemas/recording.ts";
import { isObject } from "../core/json.ts";
import { Finding } from "./outcome.ts";
import type { Incoming, Reply } from "./server.ts";

/** A vendor that knows nothing but recorded exchanges. */
export class Script {
  readonly #exchanges: readonly Exchange[];
  readonly #always: readonly Exchange[];
  readonly #done = new Set<Exchange>();
  readonly #unknown = new Set<string>();

  /** Those of `always` hold whenever no other one fits, and need not take place. */
  constructor(exchanges: readonly Exchange[], always: readonly Exchange[] = []) {
    this.#exchanges = exchanges;
    this.#always = always;
  }

  answer(request: Incoming): Reply {
    const fitting = this.#exchanges.filter((exchange) => fits(exchange.request, request));
    const found =
      fitting.find((exchange) => !this.#done.has(exchange)) ??
      fitting.at(-1) ??
      this.#always.find((exchange) => fits(exchange.request, request));
    if (!found) {
      this.#unknown.add(lineOf(request));
      return { status: 400, body: { error: { code: 400, message: "The recording has no such request" } } };
    }
    this.#done.add(found);
    const { status, headers, body, text } = found.response;
    return { status, headers, body, text };
  }

  /** @throws Finding when a request was not recorded, or a recorded one was not sent */
  assertPlayed(when: string): void {
    const missing = this.#exchanges
      .filter((exchange) => !this.#done.has(exchange))
      .map(({ request }) => wanted(request));
    const found = [
      ...[...this.#unknown].map((line) => `was not recorded: ${line}`),
      ...missing.map((line) => `was recorded and not sent: ${line}`),
    ];
    if (found.length > 0) throw new Finding(`${when}: ${found.join("; ")}`);
  }
}

function fits({ method = "GET", path, query = {}, body }: Exchange["request"], request: Incoming): boolean {
  return (
    request.method === method &&
    decodeURIComponent(request.path) === path &&
    Object.entries(query).every(([name, value]) =>
      isDeepStrictEqual(request.query.getAll(name), value === null ? [] : [value].flat()),
    ) &&
    (body === undefined || includes(request.body, body))
  );
}

/** Whether a value has a part: objects may have more, null is absent. */
function includes(whole: unknown, part: unknown): boolean {
  if (!isObject(part)) return isDeepStrictEqual(whole, part);
  return Object.entries(part).every(([name, value]) => {
    const found = isObject(whole) ? whole[name] : undefined;
    return value === null ? found === undefined : includes(found, value);
  });
}

function lineOf({ method, path, query, body }: Incoming): string {
  const asked = query.size > 0 ? `?${decodeURIComponent(query.toString())}` : "";
  return `${method} ${decodeURIComponent(path)}${asked}${body === undefined ? "" : ` ${JSON.stringify(body)}`}`;
}

function wanted({ method = "GET", path, query, body }: Exchange["request"]): string {
  return [method, path, query && JSON.stringify(query), body !== undefined && JSON.stringify(body)]
    .filter(Boolean)
    .join(" ");
}
