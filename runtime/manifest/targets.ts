import type { Decode, Encode } from "../../schemas/manifest.ts";
import { isObject, pointerTokens } from "../core/json.ts";

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

/** The names on the way to a target, the part of the request first: of `query.page.after` or `body#/filters/0/value`. */
export function targetPath(target: string): [part: string, ...names: string[]] {
  const [part, pointer] = target.split(/#(.*)/s) as [string, string?];
  return pointer === undefined ? (target.split(".") as [string]) : [part, ...pointerTokens(pointer)];
}

/** A target as a function. What is missing on the way is made. */
export function compileTarget(target: string): Target {
  const path = targetPath(target);
  return (request, value) => put(request, path, value) as RequestParts;
}

function put(container: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  if (Array.isArray(container)) return container.toSpliced(Number(name), 1, put(container[Number(name)], rest, value));
  const copy: Record<string, unknown> = isObject(container) ? { ...container } : {};
  copy[name] = put(copy[name], rest, value);
  return copy;
}
