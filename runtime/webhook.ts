/** A change of one record at a vendor: the `data` of an event. */
export interface Change<
  Kind extends string = string,
  Resource = { type: string; id: string; [field: string]: unknown },
> {
  connector: string;
  connection: string;
  user: string;
  trigger: string;
  subscription: string;
  /** Grows per connection and stream: the order of changes, even where webhooks overtake each other. */
  sequence: number;
  change: Kind;
  /** What entered, left or became different, of the values the trigger watches. */
  changes?: Record<string, unknown>;
  /** The ids by which the record was known before, of an update in which the vendor gave it another. */
  previousKeys?: string[];
  /** The id of the record that took this one in, of a deletion by a merge. */
  mergedInto?: string;
  /** True for a record that was there before the subscription. */
  backfill: boolean;
  /** The record in common terms. */
  resource?: Resource;
  /** Why the record could not be put into common terms: then its resource has only type and id. */
  resourceError?: { code: string; message: string };
  /** The record exactly as the vendor sent it; absent for a deletion the vendor does not describe. */
  record?: unknown;
}

/** What every event has. */
export interface EventOf<Type extends string, Data> {
  /** The same over retries, replays and a restored backup: remember it to do things once. */
  id: string;
  type: Type;
  /** When the change was detected, RFC 3339. */
  timestamp: string;
  data: Data;
}

/** Events about Hookline's own workings. */
export type OperationalEvent =
  | EventOf<"connection.active", { connection: string; [fact: string]: unknown }>
  | EventOf<"connection.reauth_required", { connection: string; [fact: string]: unknown }>
  | EventOf<"subscription.degraded", { subscription: string; [fact: string]: unknown }>
  | EventOf<"subscription.recovered", { subscription: string; [fact: string]: unknown }>
  | EventOf<"stream.gap", { connection: string; [fact: string]: unknown }>
  | EventOf<"endpoint.disabled", { endpoint: string; user: string | null; reason: string }>
  | EventOf<"endpoint.test", { endpoint: string }>
  | EventOf<
      "delivery.exhausted",
      { delivery: string; endpoint: string; user: string | null; event: string; type: string; attempts: number }
    >
  | EventOf<"flow.failed", { flow: string; run: string; [fact: string]: unknown }>
  | EventOf<"sync.conflict", { sync: string; [fact: string]: unknown }>;

/** Events about records, by how their types end. */
export type ChangeEvent =
  | EventOf<`${string}.created`, Change<"created">>
  | EventOf<`${string}.updated`, Change<"updated">>
  | EventOf<`${string}.deleted`, Change<"deleted">>
  | EventOf<`${string}.changed`, Change<"changed">>;

/**
 * An event, discriminated by `type`. Give a union of your own to have the very resources and records of your connectors:
 * `WebhookEvent<EventOf<"contact.created", Change<"created", Contact>>>`.
 */
export type WebhookEvent<Changes extends EventOf<string, unknown> = ChangeEvent> = Changes | OperationalEvent;

/** Why a webhook was refused. */
export type WebhookVerificationCode =
  | "missing_header"
  | "invalid_timestamp"
  | "too_old"
  | "too_new"
  | "wrong_signature"
  | "invalid_body";

/** A webhook that did not come from Hookline as it stands, or not lately. Answer it with status 400. */
export class WebhookVerificationError extends Error {
  readonly code: WebhookVerificationCode;

  constructor(code: WebhookVerificationCode, message: string) {
    super(message);
    this.name = "WebhookVerificationError";
    this.code = code;
  }
}

export interface WebhookRequest {
  /** The body as it arrived: its bytes, or their text; parsed and printed again it would no longer match its signature. */
  body: string | Uint8Array;
  headers: Headers | Record<string, string | readonly string[] | undefined>;
}

export interface VerifyOptions {
  /** How far the time of sending may be from now, in seconds, either way. Default 300. Larger makes replays easier. */
  toleranceSeconds?: number;
  /** Milliseconds since the epoch; default the system's clock. */
  now?: () => number;
}

/**
 * Checks signature and age of a webhook and returns its event.
 * `secrets` is what the endpoint was created with (`whsec_…`); give the old and the new one while they rotate.
 * Reads the formats `standard` and `cloudevents`; a `bare` body says no type, see {@link verifySignature}.
 *
 * @throws WebhookVerificationError for what did not come from Hookline
 * @throws TypeError for a secret that is missing or malformed, a body that was parsed before, and an option that is no number
 * Source: Standard Webhooks 1.0.
 */
