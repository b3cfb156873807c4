import type { JsonSchema } from "../../core/json.ts";
import { batchSchemas } from "./batches.ts";
import { connectionSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { flowsModule } from "../../flows/module.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { syncSchemas } from "./syncs.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  ...deliverySchemas,
  ...batchSchemas,
  ...flowsModule.nouns,
  ...syncSchemas,
  ...variableSchemas,
  ...systemSchemas,
};
