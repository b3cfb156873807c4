import { HooklineError } from "../../core/errors.ts";
import { adminRoute, ok, type PublicCall, type Reply, type Route } from "../compat.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

export interface SystemRoutesOptions {
  open: () => Promise<Services>;
  /** The OpenAPI document, for an API below this address. */
  describe: (base: string) => object;
  publicMetrics: boolean;
}

const tag = "system";

export function systemRoutes({ open, describe, publicMetrics }: SystemRoutesOptions): Route[] {
  return [
    {
      auth: "public",
      method: "get",
      path: "/healthz",
      operationId: "getLiveness",
      summary: "Whether the process answers",
      tag,
      responses: { 200: { description: "It does.", schema: ref("Health") } },
      handler: () => ok({ status: "ok" }),
    },
    {
      auth: "public",
      method: "get",
      path: "/readyz",
      operationId: "getReadiness",
      summary: "Whether the store answers and work is being taken up",
      tag,
      responses: { 200: { description: "It is ready.", schema: ref("Health") } },
      problems: [503],
      handler: async () => {
        const { db, engine } = await open();
        const answers = await db.get("select 1 as one").catch(() => undefined);
        if (answers === undefined)
          throw new HooklineError("stopped", "The store does not answer; look at the database");
        if (!engine.healthy())
          throw new HooklineError("stopped", "Due work is not taken up; look at the log, or restart");
        return ok({ status: "ready" });
      },
    },
    {
      auth: "public",
      method: "get",
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "This description",
      tag,
      responses: { 200: { description: "OpenAPI 3.1.", schema: { type: "object" } } },
      handler: ({ base }: PublicCall) => ok(describe(base)),
    },
    metricsRoute(open, publicMetrics),
  ];
}

function metricsRoute(open: () => Promise<Services>, isPublic: boolean): Route {
  const operation = {
    method: "get",
    path: "/metrics",
    operationId: "getMetrics",
    summary: "Counts and times for Prometheus",
    tag,
    responses: { 200: { description: "Prometheus text.", contentType: "text/plain" } },
  } as const;
  const text = async ({ metrics: { registry } }: Services): Promise<Reply> => ({
    status: 200,
    body: await registry.metrics(),
    headers: { "content-type": registry.contentType },
  });
  if (!isPublic) return adminRoute({ ...operation, handler: ({ services }) => text(services) });
  return { ...operation, auth: "public", problems: [503], handler: async () => text(await open()) };
}
