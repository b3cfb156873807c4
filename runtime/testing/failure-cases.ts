import { hasTokens } from "./bench.ts";
import { Finding, Skip } from "./outcome.ts";
import { VERSION, type Run } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Requests that fail and may be sent again. See the names. */
export const FAILURE_CASES: Record<string, Run> = {
  "429 with Retry-After": async (s) => {
    const altered = s.alter((await s.begin(2))[0]);
    const { server } = s.bench;
    server.requests.length = 0;
    server.fail({
      status: 429,
      headers: { "retry-after": "120" },
      body: { error: { code: 429, message: "Too many requests" } },
    });
    s.compare(await s.bench.poll(), [], "nothing was answered");
    const error = await s.lastError();
    if (error?.code !== "rate_limited" && error?.code !== "quota_exceeded")
      throw new Finding(`429 counts as ${error?.code}; give errors a matcher of class rateLimited`);
    s.compare(await s.bench.poll(), [], "nothing was answered");
    if (server.requests.length > 1)
      throw new Finding("a request was sent before Retry-After had passed; check retryAfter in errors");
    await s.expect(altered, VERSION);
  },
  "500 and 503, then an answer": async (s) => {
    const altered = s.alter((await s.begin(2))[0]);
    s.bench.server.fail({ status: 500 });
    s.bench.server.fail({ status: 503 });
    await s.expect(altered, "check the matchers in errors");
  },
  "an answer that is cut off": async (s) => {
    const { request } = s.stream.definition;
    if ("answer" in request && request.answer !== undefined && request.answer !== "json")
      throw new Skip(`any ${request.answer} is an answer`);
    const altered = s.alter((await s.begin(2))[0]);
    s.bench.server.fail({ text: '{"a": [{"b": 1}, {"b' }, 4);
    s.compare(await s.bench.poll(), [], "a broken answer is no empty list");
    await s.expect(altered, VERSION);
  },
  "an access token that ends while pages are read": async (s) => {
    const { server } = s.bench;
    if (!usesTokens(s)) throw new Skip("the connection has no token that ends");
    const altered = s.alter(...(await s.begin(5)));
    s.atPage(1, () => {
      server.endAccess();
      return undefined;
    });
    const events = await s.bench.poll();
    if (s.listing.onePage !== undefined) events.push(...(await s.bench.poll()));
    await s.assertPolled();
    s.compare(events, altered, "check the matchers of 401 in errors");
    if (server.grants.length !== 1)
      throw new Finding(`${server.grants.length} token requests for one 401; check authExpired in errors`);
  },
};

function usesTokens(s: StreamBench): boolean {
  return [...s.bench.subject.connector.authentication.keys()].some(hasTokens);
}
