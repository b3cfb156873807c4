import type { Pagination, Stop, Target } from "../../schemas/manifest.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { HooklineError } from "../core/errors.ts";
import type { CompiledPagination } from "../manifest/compile-reads.ts";
import type { KeysetState, PageState } from "../model/streams.ts";
import { shortHash } from "./records.ts";

/** A value put into a place of the request. */
export type Assignment = readonly [target: Target, value: unknown];

/** An answer, and what it lists. */
export interface Page {
  response: VendorResponse;
  /** As the vendor sent them, before enrichment. */
  records: readonly unknown[];
}

/** Walks the pages of one read; the same page twice is an error, never a loop. */
export class Paginator {
  readonly #pagination: Pagination;
  readonly #compiled: CompiledPagination;
  readonly #seen = new Set<string>();
  /** Hashes of what each page listed. */
  readonly #listed = new Set<string>();
  readonly #digests: boolean;

  /** `last`: the digest of the page before, for a read that continues. */
  constructor(compiled: CompiledPagination, last?: string) {
    this.#pagination = compiled.definition;
    this.#compiled = compiled;
    // Pages that step back show records twice on purpose.
    this.#digests = !("stepBack" in compiled.definition && compiled.definition.stepBack !== undefined);
    if (last !== undefined) this.#listed.add(last);
  }

  /**
   * Takes note of what a page lists, by the ids of its records; gives a digest of it.
   * @throws HooklineError `pagination_loop` when an earlier page listed just that: the vendor ignores where a page is to begin
   */
  digest(ids: readonly string[]): string | undefined {
    if (ids.length === 0 || !this.#digests) return undefined;
    const digest = shortHash(ids.toSorted(byText).join("\n"));
    if (this.#listed.has(digest)) {
      const place = "to" in this.#pagination ? [this.#pagination.to].flat().join(", ") : "the link to the next page";
      throw new HooklineError(
        "pagination_loop",
        `Two pages list the same ${ids.length} records, so the vendor ignores ${place}; correct the pagination in the manifest. Nothing was taken for deleted`,
      );
    }
    this.#listed.add(digest);
    return digest;
  }

  /** What the request for this page needs; a `url` takes the place of the whole address. */
  request(state: PageState): { assignments: Assignment[]; url?: string } {
    const p = this.#pagination;
    if (p.type === "none") return { assignments: [] };
    const assignments: Assignment[] = [];
    if ("pageSize" in p && p.pageSize) assignments.push([p.pageSize.param, sizeOf(state) ?? p.pageSize.value]);
    if (p.type === "page") assignments.push([p.to, state && "number" in state ? state.number : (p.start ?? 1)]);
    if (p.type === "offset") assignments.push([p.to, state && "number" in state ? state.number : (p.start ?? 0)]);
    if (p.type === "token" && state && "token" in state) assignments.push([p.to, state.token]);
    if (p.type === "keyset" && state && "values" in state) assignments.push(...placeValues(p.to, state.values));
    if (p.type === "link" && state && "url" in state) return { assignments: [], url: state.url };
    return { assignments };
  }

  /**
   * The page after this one, or null when it was the last.
   * @throws HooklineError `pagination_loop` when the vendor names a page that was read already
   */
  next(state: PageState, page: Page): PageState {
    const isWider = sizeOf(state) !== undefined;
    // A wider page may be short because the vendor gives no wider ones.
    const next = isWider && page.records.length > 0 ? this.#after(state, page) : this.#following(state, page);
    if (next === null) return null;
    const key = JSON.stringify(next);
    if (this.#seen.has(key) || key === JSON.stringify(state)) {
      throw new HooklineError("pagination_loop", `The vendor named the same next page twice: ${key.slice(0, 200)}`);
    }
    this.#seen.add(key);
    return next;
  }

  #following(state: PageState, page: Page): PageState {
    const p = this.#pagination;
    return p.type === "none" || this.#stops(page) ? null : this.#after(state, page);
  }

