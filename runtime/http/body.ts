import type { IncomingMessage } from "node:http";
import { HooklineError } from "../core/errors.ts";
import { repeatedKey } from "../core/json.ts";

/** Largest body, in bytes, of routes that do not say otherwise. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Deepest nesting. */
const MAX_DEPTH = 64;

/** A request that a host's own parser may have read already. */
type Request = IncomingMessage & { body?: unknown };

/**
 * The JSON body of a request; undefined without one. Reads it, or takes what the host's `express.json()`,
 * `express.text()` or `express.raw()` has read before.
 * @throws HooklineError `too_large`, `invalid_input`
 */
export async function readBody(request: Request, maxBytes = MAX_BODY_BYTES): Promise<unknown> {
  if (!hasBody(request)) return undefined;
  assertJson(request);
  const parsed = isParsed(request.body) ? request.body : parse(await readBytes(request, maxBytes));
  assertPlain(parsed, MAX_DEPTH);
  return parsed;
}

/**
 * The bytes of a request's body, at most `maxBytes`; empty without one. What a host's parser has turned into a value
 * is written out as JSON again.
 * @throws HooklineError `too_large`, before anything is read where the request declares its length; `invalid_input` for packed bytes
 */
export async function readBytes(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw refused("compressed bytes are not accepted; send them as they are");
  const { body } = request;
  const bytes = body === undefined ? await readAll(request, maxBytes) : Buffer.isBuffer(body) ? body : written(body);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  if (bytes.length === 0 && Number(request.headers["content-length"] ?? 0) > 0) {
    throw refused("it was read before Hookline and not kept; mount Hookline before the middleware that reads bodies");
  }
  return bytes;
}

function hasBody({ headers }: Request): boolean {
  return (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
}

/** Whether a host's parser has made a value of the body; text and bytes are still to be parsed. */
function isParsed(body: unknown): boolean {
  return body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body);
}

function written(body: unknown): Buffer {
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

async function readAll(request: Request, maxBytes: number): Promise<Buffer> {
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

function parse(bytes: Buffer): unknown {
  const text = decode(bytes);
  if (text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused("it is not valid JSON; check its brackets and quotes", cause);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw refused(`it names the property ${JSON.stringify(repeated)} twice; name it once`);
  return value;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refused("it is not valid UTF-8; encode it as UTF-8", cause);
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
