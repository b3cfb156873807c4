import type { Services } from "../services.ts";
import type { BatchResult, BatchView } from "../../act/batches.ts";
import { callerOf } from "./actions.ts";
import { once } from "../idempotency.ts";
import { pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { ok, userRoute, type Call, type Reply, type Route } from "../compat.ts";
import { ref } from "../../model/schema.ts";
import { newBatch } from "../schemas/batches.ts";

const tag = "batches";
const params = { id: "Id of the batch" };
/** Of all inputs together. */
const BODY_BYTES = 16 * 1024 * 1024;

type Inputs = { inputs: Record<string, unknown>[] };

export const batchRoutes: Route[] = [
  userRoute<Inputs>({
    method: "post",
    path: "/v1/connections/{id}/actions/{action}/batch",
    operationId: "createBatch",
    summary:
      "Runs an action with many inputs, in the vendor's calls for many where there are such; goes on after a restart",
    tag,
    params: { id: "Id of the connection", action: "Key of the action in the manifest" },
    requestHeaders: { "Idempotency-Key": "The same key with the same inputs is the same batch for 24 hours." },
    body: newBatch,
    bodyBytes: BODY_BYTES,
    responses: { 202: { description: "It is on its way.", schema: ref("Batch") } },
    problems: [409, 424, 502, 504],
    handler: create,
  }),
  userRoute<unknown, PageQuery>({
    method: "get",
    path: "/v1/batches/{id}",
    operationId: "getBatch",
    summary: "How far a batch is, with its results",
    tag,
    params,
    query: pageQuery,
    responses: { 200: { description: "The batch.", schema: ref("BatchDetails") } },
    handler: async ({ services, principal, params, query }) => {
      const { limit, cursor } = readPage(query);
      const page = { limit, after: cursor === undefined ? undefined : positionIn(cursor) };
      return ok(detailsOf(await services.batches.get(params["id"]!, page, scopeOf(principal).user)));
    },
  }),
  userRoute({
    method: "delete",
    path: "/v1/batches/{id}",
    operationId: "cancelBatch",
    summary: "Gives up what has not begun; what has succeeded stays, at the vendor and here",
    tag,
    params,
    responses: { 200: { description: "The batch.", schema: ref("Batch") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.batches.cancel(params["id"]!, scopeOf(principal).user)),
  }),
];

async function create({
  services,
  principal,
  params,
  body: { inputs },
  headers,
  base,
}: Call<Services, Inputs>): Promise<Reply> {
  const { id } = await services.accounts.get(params["id"]!, scopeOf(principal));
  const action = params["action"]!;
  const run = async (): Promise<Reply> => {
    const batch = await services.batches.create(id, action, inputs);
    return { status: 202, body: batch, headers: { location: `${base}/v1/batches/${batch.id}` } };
  };
  const key = headers["idempotency-key"];
  if (key === undefined) return run();
  const request = { id, action, inputs };
  return once(services, { scope: callerOf(principal), key: String(key), request, repeatable: false, calls: 1 }, run);
}

function detailsOf({ next, results, ...batch }: BatchView & { results: BatchResult[]; next: number | null }): object {
  const { data, nextCursor } = pageOf({ data: results, nextCursor: next === null ? null : cursorAt(next) });
  return { ...batch, results: data, nextCursor };
}

/** A position in the form that cursors have. */
const cursorAt = (position: number): string => `item_${position.toString(16).padStart(32, "0")}`;
const positionIn = (cursor: string): number => Number.parseInt(cursor.slice("item_".length), 16);
