import type { Decode, Encode } from "../../schemas/manifest.ts";
import { isObject } from "../core/json.ts";

/** A request ready to be sent, as templates give it. `params` for googleapis; `path`, `query` for HTTP. */
export interface RequestParts {
  method: string;
  path?: string;
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  headers?: Record<string, unknown>;
  body?: unknown;
  bodyType?: "json" | "form";
  answer?: "json" | "text" | "binary";
  /** Codecs by the part of the request they encode. */
  encode?: Encode;
  /** Codecs by the part of the answer they decode. */
  decode?: Decode;
}

/** A response as expressions read it; header names in lower case. */
export interface ResponseParts {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  body: unknown;
}

/** Puts a value into a request; gives a changed copy, the original stays as it is. */
export type Target = (request: RequestParts, value: unknown) => RequestParts;

/** `query.page.after` as a function. Objects on the way are made when missing. */
export function compileTarget(target: string): Target {
  const path = target.split(".");
  return (request, value) => put(request, path, 0, value) as unknown as RequestParts;
}

function put(container: unknown, path: readonly string[], depth: number, value: unknown): Record<string, unknown> {
  const name = path[depth]!;
  const copy: Record<string, unknown> = isObject(container) ? { ...container } : {};
  copy[name] = depth === path.length - 1 ? value : put(copy[name], path, depth + 1, value);
  return copy;
}
