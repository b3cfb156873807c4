import type { IncomingMessage, RequestListener } from "node:http";
import { verifySignature, verifyWebhook, WebhookVerificationError, type WebhookEvent } from "../webhook.ts";

export interface ReceiverOptions {
  /** Secrets of the endpoint, as they are at the time; with none, webhooks are taken as they come. */
  secrets: () => readonly string[];
  onEvent: (event: WebhookEvent) => void;
  /** A webhook that was not accepted, and why. */
  onRefused: (reason: string) => void;
}

const MAX_BYTES = 8 * 1024 * 1024;

/** Handles webhooks as a consumer does: 204 when one is accepted, 400 when it is not what it claims to be. */
export function receiver({ secrets, onEvent, onRefused }: ReceiverOptions): RequestListener {
  return (request, response) => {
    void answerTo(request).then((status) => {
      if (status === 405) response.setHeader("allow", "POST");
      return response.writeHead(status).end();
    });
  };

  async function answerTo(request: IncomingMessage): Promise<number> {
    if (request.method !== "POST") return 405;
    try {
      onEvent(await readEvent(await readBody(request), request, secrets()));
      return 204;
    } catch (error) {
      onRefused((error as Error).message);
      return error instanceof WebhookVerificationError ? 400 : 413;
    }
  }
}

async function readEvent(
  body: Buffer,
  { headers }: IncomingMessage,
  secrets: readonly string[],
): Promise<WebhookEvent> {
  if (secrets.length === 0) return unverified(body, headers);
  try {
    return await verifyWebhook({ body, headers }, secrets);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError) || error.code !== "invalid_body") throw error;
    const { id, body: text } = await verifySignature({ body, headers }, secrets);
    return bare(id, text);
  }
}

function unverified(body: Buffer, headers: IncomingMessage["headers"]): WebhookEvent {
  const id = String(headers["webhook-id"] ?? "");
  const { type, timestamp, time, data } = parse(body.toString());
  if (typeof type !== "string") return bare(id, body.toString());
  return { id, type, timestamp: timestamp ?? time, data } as WebhookEvent;
}

/** An endpoint of format `bare` sends the data alone: what it says of the change is all there is of a type. */
function bare(id: string, text: string): WebhookEvent {
  const data = parse(text);
  const { resource, change = "unknown" } = data as { resource?: { type?: string }; change?: string };
  const type = `${resource?.type ?? "record"}.${change}`;
  return { id, type, timestamp: new Date().toISOString(), data } as unknown as WebhookEvent;
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new WebhookVerificationError("invalid_body", "webhook body: not a JSON object");
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new RangeError(`webhook body: longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
