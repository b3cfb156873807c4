import { isObject } from "../../runtime/core/json.ts";

/** Methods that a manifest names and the client library does not have. */
export function missingMethods(manifest: object, client: object): string[] {
  return [...new Set(methodsIn(manifest))].filter((method) => {
    const found = method.split(".").reduce<unknown>((part, name) => (part as Record<string, unknown>)?.[name], client);
    return typeof found !== "function";
  });
}

/** Every `method` of a request, wherever it stands. */
function methodsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(methodsIn);
  if (!isObject(value)) return [];
  const own = typeof value["method"] === "string" ? [value["method"]] : [];
  return [...own, ...Object.values(value).flatMap(methodsIn)];
}