export async function verifyWebhook<Changes extends EventOf<string, unknown> = ChangeEvent>(
  request: WebhookRequest,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WebhookEvent<Changes>> {
  const { id, body } = await verifySignature(request, secrets, options);
  const { type, timestamp, time, data } = parseBody(body);
  const at = timestamp ?? time;
  if (typeof type !== "string" || typeof at !== "string" || data === undefined) {
    const remedy = "use an endpoint of format standard or cloudevents, or verifySignature for a bare one";
    throw new WebhookVerificationError("invalid_body", `webhook body: no type, time and data in it; ${remedy}`);
  }
  return { id, type, timestamp: at, data } as WebhookEvent<Changes>;
}

/**
 * Checks signature and age alone, for endpoints of format `bare`. Returns the event's id and the body as text.
 * @throws WebhookVerificationError and TypeError like {@link verifyWebhook}, except `invalid_body`
 */
export async function verifySignature(
  request: WebhookRequest,
  secrets: string | readonly string[],
  { toleranceSeconds = 300, now = Date.now }: VerifyOptions = {},
): Promise<{ id: string; body: string }> {
  const keys = [secrets ?? []].flat().map(decodeSecret);
  if (keys.length === 0) throw new TypeError("verifyWebhook: no secret given; pass the whsec_ value of the endpoint");
  // Compared with what is no number, every age would do.
  if (!(typeof toleranceSeconds === "number" && toleranceSeconds >= 0))
    throw new TypeError(`verifyWebhook: toleranceSeconds is ${String(toleranceSeconds)}; give a number, 0 or more`);
  const id = header(request.headers, "webhook-id");
  const timestamp = header(request.headers, "webhook-timestamp");
  const signatures = header(request.headers, "webhook-signature");

  checkAge(timestamp, toleranceSeconds, now());
  if (typeof request.body !== "string" && !ArrayBuffer.isView(request.body)) {
    const remedy = "read this route with express.raw(), before express.json() parses the body";
    throw new TypeError(`verifyWebhook: the body is neither text nor bytes; ${remedy}`);
  }
  const body = typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body;
  const signed = concat(new TextEncoder().encode(`${id}.${timestamp}.`), body);
  if (!(await anyMatches(keys, signatures, signed))) {
    const remedy = "check the secret, and that the body is passed as it arrived, unparsed";
    throw new WebhookVerificationError("wrong_signature", `webhook-signature: no signature matches; ${remedy}`);
  }
  return { id, body: new TextDecoder().decode(body) };
}

function header(headers: WebhookRequest["headers"], name: string): string {
  const value =
    typeof headers.get === "function"
      ? (headers as Headers).get(name)
      : Object.entries(headers as Record<string, string | readonly string[] | undefined>).find(
          ([key]) => key.toLowerCase() === name,
        )?.[1];
  const text = Array.isArray(value) ? value[0] : value;
  if (typeof text === "string" && text !== "") return text;
  throw new WebhookVerificationError("missing_header", `${name}: missing; pass all headers of the request`);
}

function checkAge(timestamp: string, toleranceSeconds: number, now: number): void {
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError("invalid_timestamp", "webhook-timestamp: not a number of seconds since 1970");
  }
  const age = now / 1000 - Number(timestamp);
  if (Number.isNaN(age)) throw new TypeError("verifyWebhook: now gives no number; give milliseconds since the epoch");
  if (age > toleranceSeconds) {
    throw new WebhookVerificationError("too_old", `webhook-timestamp: sent ${Math.round(age)} s ago; ${clockRemedy}`);
  }
  if (age < -toleranceSeconds) {
    throw new WebhookVerificationError("too_new", `webhook-timestamp: ${Math.round(-age)} s ahead; ${clockRemedy}`);
  }
}

const clockRemedy = "check this machine's clock, or raise toleranceSeconds";

function decodeSecret(secret: string): Uint8Array<ArrayBuffer> {
  try {
    const key = fromBase64(secret.replace(/^whsec_/, ""));
    if (key.length > 0) return key;
  } catch {
    // Reported below, without the secret in the message.
  }
  throw new TypeError("verifyWebhook: a secret is whsec_ followed by base64; copy it whole");
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** `subtle.verify` compares in constant time. */
async function anyMatches(
  keys: readonly Uint8Array<ArrayBuffer>[],
  header: string,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const signatures = header
    .split(" ")
    .flatMap((part) => (part.startsWith("v1,") ? decodeSignature(part.slice(3)) : []));
  const { subtle } = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
  for (const bytes of keys) {
    const key = await subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of signatures) {
      if (await subtle.verify("HMAC", key, signature, signed)) return true;
    }
  }
  return false;
}

function decodeSignature(text: string): Uint8Array<ArrayBuffer>[] {
  try {
    return [fromBase64(text)];
  } catch {
    return [];
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

function parseBody(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new WebhookVerificationError("invalid_body", "webhook body: not a JSON object; log it and look at the sender");
}
