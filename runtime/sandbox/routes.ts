import type { RequestHandler } from "express";
import type { FaultBoard } from "./faults.ts";
import type { Route } from "./route.ts";

/** How often each method was called since the start or the last reset; `unknown` counts paths that nothing serves. */
export class RequestLog {
  #counts = new Map<string, number>();

  count(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  get(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  reset(): void {
    this.#counts.clear();
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

/** Serves a table of routes; every request is counted, and meets the faults that are set, before its route sees it. */
export function serveRoutes(routes: readonly Route[], faults: FaultBoard, requests: RequestLog): RequestHandler {
  const table = routes.map((route) => ({ route, pattern: pathPattern(route.path) }));
  return async (request, response, next) => {
    const path = decodedPath(request.path);
    for (const { route, pattern } of table) {
      const match = route.method === request.method ? pattern.exec(path) : null;
      if (!match) continue;
      requests.count(route.id);
      if (await faults.strike(route, request, response)) return;
      await route.handle(request, response, match.groups ?? {});
      return;
    }
    requests.count("unknown");
    next();
  };
}

function pathPattern(path: string): RegExp {
  const literal = path.replaceAll(/[.$]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/:]+)")}$`);
}

/** Clients may escape the colon and slashes of resource names. */
function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
