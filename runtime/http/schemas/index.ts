import type { JsonSchema } from "../../core/json.ts";
import { batchSchemas } from "./batches.ts";
import { connectionSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { flowSchemas } from "./flows.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { syncModule } from "../../sync/module.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  ...deliverySchemas,
  ...batchSchemas,
  ...flowSchemas,
  ...syncModule.nouns,
  ...variableSchemas,
  ...systemSchemas,
};
