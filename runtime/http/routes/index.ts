import type { Route } from "../compat.ts";
import type { UserTokens } from "../user-tokens.ts";
import { actModule } from "../../act/module.ts";
import { adminRoutes } from "./admin.ts";
import { connectionRoutes } from "./connections.ts";
import { connectorRoutes } from "./connectors.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { endpointRoutes } from "./endpoints.ts";
import { eventRoutes } from "./events.ts";
import { flowTemplateRoutes } from "./flow-templates.ts";
import { flowRoutes } from "./flows.ts";
import { hookRoutes } from "./hooks.ts";
import { oauthRoutes, type OAuthRoutesOptions } from "./oauth.ts";
import { runRoutes } from "./runs.ts";
import { sampleRoutes } from "./samples.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { syncModule } from "../../sync/module.ts";
import { systemRoutes, type SystemRoutesOptions } from "./system.ts";
import { variableRoutes } from "./variables.ts";

/** The whole API, in the order it is described in. */
export function coreRoutes(options: OAuthRoutesOptions & SystemRoutesOptions & { tokens: UserTokens }): Route[] {
  return [
    ...connectorRoutes,
    ...connectionRoutes,
    ...oauthRoutes(options),
    ...actModule.routes,
    ...sampleRoutes,
    ...subscriptionRoutes,
    ...endpointRoutes,
    ...eventRoutes,
    ...deliveryRoutes,
    ...flowRoutes,
    ...runRoutes,
    ...syncModule.routes,
    ...flowTemplateRoutes,
    ...hookRoutes,
    ...variableRoutes,
    ...adminRoutes(options.tokens),
    ...systemRoutes(options),
  ];
}
