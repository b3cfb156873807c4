import type { JsonSchema } from "../../core/json.ts";
import { eventDetailsSchemas } from "../../deliver/event-details.ts";
import { explanationSchemas } from "../../deliver/explain.ts";
import { statsSchemas } from "../../deliver/stats.ts";
import { deliverySchemas } from "../../model/deliveries.ts";
import { endpointSchemas } from "../../model/endpoints.ts";
import { eventSchemas } from "../../model/events.ts";
import { connectionSchemas } from "./connections.ts";
import { subscriptionSchemas } from "./subscriptions.ts";
import { systemSchemas } from "./system.ts";
import { variableSchemas } from "./variables.ts";

/** Everything that the core's routes answer, by name. */
export const components: Record<string, JsonSchema> = {
  ...connectionSchemas,
  ...subscriptionSchemas,
  ...endpointSchemas,
  ...eventSchemas,
  ...eventDetailsSchemas,
  ...deliverySchemas,
  ...explanationSchemas,
  ...statsSchemas,
  ...variableSchemas,
  ...systemSchemas,
};
