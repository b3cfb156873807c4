import type { JsonSchema } from "../route.ts";
import { connectionSchemas } from "./connections.ts";
import { deliverySchemas } from "./deliveries.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything the API answers, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  ...deliverySchemas,
  ...variableSchemas,
  ...systemSchemas,
};
