import type { JsonSchema } from "../../core/json.ts";
import { batchSchemas } from "./batches.ts";
import { connectionSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { flowSchemas } from "./flows.ts";
import { subscriptionSchemas } from "../../model/subscriptions.ts";
import { subscriptionHealthSchema } from "../../poll/health.ts";
import { syncSchemas } from "./syncs.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  SubscriptionHealth: subscriptionHealthSchema,
  ...deliverySchemas,
  ...batchSchemas,
  ...flowSchemas,
  ...syncSchemas,
  ...variableSchemas,
  ...systemSchemas,
};
