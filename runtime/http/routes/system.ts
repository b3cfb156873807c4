import { HooklineError } from "../../core/errors.ts";
import { ok, routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

export interface SystemRoutesOptions {
  /** The OpenAPI document, for an API below this address. */
  describe: (base: string) => object;
}

const { adminRoute, publicRoute } = routesOf<Services>();
const tag = "system";

/** Health, metrics and the description of the API. */
export function systemRoutes({ describe }: SystemRoutesOptions): Route[] {
  return [
    publicRoute({
      method: "get",
      path: "/healthz",
      operationId: "getLiveness",
      summary: "Liveness: whether the process runs",
      tag,
      responses: { 200: { description: "The process is running.", schema: ref("Health") } },
      handler: () => ok({ status: "ok" }),
    }),
    publicRoute({
      method: "get",
      path: "/readyz",
      operationId: "getReadiness",
      summary: "Readiness: whether the store answers and due work is taken up",
      tag,
      responses: { 200: { description: "The store answers and due work is taken up.", schema: ref("Health") } },
      problems: [503],
      handler: async ({ open }) => {
        const { db, engine } = await open();
        const answers = await db.get("select 1 as one").catch(() => undefined);
        if (answers === undefined)
          throw new HooklineError("stopped", "The store does not answer; look at the database");
        if (!engine.healthy())
          throw new HooklineError("stopped", "Due work is not taken up; look at the log, or restart");
        return ok({ status: "ready" });
      },
    }),
    publicRoute({
      method: "get",
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "The OpenAPI description of this API",
      tag,
      responses: { 200: { description: "OpenAPI 3.1.", schema: { type: "object" } } },
      handler: ({ base }) => ok(describe(base)),
    }),
    adminRoute({
      method: "get",
      path: "/metrics",
      operationId: "getMetrics",
      summary: "Metrics for Prometheus",
      tag,
      responses: { 200: { description: "Prometheus text.", contentType: "text/plain" } },
      handler: async ({ services: { metrics } }) => ({
        status: 200,
        body: await metrics.registry.metrics(),
        headers: { "content-type": metrics.registry.contentType },
      }),
    }),
  ];
}
