import type { JsonSchema } from "../../core/json.ts";
import { batchSchemas } from "./batches.ts";
import { userTokenSchemas } from "../../accounts/user-tokens.ts";
import { apiKeySchemas } from "../../model/api-keys.ts";
import { connectionSchemas } from "../../model/connections.ts";
import { variableSchemas } from "../../model/variables.ts";
import { connectorSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { flowSchemas } from "./flows.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { syncSchemas } from "./syncs.ts";
import { systemSchemas } from "./system.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...connectorSchemas,
  ...subscriptionSchemas,
  ...deliverySchemas,
  ...batchSchemas,
  ...flowSchemas,
  ...syncSchemas,
  ...variableSchemas,
  ...apiKeySchemas,
  ...userTokenSchemas,
  ...systemSchemas,
};
