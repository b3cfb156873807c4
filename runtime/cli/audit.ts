import { pino } from "pino";
import { HooklineError, type ErrorCode } from "../core/errors.ts";
import type { SubscriptionAudit } from "../poll/audit/view.ts";
import { createRuntime, type Runtime } from "../runtime.ts";
import { readConfig } from "./config.ts";
import { stopSignal } from "./signals.ts";

/** Subscriptions that are listed at once. */
const PAGE = 100;

/** An audit that failed reports nothing. */
export interface FailedAudit {
  /** The subscription that was asked about. */
  subscription: string;
  /** All subscriptions that read the stream, as far as the audit came to know. */
  subscriptions: string[];
  error: { code: ErrorCode; message: string };
}

export interface ConnectionAuditOptions {
  connection: string;
  /** Path of the service's configuration file, as of `hookline start`. */
  config: string | undefined;
  /** Of each stream. */
  timeoutSeconds: number;
  /** Called as records of a stream are read: how many so far, and how many are expected. Both are 0 in the end. */
  onProgress?: ((read: number, expected: number) => void) | undefined;
  /** Called before a wait of so many milliseconds. */
  onWait?: ((milliseconds: number) => void) | undefined;
}

/**
 * Audits all subscriptions of a connection, each stream once, one after the other: they share the connection's limits. The service
 * of the configuration is opened and not started: nothing is polled or delivered.
 * @throws HooklineError `invalid_config`, `not_found`, `conflict` for a connection without subscriptions, `stopped` when a signal
 *   ends it, and whatever keeps a store from being opened
 */
export async function auditConnection(options: ConnectionAuditOptions): Promise<(SubscriptionAudit | FailedAudit)[]> {
  const { connection, config } = options;
  const { port, runtime } = await readConfig({ file: config, env: process.env, cwd: process.cwd() });
  const interrupted = new AbortController();
  const reason = new HooklineError("stopped", "The audit was interrupted and reports nothing");
  void stopSignal().then(() => interrupted.abort(reason));
  const logger = pino({ level: "error" }, pino.destination(2));
  const baseUrl = runtime.baseUrl ?? `http://localhost:${port}`;
  await using hookline = createRuntime({ ...runtime, baseUrl, logger });
  await hookline.connections.get(connection);
  const audits = await auditAll(hookline, options, interrupted.signal);
  if (audits.length > 0) return audits;
  throw new HooklineError("conflict", `Connection ${connection} has no subscription, so no stream of it is read`);
}

async function auditAll(
  hookline: Runtime,
  { connection, timeoutSeconds, onProgress, onWait }: ConnectionAuditOptions,
  signal: AbortSignal,
): Promise<(SubscriptionAudit | FailedAudit)[]> {
  const audits: (SubscriptionAudit | FailedAudit)[] = [];
  const audited = new Set<string>();
  for await (const subscription of subscriptionsOf(hookline, connection)) {
    if (audited.has(subscription)) continue;
    let subscriptions = [subscription];
    const onBegin = (all: string[]): void => void (subscriptions = all);
    try {
      const options = { signal, onBegin, ...(onProgress && { onProgress }), ...(onWait && { onWait }) };
      audits.push(await hookline.subscriptions.audit(subscription, { timeoutSeconds }, {}, options));
    } catch (error) {
      if (!(error instanceof HooklineError) || signal.aborted) throw error;
      audits.push({ subscription, subscriptions, error: { code: error.code, message: error.message } });
    } finally {
      for (const id of subscriptions) audited.add(id);
      onProgress?.(0, 0);
    }
  }
  return audits;
}

async function* subscriptionsOf(hookline: Runtime, connection: string): AsyncGenerator<string> {
  for (let cursor: string | undefined; ;) {
    const { data, nextCursor } = await hookline.subscriptions.list({ connection, limit: PAGE, cursor });
    for (const { id } of data) yield id;
    if (nextCursor === null) return;
    cursor = nextCursor;
  }
}
