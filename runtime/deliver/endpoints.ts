import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError, notFound } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Network } from "../core/network.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database, Sql } from "../store/database.ts";
import { lostDeliveries, type Attempt } from "../model/deliveries.ts";
import {
  endpointChanges,
  endpointQuery,
  endpoints,
  newEndpoint,
  type EndpointChanges,
  type EndpointRecord,
  type EndpointView,
  type NewEndpoint,
} from "../model/endpoints.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { dataText } from "./body.ts";
import { credentialsOpener, openSecrets, sealSecrets } from "./credentials.ts";
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

/** Endpoints, as people manage them. All but `create` and `list` throw `not_found` for one that is not there. */
export interface Endpoints {
  /** The secret is shown here and never again. Throws `invalid_input` and `invalid_url`. */
  create(endpoint: NewEndpoint, scope?: Scope): Promise<EndpointView & { secret: string }>;
  get(id: string, scope?: Scope): Promise<EndpointView>;
  list(query?: InputOf<typeof endpointQuery>, scope?: Scope): Promise<Page<EndpointView>>;
  /** Retries on their way go to the new URL, with the new headers. Throws `invalid_input` and `invalid_url`. */
  update(id: string, change: EndpointChanges, scope?: Scope): Promise<EndpointView>;
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
    const endpoint = await endpoints.find(sql, id);
    if (endpoint?.kind === "webhook" && isVisible(endpoint.user, scope)) return endpoint;
    throw notFound("endpoint", id);
  };
  const view = (endpoint: EndpointRecord): EndpointView => {
    const { headers } = openSecrets(vault, endpoint);
    return { ...endpoints.view(endpoint), headerNames: Object.keys(headers) };
  };

  return {
    async create(given, scope = {}) {
      const { user, headers = {}, ...settings } = newEndpoint.check(given);
      network.assertUrlAllowed(settings.url);
      const now = clock.now();
      const id = newId("ep");
      const secret = newSecret();
      const endpoint: EndpointRecord = {
        events: ["*"],
        where: null,
        format: "standard",
        ordered: false,
        ratePerSecond: null,
        ...settings,
        id,
        kind: "webhook",
        user: ownerIn(scope, user) ?? null,
        sealed: sealSecrets(vault, id, { secrets: [{ secret, expiresAt: null }], headers }),
        status: "active",
        disabledReason: null,
        pausedUntil: null,
        failingSince: null,
        createdAt: now,
        updatedAt: now,
      };
      await endpoints.insert(database, endpoint);
      return { ...view(endpoint), secret };
    },

    get: async (id, scope) => view(await find(database, id, scope)),

    async list(query, scope = {}) {
      const { user, ...page } = endpointQuery.check(query);
      const { limit, after } = readPage(page);
      const filter = { kind: "webhook", user: ownerIn(scope, user) } as const;
      return toPage(await endpoints.page(database, filter, { after, limit: limit + 1 }), limit, view);
    },

    async update(id, given, scope) {
      const { headers, status, ...settings } = endpointChanges.check(given);
      if (settings.url !== undefined) network.assertUrlAllowed(settings.url);
      return database.transaction(async (tx) => {
        const before = await find(tx, id, scope);
        const now = clock.now();
        const secrets = openSecrets(vault, before);
        const sealed = headers === undefined ? before.sealed : sealSecrets(vault, id, { ...secrets, headers });
        const endpoint = { ...before, ...settings, ...statusChange(status), sealed, updatedAt: now };
        await endpoints.save(tx, endpoint);
        if (status === "disabled") await cancelAll(tx, engine, endpoint, now);
        return view(endpoint);
      });
    },

    async remove(id, scope) {
      await database.transaction(async (tx) => {
        const endpoint = await find(tx, id, scope);
        await cancelAll(tx, engine, endpoint, clock.now());
        await endpoints.delete(tx, id);
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
        await endpoints.save(tx, { ...endpoint, sealed: sealSecrets(vault, id, rotated), updatedAt: now });
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

function statusChange(status: EndpointChanges["status"]): Partial<EndpointRecord> {
  if (status === "active") return { status, disabledReason: null, pausedUntil: null, failingSince: null };
  return status === undefined ? {} : { status, disabledReason: "turned off by hand" };
}
