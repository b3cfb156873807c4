import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import { newSecret } from "../deliver/sign.ts";
import type { Database } from "../store/database.ts";
import { flowById, learnSample, type FlowRecord } from "./model/flows.ts";
import type { RunRecord } from "./model/runs.ts";
import { verifySignature, WebhookVerificationError } from "../webhook.ts";
import { triggersOf } from "./definition.ts";
import type { StartRun } from "./start.ts";

/** A POST to a hook, with its body as it arrived. */
export interface HookRequest {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  query: Record<string, unknown>;
  body: Buffer;
}

/** Takes a call of a flow's hook; undefined when the flow's condition does not hold for it. */
export type TakeHook = (flow: string, request: HookRequest) => Promise<RunRecord | undefined>;

export interface HooksOptions {
  db: Database;
  vault: Vault;
  clock: Clock;
  start: StartRun;
}

/** What a sender proves itself with, and what else mappings have no business with. */
const NOT_KEPT =
  /^(authorization|cookie|proxy-authorization|x-hook-secret|x-hub-signature.*|webhook-signature|x-forwarded-.*)$/;

/**
 * A caller proves that it knows the secret by sending it (`X-Hook-Secret`, or as a bearer token), or by signing the body
 * with it: as Standard Webhooks 1.0, or as HMAC-SHA256 in hex in `X-Hub-Signature-256`.
 * Throws `not_found`, `unauthenticated`, and `conflict` while the flow is paused.
 */
export function createTakeHook({ db, vault, clock, start }: HooksOptions): TakeHook {
  return async (id, request) => {
    const flow = await flowById(db, id);
    if (!flow?.hookSecret) throw new HooklineError("not_found", "There is no such hook; check its address");
    await assertKnown(openHookSecret(vault, flow), request, clock);
    if (triggersOf(flow.definition, "hook").length === 0 || flow.status === "paused") {
      throw new HooklineError("conflict", "The flow of this hook is paused; enable it first");
    }
    const headers = Object.entries(request.headers).filter(([name]) => !NOT_KEPT.test(name));
    const type = String(request.headers["content-type"] ?? "");
    const trigger = { body: read(request.body, type), headers: Object.fromEntries(headers), query: request.query };
    return db.transaction(async (tx) => {
      await learnSample(tx, flow.id, trigger);
      return start(tx, flow, { cause: "hook", forUser: flow.user, trigger });
    });
  };
}

/** A new secret, to be shown once, and what is stored of it. */
export function makeHookSecret(vault: Vault, flow: string): { secret: string; sealed: Uint8Array } {
  const secret = newSecret();
  rememberSecret(secret);
  return { secret, sealed: vault.seal(secret, placeOf(flow)) };
}

function openHookSecret(vault: Vault, { id, hookSecret }: FlowRecord): string {
  const secret = vault.open(hookSecret!, placeOf(id));
  rememberSecret(secret);
  return secret;
}

function placeOf(row: string): SealContext {
  return { table: "flows", row, field: "hook_secret" };
}

async function assertKnown(secret: string, { headers, body }: HookRequest, clock: Clock): Promise<void> {
  const bearer = /^Bearer +(\S+)$/i.exec(String(headers["authorization"] ?? ""))?.[1];
  const given = headers["x-hook-secret"] ?? bearer;
  if (given !== undefined && same(String(given), secret)) return;
  const hub = headers["x-hub-signature-256"];
  if (hub !== undefined && same(String(hub), `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`))
    return;
  if (headers["webhook-signature"] !== undefined) {
    try {
      await verifySignature({ headers, body }, secret, { now: () => clock.now() });
      return;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      throw new HooklineError("unauthenticated", `Hook: ${error.message}`);
    }
  }
  throw new HooklineError(
    "unauthenticated",
    "Hook: its secret is missing or wrong; send it as X-Hook-Secret, or sign the body with it",
  );
}

function same(a: string, b: string): boolean {
  return timingSafeEqual(hash("sha256", a, "buffer"), hash("sha256", b, "buffer"));
}

/** JSON and forms as values, anything else as text. */
function read(body: Buffer, type: string): unknown {
  const text = body.toString();
  if (/^application\/x-www-form-urlencoded/i.test(type)) return Object.fromEntries(new URLSearchParams(text));
  if (!/[/+]json\b/i.test(type)) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HooklineError("invalid_input", "Hook: the body is not valid JSON; check its brackets and quotes", {
      cause,
    });
  }
}
