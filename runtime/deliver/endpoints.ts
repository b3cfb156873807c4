import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Network } from "../core/network.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database, Sql } from "../store/database.ts";
import { lostDeliveries, type Attempt } from "../model/deliveries.ts";
import { deleteEndpoint, endpointById, listEndpoints, saveEndpoint, type EndpointRecord } from "../model/endpoints.ts";
import { dataText } from "./body.ts";
import { credentialsOpener, openSecrets, sealSecrets, type EndpointSecrets } from "./credentials.ts";
import { assertSettings, type EndpointSettings } from "./endpoint-input.ts";
import { endpointView, type EndpointView } from "./endpoint-view.ts";
import { cancelAll, revive } from "./jobs.ts";
import { DAY } from "./schedule.ts";
import { sendWebhook } from "./send.ts";
import { newSecret } from "./sign.ts";
import { deliveryStats, type DeliveryStats } from "./stats.ts";

/** How long the secret before a rotation stays valid. */
const OVERLAP_MS = DAY;
/** Signatures per webhook, however often a secret is rotated within that time. */
const MOST_SECRETS = 5;
/** How many deliveries are brought back in one transaction. */
const BATCH = 500;

export interface NewEndpoint extends EndpointSettings {
  /** Whose events it gets; everybody's unless given. */
  user?: string;
}

export interface EndpointChange extends Partial<EndpointSettings> {
  /** "disabled" cancels what is still to be delivered; "active" takes it into use again. */
  status?: "active" | "disabled";
}

/** Whose things a caller may touch: one user's, or everybody's. Others do not exist for it. */
export interface Scope {
  user?: string;
}

export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** Endpoints, as people manage them. All but `create` and `list` throw `not_found` for one that is not there. */
export interface Endpoints {
  /** The secret is shown here and never again. Throws `invalid_input` and `invalid_url`. */
  create(endpoint: NewEndpoint): Promise<EndpointView & { secret: string }>;
  get(id: string, scope?: Scope): Promise<EndpointView>;
  list(page: { limit: number; cursor?: string }, scope?: Scope): Promise<Page<EndpointView>>;
  /** Retries on their way go to the new URL, with the new headers. Throws `invalid_input` and `invalid_url`. */
  update(id: string, change: EndpointChange, scope?: Scope): Promise<EndpointView>;
  /** Cancels what is still to be delivered. */
  remove(id: string, scope?: Scope): Promise<void>;
  /** A new secret; the one before stays valid for 24 hours, in which webhooks carry signatures of both. */
  rotateSecret(id: string, scope?: Scope): Promise<{ secret: string; previousValidUntil: string }>;
  /** Sends one `endpoint.test` event at once, whatever its filters and state, and tells what came of it. */
  test(id: string, scope?: Scope): Promise<Attempt>;
  /** Sends dead and cancelled deliveries since a time again, oldest first, each once. Throws `conflict` when disabled. */
  recover(id: string, since: Date, scope?: Scope): Promise<{ deliveries: number }>;
  stats(id: string, scope?: Scope): Promise<DeliveryStats>;
}

export interface EndpointsOptions {
  database: Database;
  engine: Pick<Engine, "enqueue">;
  network: Pick<Network, "request" | "assertUrlAllowed">;
  vault: Vault;
  clock: Clock;
}

