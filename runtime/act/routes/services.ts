import { routesOf, type Call, type Operation } from "../../model/route.ts";
import type { Actions } from "../act.ts";
import type { Batches } from "../batches.ts";
import type { Functions } from "../functions.ts";
import type { IdempotencyOptions } from "../idempotency.ts";
import type { Mcp } from "../mcp.ts";

/** What this module gives to hosts and other modules. */
export interface ActServices {
  actions: Actions;
  batches: Batches;
  functions: Functions;
  /** Answers one message of the Model Context Protocol. */
  mcp: Mcp;
}

export const { userRoute, resource } = routesOf<ActServices>();

/** What every operation that asks the vendor can answer besides. */
export const vendorProblems = [409, 424, 502, 504];

/** The header by which callers make a request safe to repeat. */
export const keyHeader: Operation["requestHeaders"] = {
  "Idempotency-Key": "The same key with the same request gets the same answer for 24 hours, and the work is done once.",
};

/** The idempotency key of a request; a stored answer is marked by a header. */
export function keyOf({ headers, request }: Pick<Call, "headers" | "request">): IdempotencyOptions {
  const key = headers["idempotency-key"];
  return key === undefined
    ? {}
    : { idempotencyKey: String(key), onReplay: () => request.res!.set("idempotency-replayed", "true") };
}
