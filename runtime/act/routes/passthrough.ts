import type { Request } from "express";
import { HooklineError } from "../../core/errors.ts";
import { goneSignal, type Call, type Reply, type Route } from "../../model/route.ts";
import { FORWARD_PREFIX } from "../passthrough-headers.ts";
import { MAX_PASSTHROUGH_BYTES, type PassthroughRequest } from "../passthrough.ts";
import { userRoute, vendorProblems, type ActServices } from "./services.ts";

/** HEAD comes with GET. */
const METHODS = ["get", "post", "put", "patch", "delete"] as const;
const MEGABYTES = MAX_PASSTHROUGH_BYTES / 1024 / 1024;

export const passthroughRoutes: Route[] = METHODS.map((method) =>
  userRoute({
    method,
    path: "/v1/connections/{id}/passthrough/{+path}",
    operationId: `${method}Passthrough`,
    summary: `Sends a ${method.toUpperCase()} request to the vendor's own API with the connection's credentials`,
    tag: "connections",
    params: {
      id: "Id of the connection",
      path: "Path below the vendor's base URL, with any query; slashes as they are",
    },
    openQuery: true,
    query: {},
    requestHeaders: {
      [`${FORWARD_PREFIX}{name}`]:
        "Sent to the vendor under the name that follows. Of other headers only common ones of HTTP are sent.",
    },
    ...(method === "get" ? {} : { rawBody: `Forwarded unchanged, up to ${MEGABYTES} MB.` }),
    responses: {
      default: {
        description: `The vendor's answer, unchanged, up to ${MEGABYTES} MB; redirects are not followed. A problem of type urn:hookline:error:… is Hookline's own.`,
        contentType: "*/*",
      },
    },
    problems: vendorProblems,
    handler: passThrough,
  }),
);

async function passThrough({ services, params, request, scope }: Call<ActServices>): Promise<Reply> {
  const asked = {
    method: request.method,
    target: targetOf(request),
    headers: request.headers,
    body: bodyOf(request),
    signal: goneSignal(request),
  };
  const { status, headers, body } = await services.actions.passthrough(params["id"]!, asked, scope);
  return { status, headers, body };
}

/** The path as it was sent; express has decoded it, and it must reach the vendor as it is. */
function targetOf(request: Request): string {
  return /^\/v1\/connections\/[^/]+\/passthrough\/(.*)$/is.exec(request.url)![1]!;
}

/** A stream, or what a host's parser has read of it already. */
function bodyOf(request: Request): PassthroughRequest["body"] {
  const { "content-length": length = "0", "transfer-encoding": chunked } = request.headers;
  if (length === "0" && chunked === undefined) return undefined;
  const read: unknown = request.body;
  if (read === undefined) return request;
  if (Buffer.isBuffer(read)) return read;
  if (typeof read === "string") return Buffer.from(read);
  if (/json/i.test(request.headers["content-type"] ?? "")) return Buffer.from(JSON.stringify(read));
  throw new HooklineError(
    "invalid_input",
    "Body: the host's parser has read the body already, and its result cannot be forwarded; mount Hookline before that parser",
  );
}
