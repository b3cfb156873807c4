import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subject } from "./bench.ts";
import { Forge } from "./forge.ts";
import { expiries } from "./listing.ts";
import { answerWith, merge } from "./invert.ts";
import { Finding, Skip, type Case } from "./outcome.ts";
import type { Reply } from "./server.ts";
import { kitTrigger, samplesOf, StreamBench, withUnknownField } from "./stream-bench.ts";

type Run = (s: StreamBench) => Promise<void>;

const VERSION = "check records.primaryKey, versionKey and fingerprint";
const PAGES = "check pagination";
const ONCE = "a second poll tells nothing again; check records.versionKey and fingerprint";

/** The situations every stream is put into; see the names. */
export function streamCases(subject: Subject, name: string): Case[] {
  const area = `stream ${name}`;
  const inBench = (run: Run) => async () => {
    await using s = await StreamBench.open(subject, name);
    await run(s);
  };
  const made = Object.entries(CASES).map(([title, run]) => ({ area, name: title, run: inBench(run) }));
  const endings = subject.connector.streams.get(name)!.cursor.definition.type;
  const expired = endings === "syncToken" || endings === "sequence" ? expiredCases(subject) : [];
  return [
    { area, name: "samples fit the stream", run: async () => samplesFit(subject, name) },
    ...made,
    ...expired.map(([title, run]) => ({ area, name: title, run: inBench(run) })),
    { area, name: "kill and restart between pages", run: () => killed(subject, name) },
  ];
}

async function samplesFit(subject: Subject, name: string): Promise<void> {
  const stream = subject.connector.streams.get(name)!;
  const samples = samplesOf(subject, name);
  if (samples.length === 0) throw new Skip("no trigger of the stream has a sample");
  const forge = new Forge(
    stream,
    samples.map(({ sample }) => sample),
  );
  const faults = samples.flatMap(({ trigger, sample }) => {
    const mapped = stream.deleted?.(sample) ? {} : stream.resource?.map(sample);
    const unmapped = stream.resource && mapped === undefined ? ["gives no object in resource.map; correct it"] : [];
    const on = subject.connector.triggers.get(trigger)!.on;
    const unmarked =
      on === "deleted" && stream.deleted?.(sample) === false
        ? ["is of a deletion, and the stream's deleted does not hold for it; correct one of them"]
        : [];
    return [...forge.faultsOf(sample), ...unmapped, ...unmarked].map((fault) => `the sample of ${trigger} ${fault}`);
  });
  if (faults.length > 0) throw new Finding(faults.join("; "));
}

