import type { IncomingMessage } from "node:http";
import { HooklineError } from "../core/errors.ts";

/** Largest body, in bytes, of routes that do not say otherwise. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Deepest nesting. */
const MAX_DEPTH = 64;

/** A request that a host's own parser may have read already. */
type Request = IncomingMessage & { body?: unknown };

/**
 * The JSON body of a request; undefined when there is none. Reads it, or takes what the host's `express.json()`,
 * `express.text()` or `express.raw()` has read before.
 * Throws `too_large` and `invalid_input`.
 */
export async function readBody(request: Request, maxBytes = MAX_BODY_BYTES): Promise<unknown> {
  const { "content-length": length = "0", "transfer-encoding": chunked } = request.headers;
  if (length === "0" && chunked === undefined) return undefined;
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  assertJson(request);
  const given = request.body === undefined ? await readAll(request, maxBytes) : request.body;
  const value = typeof given === "string" || Buffer.isBuffer(given) ? parse(given.toString()) : given;
  assertPlain(value, MAX_DEPTH);
  return value;
}

async function readAll(request: Request, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw refused(`it is packed as ${encoding}; send it as it is`);
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early must not close the socket: the answer still has to go out.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused("it is not valid JSON; check its brackets and quotes", cause);
  }
}

/** A form or plain text can be sent by any web page without asking; JSON cannot, and that protects hosts that log in by cookie. */
function assertJson(request: Request): void {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw refused("its content-type is not JSON; send content-type: application/json");
  }
}

function assertPlain(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === 0) throw refused(`it is nested more than ${MAX_DEPTH} deep; flatten it`);
  if (Object.hasOwn(value, "__proto__")) throw refused('it has a property named "__proto__"; remove it');
  for (const inner of Object.values(value)) assertPlain(inner, depth - 1);
}

function tooLarge(maxBytes: number): HooklineError {
  return new HooklineError("too_large", `Body: it is larger than ${maxBytes} bytes; send less at once`);
}

function refused(problem: string, cause?: unknown): HooklineError {
  return new HooklineError("invalid_input", `Body: ${problem}`, { cause });
}
