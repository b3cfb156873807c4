import type { PageQuery } from "../../model/page.ts";
import { ok, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import { batchQuery, newBatch, resultQuery, type NewBatch } from "../model/batches.ts";
import { keyHeader, keyOf, resource, userRoute, vendorProblems } from "./services.ts";

const tag = "batches";
const params = { id: "Id of the batch" };
/** Largest body: all inputs together. */
const BODY_BYTES = 16 * 1024 * 1024;

export const batchRoutes: Route[] = [
  userRoute<NewBatch>({
    method: "post",
    path: "/v1/connections/{id}/actions/{action}/batch",
    operationId: "createBatch",
    summary: "Runs an action with many inputs, by the vendor's bulk calls where it has them; continues after a restart",
    tag,
    params: { id: "Id of the connection", action: "Key of the action in the manifest" },
    requestHeaders: keyHeader,
    body: newBatch,
    bodyBytes: BODY_BYTES,
    responses: { 202: { description: "The batch was accepted.", schema: ref("Batch") } },
    problems: vendorProblems,
    handler: async ({ services, params, body, scope, base, ...call }) => {
      const batch = await services.batches.create(params["id"]!, params["action"]!, body, keyOf(call), scope);
      return { status: 202, body: batch, headers: { location: `${base}/v1/batches/${batch.id}` } };
    },
  }),
  resource({ path: "/v1/batches", name: "batch", tag }).list(
    { summary: "Batches, newest first" },
    batchQuery,
    ({ services, query, scope }) => services.batches.list(query, scope),
  ),
  userRoute<unknown, PageQuery>({
    method: "get",
    path: "/v1/batches/{id}",
    operationId: "getBatch",
    summary: "The progress of a batch, with its results",
    tag,
    params,
    query: resultQuery,
    responses: { 200: { description: "The batch.", schema: ref("BatchDetails") } },
    handler: async ({ services, params, query, scope }) => ok(await services.batches.get(params["id"]!, query, scope)),
  }),
  userRoute({
    method: "delete",
    path: "/v1/batches/{id}",
    operationId: "cancelBatch",
    summary: "Cancels what has not begun; what has succeeded stays, at the vendor and here",
    tag,
    params,
    responses: { 200: { description: "The batch.", schema: ref("Batch") } },
    handler: async ({ services, params, scope }) => ok(await services.batches.cancel(params["id"]!, scope)),
  }),
];
