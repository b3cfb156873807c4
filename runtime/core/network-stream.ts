import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { HooklineError } from "./errors.ts";
import { aborted, asHooklineError, onDeadline, tooLarge } from "./network-errors.ts";

export interface StreamRequest {
  method: string;
  headers?: Record<string, string>;
  body?: Readable | Buffer;
  /** Milliseconds from now to the last byte of the answer. */
  deadlineMs: number;
  /** Most bytes of the body sent, and of the one received. */
  maxBytes: number;
  signal?: AbortSignal;
}

export interface StreamResponse {
  status: number;
  /** Lower-case names; repeated ones joined by a comma. */
  headers: Record<string, string>;
  /** As the server packed it. Fails like the request; destroying it ends the exchange. */
  body: Readable;
}

/**
 * One request whose bodies pass through without being kept; redirects are not followed.
 * @throws HooklineError as `Network.request`; `too_large` before the answer begins when its length is declared
 */
export async function openStream(agent: Dispatcher, url: URL, request: StreamRequest): Promise<StreamResponse> {
  const { method, headers, body, deadlineMs, maxBytes } = request;
  const stop = new AbortController();
  const release = onDeadline(deadlineMs, request.signal, (reason) => stop.abort(reason));
  try {
    const answered = agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: method,
      headers,
      body: body instanceof Readable ? limited(body, KEPT, maxBytes, () => bodyTooLarge(maxBytes)) : body,
      signal: stop.signal,
    });
    // The agent notices the signal only once the request has a connection.
    const answer = await Promise.race([answered, aborted(stop.signal)]);
    const told = plainHeaders(answer.headers);
    if (method !== "HEAD" && Number(told["content-length"] ?? 0) > maxBytes) {
      answer.body.on("error", () => {}).destroy();
      throw tooLarge(url, maxBytes);
    }
    const received = limited(
      answer.body,
      {},
      maxBytes,
      () => tooLarge(url, maxBytes),
      (error) => asHooklineError(error, url, deadlineMs),
    );
    received.once("close", release);
    return { status: answer.statusCode, headers: told, body: received };
  } catch (error) {
    release();
    if (request.signal?.aborted) throw request.signal.reason;
    throw asHooklineError(error, url, deadlineMs);
  }
}

/** A caller's request outlives a body that was not read to its end: an answer still has to go back. */
const KEPT = { destroyOnReturn: false };

/** A stream that fails after so many bytes. */
function limited(
  source: Readable,
  options: { destroyOnReturn?: boolean },
  maxBytes: number,
  tooMany: () => Error,
  asError: (error: unknown) => unknown = (error) => error,
): Readable {
  const pass = async function* () {
    let size = 0;
    try {
      for await (const chunk of source.iterator(options) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw tooMany();
        yield chunk;
      }
    } catch (error) {
      throw asError(error);
    }
  };
  return Readable.from(pass(), { objectMode: false });
}

/** The error for a body that is longer than `maxBytes`. */
export function bodyTooLarge(maxBytes: number): HooklineError {
  return new HooklineError("too_large", `Body: it is larger than ${maxBytes} bytes; send less at once`);
}

/** Headers with the values of each name joined by commas. */
export function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === "string" ? value : value.join(", ");
  }
  return plain;
}

/** The beginning of a body, about `most` bytes or all of it, and the body with it. */
export async function peek(source: Readable, most: number): Promise<{ head: Buffer; body: Readable }> {
  const pieces = source[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  const seen: Buffer[] = [];
  for (let size = 0; size < most; size += seen.at(-1)!.length) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    seen.push(value);
  }
  const whole = async function* () {
    yield* seen;
    yield* pieces;
  };
  const body = Readable.from(whole(), { objectMode: false });
  body.once("close", () => source.destroy());
  return { head: Buffer.concat(seen), body };
}
