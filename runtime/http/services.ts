import type { Accounts } from "../accounts/accounts.ts";
import type { ApiKeys } from "../accounts/api-keys.ts";
import type { UserTokens } from "../accounts/user-tokens.ts";
import type { Variables } from "../accounts/variables.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Deliveries } from "../deliver/deliveries.ts";
import type { Endpoints } from "../deliver/endpoints.ts";
import type { Events } from "../deliver/events.ts";
import type { ReadStats } from "../deliver/stats.ts";
import type { Context } from "../engine/context.ts";
import type { Audits } from "../poll/audit/audits.ts";
import type { Subscriptions } from "../poll/subscriptions.ts";
import type { Samples } from "../read/samples.ts";

/** The open core, as the core's routes see it. */
export interface Services extends Context {
  accounts: Accounts;
  variables: Variables;
  apiKeys: ApiKeys;
  userTokens: UserTokens;
  subscriptions: Subscriptions;
  audits: Audits;
  samples: Samples;
  endpoints: Endpoints;
  deliveries: Deliveries;
  events: Events;
  stats: ReadStats;
  metrics: Metrics;
}
