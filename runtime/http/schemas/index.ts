import type { JsonSchema } from "../../core/json.ts";
import { actModule } from "../../act/module.ts";
import { connectionSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { flowSchemas } from "./flows.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { syncSchemas } from "./syncs.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  ...deliverySchemas,
  ...actModule.nouns,
  ...flowSchemas,
  ...syncSchemas,
  ...variableSchemas,
  ...systemSchemas,
};
