import type { Route } from "../../model/route.ts";
import { adminRoutes } from "./admin.ts";
import { connectionRoutes } from "./connections.ts";
import { connectorRoutes } from "./connectors.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { endpointRoutes } from "./endpoints.ts";
import { eventRoutes } from "./events.ts";
import { oauthRoutes, type OAuthRoutesOptions } from "./oauth.ts";
import { sampleRoutes } from "./samples.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { systemRoutes, type SystemRoutesOptions } from "./system.ts";
import { variableRoutes } from "./variables.ts";

/** The routes of the core, in the order in which they are described. */
export function coreRoutes(options: OAuthRoutesOptions & SystemRoutesOptions): Route[] {
  return [
    ...connectorRoutes,
    ...connectionRoutes,
    ...oauthRoutes(options),
    ...sampleRoutes,
    ...subscriptionRoutes,
    ...endpointRoutes,
    ...eventRoutes,
    ...deliveryRoutes,
    ...variableRoutes,
    ...adminRoutes,
    ...systemRoutes(options),
  ];
}
