import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { asHooklineError, onDeadline, tooLarge } from "./network-errors.ts";
import { plainHeaders } from "./network-stream.ts";

export interface NetworkRequest {
  method: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** Milliseconds from now to the last byte of the answer. */
  deadlineMs: number;
  /** Most bytes of an answer's body, sent or unpacked. */
  maxBytes: number;
  /** What to do with a longer body: fail with `too_large`, or keep the first `maxBytes`. Default "fail". */
  overflow?: "fail" | "cut";
  /** Unpacks gzip, deflate and br answers, within `maxBytes`. Default false: the bytes as sent. */
  unpack?: boolean;
  /**
   * Notices when the body begins to leave, so that a `timeout` tells by `data.sent` whether it did: a request may wait for a
   * connection until then. Costs a packet. Default false.
   */
  noticesSending?: boolean;
  signal?: AbortSignal;
}

export interface NetworkResponse {
  status: number;
  /** Lower-case names; repeated ones joined by a comma. */
  headers: Record<string, string>;
  body: Buffer;
}

/**
 * One request and its whole answer, as the server packed it. It stands on the agent's own events: the stream and the signal of
 * `Agent.request` cost more than the exchange itself.
 * @throws HooklineError as `Network.request`, or the reason of the request's signal
 */
export async function exchange(agent: Dispatcher, url: URL, request: NetworkRequest): Promise<NetworkResponse> {
  request.signal?.throwIfAborted();
  const sending = request.noticesSending ? noticed(request) : request;
  const answer = new Answer(url, request);
  const release = onDeadline(request.deadlineMs, request.signal, (reason) => answer.giveUp(reason));
  try {
    const { headers, body } = sending;
    agent.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method: request.method, headers, body },
      answer,
    );
    return await answer.whole;
  } catch (error) {
    if (request.signal?.aborted) throw request.signal.reason;
    throw asHooklineError(error, url, request.deadlineMs, "hasBegun" in sending ? sending.hasBegun() : undefined);
  } finally {
    release();
  }
}

/** The same body piece by piece: nobody asks for the first before there is a connection. */
function noticed({ headers, body = "" }: NetworkRequest) {
  const bytes = Buffer.from(body);
  let begun = false;
  const pieces = async function* () {
    begun = true;
    yield bytes;
  };
  return {
    headers: { ...headers, "content-length": String(bytes.length) },
    body: Readable.from(pieces()),
    hasBegun: () => begun,
  };
}

/** Gathers an answer from the events of its exchange. */
class Answer implements Dispatcher.DispatchHandler {
  readonly whole: Promise<NetworkResponse>;
  readonly #url: URL;
  readonly #limits: Pick<NetworkRequest, "maxBytes" | "overflow">;
  readonly #resolve: (answer: NetworkResponse) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #status = 0;
  #headers: Record<string, string> = {};
  /** Undefined as long as the request waits for a connection. */
  #controller: Dispatcher.DispatchController | undefined;
  /** Why nothing more of it is wanted. */
  #over: Error | undefined;

  constructor(url: URL, limits: Pick<NetworkRequest, "maxBytes" | "overflow">) {
    this.#url = url;
    this.#limits = limits;
    ({ promise: this.whole, resolve: this.#resolve, reject: this.#reject } = Promise.withResolvers<NetworkResponse>());
  }

  /** Ends the exchange, now or as soon as it would begin. */
  giveUp(reason: unknown): void {
    this.#reject(reason);
    this.#over ??= reason instanceof Error ? reason : new Error("The request was given up.");
    this.#controller?.abort(this.#over);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(this.#over);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Parameters<typeof plainHeaders>[0],
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = plainHeaders(headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const { maxBytes, overflow } = this.#limits;
    if (this.#size <= maxBytes) return;
    if (overflow === "cut") this.#finish();
    this.giveUp(tooLarge(this.#url, maxBytes));
  }

  onResponseEnd(): void {
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }

  #finish(): void {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const { maxBytes } = this.#limits;
    const body = whole.length > maxBytes ? whole.subarray(0, maxBytes) : whole;
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }
}
