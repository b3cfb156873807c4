import type { Services } from "../services.ts";
import type { Request } from "express";
import { FORWARD_PREFIX } from "../../act/passthrough-headers.ts";
import { MAX_PASSTHROUGH_BYTES, type PassthroughRequest } from "../../act/passthrough.ts";
import { HooklineError } from "../../core/errors.ts";
import { scopeOf } from "../../model/principal.ts";
import { userRoute, type Call, type Reply, type Route } from "../compat.ts";

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
        "Reaches the vendor under the name that follows. Others do not, but for common ones of HTTP.",
    },
    ...(method === "get" ? {} : { rawBody: `Sent on as it comes, up to ${MEGABYTES} MB.` }),
    responses: {
      default: {
        description: `The vendor's answer, unchanged, up to ${MEGABYTES} MB; redirects are not followed. A problem of type urn:hookline:error:… is Hookline's own.`,
        contentType: "*/*",
      },
    },
    problems: [409, 424, 502, 504],
    handler: passThrough,
  }),
);

async function passThrough({ services, principal, params, request }: Call<Services>): Promise<Reply> {
  const { id } = await services.accounts.get(params["id"]!, scopeOf(principal));
  const { status, headers, body } = await services.actions.passthrough(id, {
    method: request.method,
    target: targetOf(request),
    headers: request.headers,
    body: bodyOf(request),
    signal: goneSignal(request),
  });
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
    "Body: the host has read it already, in a form that cannot be sent on; mount Hookline before that parser",
  );
}

/** Aborts when nobody waits for the answer any more. */
function goneSignal(request: Request): AbortSignal {
  const gone = new AbortController();
  request.res!.once("close", () => gone.abort());
  return gone.signal;
}