  #after(state: PageState, page: Page): PageState {
    const p = this.#pagination;
    switch (p.type) {
      case "none":
        return null;
      case "token": {
        const token = this.#compiled.from[0]!({ response: page.response, lastRecord: page.records.at(-1) });
        return token === undefined || token === null || token === "" ? null : { token: String(token) };
      }
      case "link": {
        const given = p.from
          ? this.#compiled.from[0]!({ response: page.response, lastRecord: page.records.at(-1) })
          : nextLink(page.response.headers.link);
        return typeof given === "string" && given !== "" ? { url: sameOrigin(given, page.response.url) } : null;
      }
      case "page":
        return { number: (state && "number" in state ? state.number : (p.start ?? 1)) + 1 };
      case "offset":
        return { number: (state && "number" in state ? state.number : (p.start ?? 0)) + page.records.length };
      case "keyset": {
        const valuesOf = (lastRecord: unknown): unknown[] =>
          this.#compiled.from.map((from) => from({ response: page.response, lastRecord }));
        // A record without them ends no list: the page goes on after the one before it.
        const given = page.records.map(valuesOf).filter((all) => all.every((value) => (value ?? null) !== null));
        const values = given.at(-1);
        if (values === undefined) return null;
        if (p.stepBack === undefined) return { values };
        const began = state && "values" in state ? state : undefined;
        // A page that reaches further back than it was to begin comes from a vendor that ignores the place.
        if (began && given.some(([first]) => Number(first) <= Number(began.values[0]))) return { values };
        return steppedBack(values, { ...p, stepBack: p.stepBack }, began, page.records.length);
      }
    }
  }

  /** The place behind a page that was asked for with more records than the manifest says, and refused; undefined for any other. */
  refused(state: PageState): PageState | undefined {
    const p = this.#pagination;
    if (p.type !== "keyset" || p.stepBack === undefined || !state || !("size" in state)) return undefined;
    const [first, ...rest] = state.values;
    return { values: [Number(first) + p.stepBack, ...rest], isPastTies: true };
  }

  #stops(page: Page): boolean {
    const p = this.#pagination;
    if (p.type === "none") return true;
    const stop: Stop = p.stop ?? (p.type === "token" || p.type === "link" ? "missing" : "empty");
    if (typeof stop === "object") {
      return this.#compiled.stopWhen!(page.response);
    }
    if (stop === "empty") return page.records.length === 0;
    if (stop === "short") return page.records.length < (p.pageSize?.value ?? 1);
    return false;
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Records that a page is asked for at most when more of them have one value than a page holds. */
export const WIDEST_PAGE = 640;

const sizeOf = (state: PageState): number | undefined => (state && "size" in state ? state.size : undefined);

/**
 * A little before the values, unless the page itself began there, and so holds nothing but one value: a full one is asked for again
 * with twice as many records. Where that is of no use, nothing but going on leads out of it.
 */
function steppedBack(
  values: readonly unknown[],
  { stepBack, pageSize }: { stepBack: number; pageSize?: { value: number } | undefined },
  began: KeysetState | undefined,
  found: number,
): KeysetState {
  const [first, ...rest] = values;
  const back = Number(first) - stepBack;
  if (began === undefined || back > Number(began.values[0])) return { values: [back, ...rest] };
  const size = began.size ?? pageSize?.value;
  const isFull = size === undefined || found >= size;
  if (isFull && size !== undefined && size < WIDEST_PAGE)
    return { values: began.values, size: Math.min(size * 2, WIDEST_PAGE) };
  // A wider page that is not full may be all that the vendor gives.
  return { values: [...values], ...((isFull || began.size !== undefined) && { isPastTies: true }) };
}

/** Several values for one place become a list; for as many places, one each. */
export function placeValues(to: Target | Target[], values: readonly unknown[]): Assignment[] {
  if (!Array.isArray(to)) return [[to, values.length === 1 ? values[0] : values]];
  return to.map((target, i) => [target, values[i]] as const).filter(([, value]) => value !== undefined);
}

/** The target of `rel="next"` in a Link header (RFC 8288). */
function nextLink(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  for (const [, target, params] of text.matchAll(/<([^>]*)>((?:\s*;\s*[^;,"]+(?:"[^"]*")?)*)/g)) {
    if (/;\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)/i.test(params!)) return target;
  }
  return undefined;
}

/** A link to another host would carry the account's token there. */
function sameOrigin(link: string, from: string): string {
  const url = new URL(link, from);
  if (url.origin !== new URL(from).origin) {
    throw new HooklineError(
      "host_not_allowed",
      `The vendor's next page is on another host (${url.origin}); only ${new URL(from).origin} is followed`,
    );
  }
  return url.href;
}