export function createEndpoints({ database, engine, network, vault, clock }: EndpointsOptions): Endpoints {
  const find = async (sql: Sql, id: string, scope: Scope = {}): Promise<EndpointRecord> => {
    const endpoint = await endpointById(sql, id);
    const visible = endpoint?.kind === "webhook" && (scope.user === undefined || endpoint.user === scope.user);
    if (!visible) throw new HooklineError("not_found", `endpoint ${id}: there is none; list the endpoints to find it`);
    return endpoint;
  };
  const view = (endpoint: EndpointRecord) => endpointView(endpoint, openSecrets(vault, endpoint));

  return {
    async create({ user, ...settings }) {
      assertSettings(settings, network);
      const now = clock.now();
      const id = newId("ep");
      const secret = newSecret();
      const secrets: EndpointSecrets = { secrets: [{ secret, expiresAt: null }], headers: settings.headers ?? {} };
      const endpoint: EndpointRecord = {
        id,
        kind: "webhook",
        url: settings.url,
        user: user ?? null,
        events: settings.events ?? ["*"],
        where: settings.where ?? null,
        format: settings.format ?? "standard",
        ordered: settings.ordered ?? false,
        ratePerSecond: settings.ratePerSecond ?? null,
        sealed: sealSecrets(vault, id, secrets),
        status: "active",
        disabledReason: null,
        pausedUntil: null,
        failingSince: null,
        createdAt: now,
        updatedAt: now,
      };
      await database.transaction((tx) => saveEndpoint(tx, endpoint));
      return { ...endpointView(endpoint, secrets), secret };
    },

    get: async (id, scope) => view(await find(database, id, scope)),

    async list({ limit, cursor = "" }, scope = {}) {
      const found = await listEndpoints(database, scope, cursor, limit + 1);
      const data = found.slice(0, limit).map(view);
      return { data, nextCursor: found.length > limit ? data.at(-1)!.id : null };
    },

    async update(id, { headers, status, ...settings }, scope) {
      assertSettings({ ...settings, headers }, network);
      return database.transaction(async (tx) => {
        const before = await find(tx, id, scope);
        const now = clock.now();
        const secrets = openSecrets(vault, before);
        if (headers !== undefined) secrets.headers = headers;
        const sealed = headers === undefined ? before.sealed : sealSecrets(vault, id, secrets);
        const endpoint: EndpointRecord = {
          ...before,
          ...given(settings),
          ...statusChange(status),
          sealed,
          updatedAt: now,
        };
        await saveEndpoint(tx, endpoint);
        if (status === "disabled") await cancelAll(tx, engine, endpoint, now);
        return endpointView(endpoint, secrets);
      });
    },

    async remove(id, scope) {
      await database.transaction(async (tx) => {
        const endpoint = await find(tx, id, scope);
        await cancelAll(tx, engine, endpoint, clock.now());
        await deleteEndpoint(tx, id);
      });
    },

    async rotateSecret(id, scope) {
      const secret = newSecret();
      const now = clock.now();
      await database.transaction(async (tx) => {
        const endpoint = await find(tx, id, scope);
        const { secrets, headers } = openSecrets(vault, endpoint);
        const previous = secrets
          .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
          .map((one) => ({ ...one, expiresAt: one.expiresAt ?? now + OVERLAP_MS }));
        const rotated = { secrets: [{ secret, expiresAt: null }, ...previous].slice(0, MOST_SECRETS), headers };
        await saveEndpoint(tx, { ...endpoint, sealed: sealSecrets(vault, id, rotated), updatedAt: now });
      });
      return { secret, previousValidUntil: new Date(now + OVERLAP_MS).toISOString() };
    },

    async test(id, scope) {
      const endpoint = await find(database, id, scope);
      const sent = await sendWebhook({ network, clock }, endpoint, credentialsOpener(vault)(endpoint), {
        id: newId("evt"),
        type: "endpoint.test",
        connection: null,
        recordKey: null,
        createdAt: clock.now(),
        data: dataText({ endpoint: id, user: endpoint.user }),
      });
      return sent.attempt;
    },

    async recover(id, since, scope) {
      let deliveries = 0;
      for (;;) {
        const batch = await database.transaction(async (tx) => {
          const endpoint = await find(tx, id, scope);
          if (endpoint.status !== "active") {
            throw new HooklineError("conflict", `endpoint ${id}: it is disabled; set its status to active first`);
          }
          const lost = await lostDeliveries(tx, id, since.getTime(), BATCH);
          await revive(tx, engine, endpoint, lost, clock.now());
          return lost.length;
        });
        deliveries += batch;
        if (batch < BATCH) return { deliveries };
      }
    },

    async stats(id, scope) {
      await find(database, id, scope);
      return deliveryStats(database, id);
    },
  };
}

/** The settings that were given, so that those that were not keep their values. */
function given<T extends object>(settings: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function statusChange(status: EndpointChange["status"]): Partial<EndpointRecord> {
  if (status === "active") return { status, disabledReason: null, pausedUntil: null, failingSince: null };
  return status === undefined ? {} : { status, disabledReason: "turned off by hand" };
}
