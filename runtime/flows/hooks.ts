import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { bodyJson, bodyRefused, bodyText } from "../core/body.ts";
import type { Clock } from "../core/clock.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { rememberSecret } from "../core/secrets.ts";
import { newSecret } from "../deliver/sign.ts";
import type { Context } from "../engine/context.ts";
import { openText, sealText } from "../model/sealing.ts";
import type { Sql } from "../store/database.ts";
import { verifySignature, WebhookVerificationError } from "../webhook.ts";
import { flows, heads, keepSample, type FlowRecord } from "./model/flows.ts";
import type { StartRun } from "./start.ts";

/** A POST to a hook. */
export interface HookRequest {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  query: Record<string, unknown>;
  /** Its body as it arrives, read once it is certain that the hook exists: a signature is of bytes. */
  bytes(): Promise<Buffer>;
  /** Whether a host's parser has read the body: then its bytes are not those that were signed. */
  isParsed: boolean;
}

/** Hooks of flows, as their callers meet them. */
export interface Hooks {
  /**
   * Takes a call of a flow's hook. A caller proves that it knows the secret by sending it (`X-Hook-Secret`, or as a bearer
   * token), or by signing the body with it: as Standard Webhooks 1.0, or as HMAC-SHA256 in hex in `X-Hub-Signature-256`.
   * Gives the id of the run; null when the flow's condition does not hold.
   * @throws HooklineError `not_found`, `unauthenticated`, `invalid_input` for a body that is not UTF-8, or JSON that cannot be taken, `conflict` while the
   *   flow is paused; and what reading the body throws
   */
  call(flow: string, request: HookRequest): Promise<{ run: string | null }>;
}

/** What a sender proves itself with, and what proxies add. */
const NOT_KEPT =
  /^(authorization|cookie|proxy-authorization|x-hook-secret|x-hub-signature.*|webhook-signature|x-forwarded-.*)$/;

/** Makes the service. */
export function createHooks({ db, vault, clock }: Pick<Context, "db" | "vault" | "clock">, start: StartRun): Hooks {
  const find = async (sql: Sql, id: string): Promise<FlowRecord> => {
    const flow = await flows.find(sql, id);
    if (flow?.hookSecret) return flow;
    throw new HooklineError("not_found", "This hook does not exist; check its address");
  };
  return {
    call: async (id, request) => {
      await find(db, id);
      const { headers, query } = request;
      const body = await request.bytes();
      return db.transaction(async (tx) => {
        // Not the flow from before: its caller says how long a body takes.
        const flow = await find(tx, id);
        await assertKnown(openHookSecret(vault, flow), request, body, clock);
        if (flow.status === "paused") {
          throw new HooklineError("conflict", "The flow of this hook is paused; enable it first");
        }
        const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_KEPT.test(name)));
        const trigger = { body: parse(body, String(headers["content-type"] ?? "")), headers: kept, query };
        if (flow.sample === null) await keepSample(tx, id, sealText(vault, samplePlace(flow), JSON.stringify(trigger)));
        const run = await start(tx, flow, { cause: "hook", forUser: flow.user, trigger });
        return { run: run?.id ?? null };
      });
    },
  };
}

/** A new secret, to be shown once, and its stored form. */
export function makeHookSecret(vault: Vault, flow: Owned): { secret: string; sealed: Uint8Array } {
  const secret = newSecret();
  rememberSecret(secret);
  return { secret, sealed: vault.seal(secret, placeOf(flow)) };
}

function openHookSecret(vault: Vault, flow: FlowRecord): string {
  const secret = vault.open(flow.hookSecret!, placeOf(flow));
  rememberSecret(secret);
  return secret;
}

type Owned = Pick<FlowRecord, "id" | "user">;

const placeOf = ({ id, user }: Owned): SealContext => heads.placeOf("hookSecret", [id], user);
const samplePlace = ({ id, user }: Owned): SealContext => heads.placeOf("sample", [id], user);

/** What a hook was first called with; undefined without a call. @throws HooklineError `decryption_failed` */
export function openSample(vault: Vault, flow: FlowRecord): unknown {
  return flow.sample === null ? undefined : (JSON.parse(openText(vault, samplePlace(flow), flow.sample)) as unknown);
}

async function assertKnown(
  secret: string,
  { headers, isParsed }: HookRequest,
  body: Buffer,
  clock: Clock,
): Promise<void> {
  const bearer = /^Bearer +(\S+)$/i.exec(String(headers["authorization"] ?? ""))?.[1];
  const given = headers["x-hook-secret"] ?? bearer;
  if (given !== undefined && isSame(String(given), secret)) return;
  const hub = headers["x-hub-signature-256"];
  if (isParsed && (hub ?? headers["webhook-signature"]) !== undefined) throw bodyRefused(UNSIGNED);
  const hmac = () => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  if (hub !== undefined && isSame(String(hub), hmac())) return;
  if (headers["webhook-signature"] === undefined) {
    const message = "Hook: its secret is missing or wrong; send it as X-Hook-Secret, or sign the body with it";
    throw new HooklineError("unauthenticated", message);
  }
  try {
    await verifySignature({ headers, body }, secret, { now: () => clock.now() });
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new HooklineError("unauthenticated", `Hook: ${error.message}`, { cause: error });
  }
}

const UNSIGNED =
  "a parser has read it before, so that its signature cannot be checked; mount Hookline before the middleware that reads bodies";

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hash("sha256", a, "buffer"), hash("sha256", b, "buffer"));
}

/** JSON and forms as values, anything else as text. */
function parse(body: Buffer, type: string): unknown {
  const text = bodyText(body);
  if (/^application\/x-www-form-urlencoded/i.test(type)) return Object.fromEntries(new URLSearchParams(text));
  return /[/+]json\b/i.test(type) ? bodyJson(text) : text;
}
