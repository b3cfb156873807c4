import type { ConnectorRequest } from "../../schemas/manifest.ts";
import type { Scope } from "./expressions.ts";
import type { Site } from "./site.ts";
import type { RequestParts } from "./targets.ts";

/** Fills a request's templates in. Constant parts are frozen: change it with a {@link Target} only. */
export type CompiledRequest = (scope: Scope) => RequestParts;

/**
 * A request of a manifest as a function of the scope.
 * @throws HooklineError `invalid_expression`; on a call `invalid_input` when the path lacks a value.
 */
export function compileRequest(request: ConnectorRequest, roots: readonly string[], site: Site): CompiledRequest {
  site.isRequest(request);
  const { method, path, bodyType, answer, encode, decode, ...templates } = request as RequestParts;
  const expand = path === undefined ? undefined : site.at("path").path(path, roots);
  const parts = site.template(templates, { roots }) as (scope: Scope) => Partial<RequestParts>;
  const fixed = {
    method,
    ...(bodyType && { bodyType }),
    ...(answer && { answer }),
    ...(encode && { encode }),
    ...(decode && { decode }),
  };
  if (expand === undefined) return (scope) => ({ ...fixed, ...parts(scope) });
  return (scope) => ({ ...fixed, path: expand(scope), ...parts(scope) });
}