const CASES: Record<string, Run> = {
  "a created record is told once": async (s) => {
    many(s);
    await s.begin(2);
    const key = s.listing.create();
    await s.expect([`created ${key}`], VERSION);
    await s.expect([], ONCE);
  },
  "an updated record is told once": async (s) => {
    const [key] = await s.begin(2);
    if (!s.tellsUpdates) throw new Skip("the version is the key: updates do not count");
    await s.expect(s.alter(key), VERSION);
    await s.expect([], ONCE, 2);
  },
  "a deleted record is told once": async (s) => {
    many(s);
    if (!tellsDeletions(s)) throw new Skip("the manifest does not promise to tell deletions");
    const [key] = await s.begin(2);
    s.listing.remove(key!);
    await s.expect(
      [`deleted ${key}`],
      "say in the stream's deleted how the vendor marks what is gone, or drop the trigger on deleted",
    );
    await s.expect([], ONCE);
  },
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
    const keys = Array.from({ length: 5 }, () => s.listing.create());
    await s.bench.subscribe(kitTrigger(s.stream.name), { firstPoll: "emitAll" });
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
  "the same record twice in a list": async (s) => {
    many(s);
    const [key] = await s.begin(2);
    s.listing.repeats = true;
    await s.expect([...s.alter(key), `created ${s.listing.create()}`], VERSION);
    await s.expect([], ONCE);
  },
  "tied times over a page boundary": async (s) => {
    timed(s);
    await s.begin(1);
    const time = s.bench.clock.now() + 30_000;
    const keys = Array.from({ length: 5 }, () => s.listing.create({ time }));
    await s.expect(
      keys.map((key) => `created ${key}`),
      "order by time and id together; check cursor and pagination",
    );
    const late = s.listing.create({ time });
    await s.expect([`created ${late}`], "read again from the newest time inclusively, or go on by time and id");
  },
  "a record shown late, within overlap and settle": async (s) => {
    const reach = timed(s);
    if (reach === 0)
      throw new Skip("the cursor has neither overlapSeconds nor settleSeconds: what the vendor shows late is missed");
    await s.begin(1);
    const polled = s.bench.clock.now() + 60_000;
    const late = s.listing.create({ time: polled - (reach * 1000) / 2, shownFrom: polled + 1 });
    const prompt = s.listing.create({ time: polled });
    await s.expect([`created ${prompt}`], "check cursor.from");
    await s.expect([`created ${late}`], "check cursor.to and its format");
  },
  "an update with an earlier time": async (s) => {
    const [key] = await s.begin(2);
    const overlap = overlapOf(s);
    if (!s.tellsUpdates) throw new Skip("the version is the key: updates do not count");
    if (overlap === 0)
      throw new Skip("the cursor has no overlapSeconds: the vendor's list does not show such an update");
    const newest = Math.max(...[...s.listing.entries.values()].map(({ time }) => time));
    s.listing.update(key!, { time: newest - Math.min(overlap * 500, 3_600_000) });
    await s.expect([`updated ${key}`], VERSION);
    await s.expect([], ONCE, 3);
  },
  "the next read goes on from the cursor": async (s) => {
    const cursor = s.stream.definition.cursor;
    if (cursor.type === "snapshot" || cursor.type === "window") throw new Skip(`a ${cursor.type} has no cursor`);
    s.listing.decoys = true;
    const [key] = await s.begin(5);
    s.bench.server.requests.length = 0;
    await s.expect(s.alter(key), "check cursor.from and cursor.to");
    const [sent] = s.sent([cursor.to].flat()[0]!);
    if (sent === undefined)
      throw new Finding(`the second read was asked without ${String(cursor.to)}; check cursor.from`);
    if (sent === "cursor-0") throw new Finding("the cursor of an earlier page was used; only the last page's counts");
  },
  "a page that names itself as the next": async (s) => {
    const type = severalPages(s);
    if (type === "page" || type === "offset") throw new Skip("pages are counted, none names the next");
    s.alter(...(await s.begin(5)));
    const pages = s.stuck();
    await s.bench.poll();
    const error = await s.lastError();
    if (error?.code !== "pagination_loop")
      throw new Finding(
        `${pages()} pages were asked for and the poll ended with ${error?.code ?? "success"}; ${PAGES}`,
      );
    s.bench.server.faults.length = 0;
    await s.bench.poll();
    await s.assertPolled();
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
  "an empty list": async (s) => {
    many(s);
    await s.begin(0);
    const key = s.listing.create();
    await s.expect([`created ${key}`], VERSION);
  },
  "an access token that ends while pages are read": async (s) => {
    const { server } = s.bench;
    if (!usesOAuth(s)) throw new Skip("the connection does not use OAuth");
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
  "fields the manifest does not know": async (s) => {
    many(s);
    await s.begin(1);
    const key = s.listing.create({ edit: withUnknownField });
    const [event] = await s.expect([`created ${key}`], VERSION);
    const { record } = event!.data as { record: { hooklineKitUnknown?: unknown } };
    if (record.hooklineKitUnknown === undefined) throw new Finding("an unknown field is missing in the event's record");
  },
};

function expiredCases({ connector }: Subject): [string, Run][] {
  const found = expiries(connector.manifest);
  if (found.length === 0) {
    return [
      [
        "an expired cursor",
        async () => {
          throw new Finding(
            "no matcher of class cursorExpired applies to streams: an expired cursor would fail forever; add it to errors",
          );
        },
      ],
    ];
  }
  return found.map(({ name, reply }) => [`an expired cursor (${name})`, (s) => expired(s, reply)]);
}

async function expired(s: StreamBench, reply: Reply | undefined): Promise<void> {
  if (!reply)
    throw new Skip("not testable from the manifest: no answer can be made for which the matcher's condition holds");
  const { type } = s.stream.cursor.definition;
  const [first, second, third] = await s.begin(5);
  const created = s.listing.create();
  s.listing.update(second!);
  if (type === "syncToken") s.listing.remove(third!);
  s.listing.expire(reply);
  const listed = type === "syncToken" || s.stream.cursor.recover !== undefined;
  const told = [`created ${created}`, `updated ${second}`, ...(type === "syncToken" ? [`deleted ${third}`] : [])];
  await s.expect(
    listed ? told : [],
    "the matcher stands behind one that takes the same answer, or a recover is missing",
  );
  s.listing.update(first!);
  await s.expect([`updated ${first}`], "the new cursor is not taken; check cursor.from");
}

async function killed(subject: Subject, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hookline-kit-"));
  try {
    await using s = await StreamBench.open(subject, name, { store: `sqlite:${join(folder, "kit.db")}` });
    severalPages(s);
    const altered = s.alter(...(await s.begin(5)));
    const reached = Promise.withResolvers<void>();
    s.atPage(2, () => {
      reached.resolve();
      return "hang";
    });
    const polling = s.bench.poll();
    await Promise.race([reached.promise, polling]);
    const events = await s.bench.crash(polling);
    await s.assertPolled();
    s.bench.server.faults.length = 0;
    events.push(...(await s.bench.poll()));
    await s.assertPolled();
    s.compare(events, altered, PAGES);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function many(s: StreamBench): void {
  if (s.single) throw new Skip("the stream is one record");
}

function severalPages(s: StreamBench): string {
  many(s);
  if (s.listing.onePage !== undefined) throw new Skip(s.listing.onePage);
  return s.stream.pagination.definition.type;
}

/** Seconds that a time cursor looks back and waits. */
function timed(s: StreamBench): number {
  const { cursor } = s.stream.definition;
  if (cursor.type !== "updatedSince" && cursor.type !== "keyset") throw new Skip("the cursor is not a time");
  return (cursor.overlapSeconds ?? 0) + (cursor.settleSeconds ?? 0);
}

function overlapOf(s: StreamBench): number {
  const { cursor } = s.stream.definition;
  return cursor.type === "updatedSince" || cursor.type === "keyset" ? (cursor.overlapSeconds ?? 0) : Infinity;
}

function tellsDeletions(s: StreamBench): boolean {
  const { definition, name } = s.stream;
  const promised = [...s.bench.subject.connector.triggers.values()].some(
    (trigger) => trigger.stream === name && trigger.on === "deleted",
  );
  return promised || definition.deleted !== undefined || definition.cursor.type === "snapshot";
}

function usesOAuth(s: StreamBench): boolean {
  return s.bench.subject.connector.authentication.has("oauth2");
}
