import type { JsonSchema } from "../../core/json.ts";
import { userTokenSchemas } from "../../accounts/user-tokens.ts";
import { eventDetailsSchemas } from "../../deliver/event-details.ts";
import { explanationSchemas } from "../../deliver/explain.ts";
import { statsSchemas } from "../../deliver/stats.ts";
import { apiKeySchemas } from "../../model/api-keys.ts";
import { connectionSchemas } from "../../model/connections.ts";
import { deliverySchemas } from "../../model/deliveries.ts";
import { endpointSchemas } from "../../model/endpoints.ts";
import { erasureSchemas } from "../../model/erasures.ts";
import { eventSchemas } from "../../model/events.ts";
import { subscriptionSchemas } from "../../model/subscriptions.ts";
import { variableSchemas } from "../../model/variables.ts";
import { subscriptionAuditSchema } from "../../poll/audit/view.ts";
import { subscriptionHealthSchema } from "../../poll/health.ts";
import { connectorSchemas } from "./connections.ts";
import { systemSchemas } from "./system.ts";

/** Everything that the core's routes answer, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...connectorSchemas,
  ...subscriptionSchemas,
  SubscriptionHealth: subscriptionHealthSchema,
  SubscriptionAudit: subscriptionAuditSchema,
  ...endpointSchemas,
  ...eventSchemas,
  ...eventDetailsSchemas,
  ...deliverySchemas,
  ...explanationSchemas,
  ...statsSchemas,
  ...variableSchemas,
  ...apiKeySchemas,
  ...userTokenSchemas,
  ...erasureSchemas,
  ...systemSchemas,
};
