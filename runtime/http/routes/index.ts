import type { Route } from "../compat.ts";
import { actionRoutes } from "./actions.ts";
import { adminRoutes } from "./admin.ts";
import { batchRoutes } from "./batches.ts";
import { connectionRoutes } from "./connections.ts";
import { connectorRoutes } from "./connectors.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { endpointRoutes } from "./endpoints.ts";
import { eventRoutes } from "./events.ts";
import { functionRoutes } from "./functions.ts";
import { mcpRoutes } from "./mcp.ts";
import { flowTemplateRoutes } from "./flow-templates.ts";
import { flowRoutes } from "./flows.ts";
import { hookRoutes } from "./hooks.ts";
import { oauthRoutes, type OAuthRoutesOptions } from "./oauth.ts";
import { passthroughRoutes } from "./passthrough.ts";
import { runRoutes } from "./runs.ts";
import { sampleRoutes } from "./samples.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { syncRoutes } from "./syncs.ts";
import { systemRoutes, type SystemRoutesOptions } from "./system.ts";
import { variableRoutes } from "./variables.ts";

/** The whole API, in the order it is described in. */
export function allRoutes(options: OAuthRoutesOptions & SystemRoutesOptions): Route[] {
  return [
    ...connectorRoutes,
    ...connectionRoutes,
    ...oauthRoutes(options),
    ...actionRoutes,
    ...batchRoutes,
    ...passthroughRoutes,
    ...functionRoutes,
    ...mcpRoutes,
    ...sampleRoutes,
    ...subscriptionRoutes,
    ...endpointRoutes,
    ...eventRoutes,
    ...deliveryRoutes,
    ...flowRoutes,
    ...runRoutes,
    ...syncRoutes,
    ...flowTemplateRoutes,
    ...hookRoutes(options),
    ...variableRoutes,
    ...adminRoutes,
    ...systemRoutes(options),
  ];
}
