import { below, HooklineError, notFound, refuseFaults, type Fault } from "../core/errors.ts";
import { orBroken } from "../core/broken.ts";
import { newId } from "../core/ids.ts";
import { joinPointer } from "../core/json.ts";
import { DAY, isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { whereFaults } from "../manifest/where.ts";
import { lostDeliveries, type Attempt } from "../model/deliveries.ts";
import {
  endpointChanges,
  endpointQuery,
  endpoints,
  newEndpoint,
  recovery,
  type EndpointChanges,
  type EndpointRecord,
  type EndpointView,
  type NewEndpoint,
  type Recovery,
} from "../model/endpoints.ts";
import { assertNotErased } from "../model/erasures.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { newOwner } from "../model/user.ts";
import type { Sql } from "../store/database.ts";
import { dataText } from "./body.ts";
import { credentialsOpener, openSecrets, sealSecrets } from "./credentials.ts";
import { cancelAll, revive } from "./jobs.ts";
import { dataOf, patternFault } from "./patterns.ts";
import { sendWebhook } from "./send.ts";
import { newSecret } from "./sign.ts";
import { endpointStats, type EndpointStats } from "./stats.ts";

/** How long the secret before a rotation stays valid. */
const OVERLAP_MS = DAY;
/** Signatures per webhook, however often a secret is rotated within that time. */
const MOST_SECRETS = 5;
/** How many deliveries are sent again in one transaction. */
const BATCH = 500;

/** Endpoints, as people manage them. */
export interface Endpoints {
  /**
   * The secret is shown here and never again.
   * @throws HooklineError `invalid_input` with every fault; `invalid_url`; `forbidden` when a user names another
   */
  create(endpoint: NewEndpoint, scope?: Scope): Promise<EndpointView & { secret: string }>;
  /** @throws HooklineError `not_found` */
  get(id: string, scope?: Scope): Promise<EndpointView>;
  /**
   * Oldest first.
   * @throws HooklineError `invalid_input` with every fault of the query; `forbidden` when a user names another
   */
  list(query?: InputOf<typeof endpointQuery>, scope?: Scope): Promise<Page<EndpointView>>;
  /**
   * Pending retries go to the new URL, with the new headers.
   * @throws HooklineError `invalid_input` with every fault; `invalid_url`; `not_found`
   */
  update(id: string, change: EndpointChanges, scope?: Scope): Promise<EndpointView>;
  /**
   * Cancels what is still to be delivered.
   * @throws HooklineError `not_found`
   */
  remove(id: string, scope?: Scope): Promise<void>;
  /**
   * A new secret; the one before stays valid for 24 hours, in which webhooks carry signatures of both.
   * @throws HooklineError `not_found`
   */
  rotateSecret(id: string, scope?: Scope): Promise<{ secret: string; previousValidUntil: string }>;
  /**
   * Sends one `endpoint.test` event at once, whatever the filters and the status of the endpoint, and returns the attempt.
   * @throws HooklineError `not_found`
   */
  test(id: string, scope?: Scope): Promise<Attempt>;
  /**
   * Sends dead and cancelled deliveries since a time again, oldest first, each once.
   * @throws HooklineError `invalid_input` with every fault; `not_found`; `conflict` when the endpoint is disabled
   */
  recover(id: string, recovery: Recovery, scope?: Scope): Promise<{ deliveries: number }>;
  /** @throws HooklineError `not_found` */
  stats(id: string, scope?: Scope): Promise<EndpointStats>;
}

type EndpointsContext = Pick<Context, "db" | "engine" | "connectors" | "network" | "vault" | "clock" | "log">;

/** Makes the service of endpoints. */
export function createEndpoints(context: EndpointsContext): Endpoints {
  const { db, engine, network, vault, clock } = context;
  const find = async (sql: Sql, id: string, scope: Scope = {}): Promise<EndpointRecord> => {
    const endpoint = await endpoints.find(sql, id);
    if (endpoint?.kind === "webhook" && isVisible(endpoint.user, scope)) return endpoint;
    throw notFound("endpoint", id);
  };
  const view = (endpoint: EndpointRecord): EndpointView => {
    const opened = orBroken(() => openSecrets(vault, endpoint));
    const headerNames = Object.keys(opened.value?.headers ?? {});
    return { ...endpoints.view(endpoint), headerNames, problem: opened.problem };
  };

  const patternFaults = (patterns: readonly string[] = []): Fault[] =>
    patterns.flatMap((pattern, index) => {
      const message = patternFault(context, pattern);
      return message === undefined ? [] : [{ pointer: joinPointer("/events", index), message }];
    });
  const conditionFaults = ({ events, where }: Pick<EndpointRecord, "events" | "where">): Fault[] =>
    below("/where", whereFaults(where, { type: dataOf(context, events), name: "the data of its events" }));

  return {
    async create(given, scope = {}) {
      const { user, headers = {}, ...settings } = newEndpoint.check(given);
      network.assertUrlAllowed(settings.url);
      const { events = ["*"], where = null } = settings;
      refuseFaults("endpoint", [...patternFaults(settings.events), ...conditionFaults({ events, where })]);
      const now = clock.now();
      const id = newId("ep");
      const secret = newSecret();
      const owner = newOwner("endpoint", scope, user) ?? null;
      const endpoint: EndpointRecord = {
        format: "standard",
        ordered: false,
        ratePerSecond: null,
        ...settings,
        events,
        where,
        id,
        kind: "webhook",
        user: owner,
        sealed: sealSecrets(vault, { id, user: owner }, { secrets: [{ secret, expiresAt: null }], headers }),
        status: "active",
        disabledReason: null,
        pausedUntil: null,
        failingSince: null,
        createdAt: now,
        updatedAt: now,
      };
      await db.transaction(async (tx) => {
        await assertNotErased(tx, endpoint.user);
        await endpoints.insert(tx, endpoint);
      });
      return { ...view(endpoint), secret };
    },

    get: async (id, scope) => view(await find(db, id, scope)),

    async list(query, scope = {}) {
      const { user, ...page } = endpointQuery.check(query);
      const { limit, after } = readPage(page);
      const filter = { kind: "webhook", user: ownerIn(scope, user) } as const;
      return toPage(await endpoints.page(db, filter, { after, limit: limit + 1 }), limit, view);
    },

    async update(id, given, scope) {
      const { headers, status, ...settings } = endpointChanges.check(given);
      if (settings.url !== undefined) network.assertUrlAllowed(settings.url);
      const isMatchedAnew = settings.events !== undefined || settings.where !== undefined;
      return db.transaction(async (tx) => {
        const before = await find(tx, id, scope);
        const faults = isMatchedAnew ? conditionFaults({ ...before, ...settings }) : [];
        refuseFaults("endpoint", [...patternFaults(settings.events), ...faults]);
        const now = clock.now();
        const secrets = openSecrets(vault, before);
        const sealed = headers === undefined ? before.sealed : sealSecrets(vault, before, { ...secrets, headers });
        const endpoint = { ...before, ...settings, ...statusChange(status), sealed, updatedAt: now };
        await endpoints.save(tx, endpoint);
        if (status === "disabled") await cancelAll(tx, engine, endpoint, now);
        return view(endpoint);
      });
    },

    async remove(id, scope) {
      await db.transaction(async (tx) => {
        const endpoint = await find(tx, id, scope);
        await cancelAll(tx, engine, endpoint, clock.now());
        await endpoints.delete(tx, id);
      });
    },

    async rotateSecret(id, scope) {
      const secret = newSecret();
      const now = clock.now();
      await db.transaction(async (tx) => {
        const endpoint = await find(tx, id, scope);
        const { secrets, headers } = openSecrets(vault, endpoint);
        const previous = secrets
          .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
          .map((one) => ({ ...one, expiresAt: one.expiresAt ?? now + OVERLAP_MS }));
        const rotated = { secrets: [{ secret, expiresAt: null }, ...previous].slice(0, MOST_SECRETS), headers };
        await endpoints.save(tx, { ...endpoint, sealed: sealSecrets(vault, endpoint, rotated), updatedAt: now });
      });
      return { secret, previousValidUntil: isoTime(now + OVERLAP_MS) };
    },

    async test(id, scope) {
      const endpoint = await find(db, id, scope);
      const sent = await sendWebhook({ network, clock }, endpoint, credentialsOpener(vault)(endpoint), {
        id: newId("evt"),
        type: "endpoint.test",
        connection: null,
        recordKey: null,
        createdAt: clock.now(),
        data: dataText({ endpoint: id, user: endpoint.user, reason: "A test of the endpoint was asked for." }),
      });
      return sent.attempt;
    },

    async recover(id, given, scope) {
      const since = Date.parse(recovery.check(given).since);
      let deliveries = 0;
      for (;;) {
        const batch = await db.transaction(async (tx) => {
          const endpoint = await find(tx, id, scope);
          if (endpoint.status !== "active") {
            throw new HooklineError("conflict", `Endpoint ${id} is disabled; set its status to active first`);
          }
          const lost = await lostDeliveries(tx, id, since, BATCH);
          await revive(tx, engine, endpoint, lost, clock.now());
          return lost.length;
        });
        deliveries += batch;
        if (batch < BATCH) return { deliveries };
      }
    },

    async stats(id, scope) {
      await find(db, id, scope);
      return endpointStats(db, id);
    },
  };
}

function statusChange(status: EndpointChanges["status"]): Partial<EndpointRecord> {
  if (status === "active") return { status, disabledReason: null, pausedUntil: null, failingSince: null };
  return status === undefined ? {} : { status, disabledReason: "disabled by a person" };
}
