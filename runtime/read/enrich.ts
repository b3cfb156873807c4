import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { CompiledEnrich } from "../manifest/connector.ts";
import type { RecordFailure } from "../model/quarantine.ts";
import { unexpectedAnswer } from "../manifest/select.ts";
import type { ErrorClass } from "../../schemas/manifest.ts";
import { errorClass } from "../vendor/errors.ts";
import type { Source } from "./fetch.ts";
import { OutageCount } from "./outage.ts";

/** What came of one more request for a record. */
export type Enriched =
  | { kind: "had"; record: unknown }
  /** It was deleted since it was listed, which says nothing about the list. */
  | { kind: "gone" }
  /** This record cannot be had; others may be. */
  | { kind: "failed"; error: Error };

/** What came of the records, in their order; undefined for those that were not asked for any more. */
export interface EnrichedRecords {
  outcomes: readonly (Enriched | undefined)[];
  /** An error that concerns all records, after which no further one was asked for. */
  stopped: Error | undefined;
}

/** To ask for the next record would end alike. */
const CONCERNS_ALL: ReadonlySet<ErrorClass> = new Set([
  "rateLimited",
  "quotaExceeded",
  "authExpired",
  "authRevoked",
  "scopeMissing",
]);
/** Errors without any answer: nothing is known yet of the record, nor of the vendor. */
const UNANSWERED: ReadonlySet<ErrorClass> = new Set(["network", "timeout"]);

/** Whether an error is no record's fault. */
export const concernsAll = (error: Error): boolean => CONCERNS_ALL.has(errorClass(error));

/** Sends the request that a stream declares for each record, for all the records of one poll. */
export class Enricher {
  readonly #source: Source;
  readonly #enrich: CompiledEnrich;
  readonly #outage = new OutageCount();
  #hasAnswer = false;

  constructor(source: Source, enrich: CompiledEnrich) {
    this.#source = source;
    this.#enrich = enrich;
  }

  /** Whether the vendor has answered any of the requests so far, be it with an error. */
  get hasAnswer(): boolean {
    return this.#hasAnswer;
  }

  /** Asks for records, several at once, until an error concerns them all, or the vendor is down. Never rejects. */
  async all(records: readonly unknown[]): Promise<EnrichedRecords> {
    const outcomes = Array.from<Enriched | undefined>({ length: records.length });
    let stopped: Error | undefined;
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < records.length && !stopped; i = next++) {
        try {
          outcomes[i] = await this.#one(records[i]);
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          const kind = errorClass(error);
          if (this.#source.signal.aborted || concernsAll(error)) {
            stopped ??= error;
            return;
          }
          if (!UNANSWERED.has(kind)) this.#hasAnswer = true;
          outcomes[i] = kind === "notFound" ? { kind: "gone" } : { kind: "failed", error };
          if (this.#outage.failed(error)) stopped ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#enrich.concurrency, records.length) }, worker));
    return { outcomes, stopped };
  }

  async #one(record: unknown): Promise<Enriched> {
    const { request, when, select, into } = this.#enrich;
    if (when && !when(record)) return { kind: "had", record };
    const { client, operation, signal, scope } = this.#source;
    const response = await client.send(request({ ...scope, record }), {
      scope: "enrich",
      kind: "read",
      operation,
      signal,
    });
    this.#hasAnswer = true;
    this.#outage.answered();
    const found = select(response);
    const { body } = response;
    const isError = isObject(body) && isObject(body["error"]);
    if (found === undefined || found === null || isError) {
      const what = isError ? "an error instead of the record" : "nothing of the record";
      throw unexpectedAnswer(response, what, ["enrich.select"]);
    }
    return {
      kind: "had",
      record: into === undefined ? found : { ...(isObject(record) ? record : {}), [into]: found },
    };
  }
}

/** A record that was listed, and left out of an answer because it cannot be had. */
export interface LeftOut {
  /** The record as it was listed. */
  listed: unknown;
  error: Error;
}

/**
 * Records after one more request for each, in their order, and those that cannot be had. Those that are gone by then are in neither.
 * @throws VendorError
 * @throws HooklineError what a request throws that concerns all records
 */
export async function enrichAll(
  source: Source,
  enrich: CompiledEnrich,
  records: readonly unknown[],
): Promise<{ records: unknown[]; leftOut: LeftOut[] }> {
  const { outcomes, stopped } = await new Enricher(source, enrich).all(records);
  if (stopped) throw stopped;
  const leftOut = outcomes.flatMap((outcome, i) =>
    outcome?.kind === "failed" ? [{ listed: records[i], error: outcome.error }] : [],
  );
  return { records: outcomes.flatMap((outcome) => (outcome?.kind === "had" ? [outcome.record] : [])), leftOut };
}

/** A record as it was listed, marked as lacking what one more request would have added. */
export function withoutEnrichment(record: unknown, { code, message }: { code: string; message: string }): unknown {
  return { ...(isObject(record) ? record : {}), enrichmentError: { code, message } };
}

/** How an error is told: its code, and its message where that is for people. */
export function describeFailure(error: Error): RecordFailure {
  if (error instanceof HooklineError) return { code: error.code, message: error.message };
  return { code: "internal", message: "The record could not be read" };
}
