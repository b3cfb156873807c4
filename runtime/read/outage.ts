import type { ErrorClass } from "../../schemas/manifest.ts";
import { errorClass } from "../vendor/errors.ts";

/** So many requests in a row that fail with an error that passes are an outage of the vendor's, who is not asked on then. */
export const OUTAGE_AFTER = 10;
/** Errors that pass. */
const PASSING: ReadonlySet<ErrorClass> = new Set(["serverError", "network", "timeout"]);

/** Tells from the errors in a row whether it is one thing that cannot be had, or the vendor that is down. */
export class OutageCount {
  #inRow = 0;

  /** The vendor has answered a request. */
  answered(): void {
    this.#inRow = 0;
  }

  /** Takes note of an error, and tells whether it is one of an outage. */
  failed(error: unknown): boolean {
    this.#inRow = PASSING.has(errorClass(error)) ? this.#inRow + 1 : 0;
    return this.#inRow >= OUTAGE_AFTER;
  }
}
