import { HooklineError } from "../core/errors.ts";

/** Pages of one poll, unless the manifest says otherwise. */
export const MOST_PAGES = 1000;

/** Pages without records may come between others, but not for ever. */
export function endlessPages(count: number): HooklineError {
  return new HooklineError(
    "pagination_loop",
    `The vendor gave ${count} pages in a row without a record, and names a further one; correct the pagination in the manifest, or its stop`,
  );
}
