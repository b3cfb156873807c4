import operations from "./operations.json" with { type: "json" };
import type { Route } from "../route.ts";

/** What HighLevel documents of one operation, where it errs put right: how it is asked, and by whom. */
export interface Operation {
  /** HighLevel's own name of it. */
  id: string;
  method: Route["method"];
  path: string;
  /** The `Version` header it is documented under. */
  version: string;
  scopes: readonly string[];
  /** Whose tokens it takes. */
  token: readonly ("Agency" | "Location")[];
  /** Values a part of the path can have. */
  pathEnums?: Readonly<Record<string, readonly string[]>>;
  query?: Readonly<Record<string, { required?: boolean; type?: string; enum?: readonly string[]; maximum?: number }>>;
  /** JSON Schema. */
  body?: object;
}

/** Those with fewer `{…}` in their paths first: `/calendars/groups` is no calendar's id. */
export const OPERATIONS: readonly Operation[] = (operations as unknown as Operation[]).toSorted(
  (a, b) => a.path.split("{").length - b.path.split("{").length,
);
