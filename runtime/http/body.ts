import type { IncomingMessage } from "node:http";
import { assertPlain, bodyJson, bodyRefused, bodyText } from "../core/body.ts";
import { bodyTooLarge } from "../core/network-stream.ts";

/** Largest body, in bytes, of routes that do not say otherwise. */
export const MAX_BODY_BYTES = 1024 * 1024;

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
  if (!isParsed(request.body)) return parse(await readBytes(request, maxBytes));
  assertLength(request, maxBytes);
  assertPlain(request.body);
  return request.body;
}

/**
 * The bytes of a request's body, at most `maxBytes`; empty without one. What a host's parser has turned into a value
 * is written out as JSON again.
 * @throws HooklineError `too_large`, before anything is read where the request declares its length; `invalid_input` for packed bytes
 */
export async function readBytes(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Buffer> {
  assertLength(request, maxBytes);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity")
    throw bodyRefused("compressed bytes are not accepted; send them as they are");
  const { body } = request;
  if (body === undefined && request.readableDidRead) {
    throw bodyRefused(`it was read before Hookline and not kept; ${REMEDY}`);
  }
  if (isParsed(body) && !isJson(request))
    throw bodyRefused(`it was read before Hookline, and its bytes are lost; ${REMEDY}`);
  const bytes = body === undefined ? await readAll(request, maxBytes) : Buffer.isBuffer(body) ? body : written(body);
  if (bytes.length > maxBytes) throw bodyTooLarge(maxBytes);
  return bytes;
}

const REMEDY = "mount Hookline before the middleware that reads bodies";

/**
 * Refuses a body where none is taken: who sends one expects it to mean something.
 * @throws HooklineError `invalid_input`
 */
export async function refuseBody(request: Request, operation: string): Promise<void> {
  if (!hasBody(request)) return;
  const isDeclared = request.headers["transfer-encoding"] === undefined;
  // Some clients announce a body in pieces, and then send none.
  if (isDeclared || (await readBytes(request)).length > 0) throw bodyRefused(`${operation} takes none; leave it out`);
}

/** Bytes of a body that nobody reads which are still taken in. */
const MOST_DISCARDED = 16 * 1024 * 1024;

/**
 * Takes in and forgets what is left of a body: closing the connection while its sender still writes would lose the answer, and leaving it
 * unread would hold up the next request on the same connection.
 * Whoever sends without end is cut off.
 */
export function discardRest(request: Request): void {
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > MOST_DISCARDED) request.destroy();
  });
  request.resume();
}

function assertLength({ headers }: Request, maxBytes: number): void {
  if (Number(headers["content-length"] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
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
    if (size > maxBytes) throw bodyTooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer): unknown {
  const text = bodyText(bytes);
  return text === "" ? undefined : bodyJson(text);
}

/** A form or plain text can be sent by any web page without asking; JSON cannot, and that protects hosts that log in by cookie. */
function assertJson(request: Request): void {
  if (!isJson(request)) throw bodyRefused("its content-type is not JSON; send content-type: application/json");
}

function isJson({ headers }: Request): boolean {
  return /^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(headers["content-type"] ?? "");
}
