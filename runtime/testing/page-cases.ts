import { answerWith, merge } from "./invert.ts";
import { Finding, Skip } from "./outcome.ts";
import type { Reply } from "./server.ts";
import { many, ONCE, PAGES, severalPages, type Run } from "./situations.ts";
import { kitTrigger } from "./stream-bench.ts";

/** Lists of several pages. See the names. */
export const PAGE_CASES: Record<string, Run> = {
  "every page is read": async (s) => {
    many(s);
    const { pagination, request } = s.stream.definition;
    const size = /\b(max_?results|page_?size|per_?page|limit)"\s*:/i.exec(JSON.stringify(request))?.[1];
    if (size !== undefined && (pagination?.type ?? "none") === "none") {
      throw new Finding(
        `the request limits the answer by ${size}, and nothing says how to ask for the rest; add pagination`,
      );
    }
    severalPages(s);
    // A sequence that lists changes alone has nothing to tell of what was there before.
    const { type } = s.stream.definition.cursor;
    const isOfChanges = type === "sequence" && s.stream.cursor.recover === undefined;
    if (isOfChanges) await s.begin(0);
    const keys = Array.from({ length: 5 }, () => s.listing.create());
    if (!isOfChanges) await s.bench.subscribe(kitTrigger(s.stream.name), { firstPoll: "emitAll" });
    await s.expect(
      keys.map((key) => `created ${key}`),
      PAGES,
    );
    await s.expect([], ONCE);
  },
  "a record inserted between pages": async (s) => {
    severalPages(s);
    const keys = await s.begin(5);
    const altered = s.alter(...keys.slice(1));
    let inserted = "";
    s.atPage(2, () => void (inserted = s.listing.create()));
    const events = await s.bench.poll();
    await s.assertPolled();
    events.push(...(await s.bench.poll()));
    await s.assertPolled();
    s.compare(events, [...altered, `created ${inserted}`], PAGES);
  },
  "a next page on another host": async (s) => {
    const { definition } = s.stream.pagination;
    if (definition.type !== "link") throw new Skip("the next page is not given as a link");
    s.alter(...(await s.begin(5)));
    const url = "https://elsewhere.example/next";
    const link =
      definition.from === undefined ? { headers: { link: `<${url}>; rel="next"` } } : answerWith(definition.from, url);
    const { answer } = s.bench.server;
    s.bench.server.answer = (request) => merge(answer(request), link) as Reply;
    await s.bench.poll();
    const error = await s.lastError();
    if (error?.code !== "host_not_allowed")
      throw new Finding(`a link to another host ended with ${error?.code ?? "success"}`);
  },
};
