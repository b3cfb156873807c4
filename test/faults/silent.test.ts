import { setImmediate as nextTurn } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import type { SubscriptionHealth } from "../../runtime/poll/health.ts";
import type { Database } from "../../runtime/store/database.ts";
import { soon } from "../fixtures/wait.ts";
import { createBench, type Bench } from "../poll/harness.ts";
import { vendorManifest } from "../poll/vendor.ts";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Of the subscription under test. */
const INTERVAL = 5 * MINUTE;
/** How long after its time a stall is found at the latest: the watch looks every five minutes. */
const WATCH = 5 * MINUTE;
const STEP = INTERVAL / 2;
const YEAR = 365 * DAY;

type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;
type Answer = (response: ServerResponse) => void;

let bench: Bench;
/** Takes the fault away again. */
let mend: () => Promise<void> | void = () => {};
afterEach(async () => {
  await mend();
  mend = () => {};
  await bench[Symbol.asyncDispose]();
});

/** A subscription that has been read once, and from now on meets something that keeps it from being read. */
async function watched(trigger: string): Promise<{ subscription: string; since: number }> {
  const manifest = vendorManifest() as { errors: object[]; streams: Record<string, { pagination: object }> };
  manifest.errors.push({ class: "authRevoked", status: [401] }, { class: "quotaExceeded", status: [402] });
  const { sync } = manifest.streams;
  sync!.pagination = { ...sync!.pagination, maxPages: 2 };
  bench = await createBench({ manifest, before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)) });
  const subscription = await bench.subscribe(trigger, { everySeconds: INTERVAL / 1000 });
  const { lastSuccessAt } = await bench.streamOf(subscription);
  await bench.events();
  return { subscription, since: lastSuccessAt! };
}

/** Has the vendor answer everything so. */
function always(answer: Answer): void {
  const { faults } = bench.vendor;
  const fault: Fault = (_request, response) => {
    faults.push(fault);
    answer(response);
    return true;
  };
  faults.push(fault);
  mend = () => void faults.splice(0);
}

const answers =
  (status: number, body: unknown): Answer =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

/** Lets time pass step by step, and each poll end in its step, unless one of them hangs. */
async function pass(until: number, hangs = false): Promise<void> {
  const { clock, runtime } = bench;
  while (clock.now() < until) {
    clock.set(Math.min(until, clock.now() + STEP));
    if (!hangs) await bench.settle();
    for (let turn = hangs ? 0 : 3; turn < 3; turn++) {
      await (runtime.engine as JobEngine).tick();
      await nextTurn();
    }
  }
}

const health = (subscription: string): Promise<SubscriptionHealth> => bench.runtime.subscriptions.health(subscription);

const told = async (): Promise<{ type: string; data: { code?: string; reason: string } }[]> => {
  const rows = await bench.runtime.db.all<{ type: string; data: string }>(
    "select type, data from events where type like 'subscription.%' or type like 'connection.%' order by position",
  );
  return rows
    .map(({ type, data }) => ({ type, data: JSON.parse(data) as { code?: string; reason: string } }))
    .filter(({ type }) => type !== "connection.active");
};

interface Stall {
  cause: string;
  code: string;
  reason?: RegExp;
  /** Whether its poll has no end. */
  hangs?: true;
  inject: () => unknown;
}

const db = (): Database => bench.runtime.db;
let tokens = 0;

const stalls: Stall[] = [
  {
    cause: "a vendor that never answers",
    code: "poll_overdue",
    hangs: true,
    reason: /The poll that was due at .* has not ended/,
    inject() {
      const open: ServerResponse[] = [];
      always((response) => void open.push(response));
      mend = () => {
        bench.vendor.faults.length = 0;
        for (const response of open) answers(503, {})(response);
      };
    },
  },
  {
    cause: "a list that never ends and brings nothing new",
    code: "pagination_loop",
    reason: /pages in a row without a record/,
    inject: () => always((response) => answers(200, { items: [], page: `t${tokens++}` })(response)),
  },
  {
    cause: "a quota that is used up",
    code: "quota_exceeded",
    inject: () => always(answers(402, { error: "daily limit" })),
  },
  {
    cause: "a vendor that always asks to wait for a minute",
    code: "rate_limited",
    inject: () =>
      always((response) => {
        response.setHeader("retry-after", "60");
        answers(429, { error: "slow down" })(response);
      }),
  },
  {
    cause: "a cursor, and its replacement, that are refused in unknown words",
    code: "vendor_error",
    inject: () => always(answers(400, { error: "no such thing" })),
  },
  {
    cause: "a record that the vendor cannot give",
    code: "vendor_error",
    inject: () => always(answers(403, { error: "this page holds something odd" })),
  },
  {
    cause: "an answer without its list",
    code: "unexpected_answer",
    inject: () => always(answers(200, { maintenance: true })),
  },
  {
    cause: "a lease that another process has and does not use",
    code: "poll_overdue",
    hangs: true,
    inject: async () => {
      await db().run("update jobs set claimed_by = 'ghost' where queue = 'poll'");
      mend = async () => void (await db().run("update jobs set claimed_by = null where queue = 'poll'"));
    },
  },
];

describe("no silent stall:", () => {
  it.each(stalls)("$cause is named within two intervals, told once after three, and taken back", async (given) => {
    const { subscription, since } = await watched("sync_any");
    await given.inject();
    await pass(since + 2 * INTERVAL, given.hangs);
    const named = await health(subscription);
    expect(named.cause).toMatchObject({ code: given.code });
    expect(named.cause!.message).toMatch(given.reason ?? /./);
    expect([named.state, named.lagSeconds]).toEqual(["active", INTERVAL / 1000]);
    expect(await told()).toEqual([]);

    await pass(since + 3 * INTERVAL + WATCH, given.hangs);
    expect(await told()).toMatchObject([{ type: "subscription.degraded", data: { code: given.code } }]);
    expect((await health(subscription)).state).toBe("degraded");
    await pass(since + 6 * INTERVAL, given.hangs);
    expect(await told()).toHaveLength(1);

    await mend();
    mend = () => {};
    await pass(bench.clock.now() + 65 * MINUTE, given.hangs);
    await soon(async () => expect((await told()).map(({ type }) => type)).toContain("subscription.recovered"));
    expect(await told()).toHaveLength(2);
    expect(await health(subscription)).toMatchObject({ state: "active", cause: null });
  });

  it("a grant that is revoked is named and told at once", async () => {
    const { subscription, since } = await watched("sync_any");
    always(answers(401, { error: "revoked" }));
    await pass(since + 2 * INTERVAL);
    expect(await told()).toMatchObject([{ type: "connection.reauth_required" }]);
    const { state, cause, lagSeconds } = await health(subscription);
    expect([state, cause!.code]).toEqual(["reauth_required", "reauth_required"]);
    expect(lagSeconds).toBe(INTERVAL / 1000);
  });

  it("a poll whose timer or job is lost is planned anew before anything has to be told", async () => {
    const { subscription, since } = await watched("sync_any");
    await db().run("delete from jobs where queue = 'poll'");
    await pass(since + 2 * INTERVAL);
    expect((await health(subscription)).cause).toMatchObject({ code: "poll_overdue" });
    await pass(since + 3 * INTERVAL + WATCH);
    await soon(async () => expect((await health(subscription)).cause).toBeNull());
    expect(await told()).toEqual([]);
  });

  it("a poll that is lost each time it is planned is named within two intervals, and told once after three", async () => {
    const { subscription, since } = await watched("sync_any");
    const lose = async (until: number): Promise<void> => {
      while (bench.clock.now() < until) {
        await db().run("delete from jobs where queue = 'poll'");
        bench.clock.set(Math.min(until, bench.clock.now() + STEP));
        // It is lost before it can run: nobody takes it up.
        const { enqueue } = bench.runtime.engine;
        bench.runtime.engine.enqueue = async () => {};
        await bench.settle();
        bench.runtime.engine.enqueue = enqueue;
      }
    };
    await lose(since + 2 * INTERVAL);
    expect((await health(subscription)).cause).toMatchObject({ code: "poll_overdue" });
    expect(await told()).toEqual([]);
    await lose(since + 3 * INTERVAL + 2 * WATCH);
    expect(await told()).toMatchObject([{ type: "subscription.degraded", data: { code: "poll_overdue" } }]);
    await pass(bench.clock.now() + 2 * WATCH);
    await soon(async () => expect((await told()).map(({ type }) => type)).toContain("subscription.recovered"));
  });

  it("a list that is empty for ever where there was life is named within two intervals, and told once", async () => {
    const { subscription, since } = await watched("snapshot_any");
    for (let n = 0; n < 30; n++) bench.vendor.put(`life ${n}`);
    await pass(since + INTERVAL);
    const { lastSuccessAt } = await bench.streamOf(subscription);
    always(answers(200, { items: [] }));
    await pass(lastSuccessAt! + 2 * INTERVAL);
    expect((await health(subscription)).missing).toMatchObject({ missing: 32, known: 32 });
    await pass(lastSuccessAt! + 3 * INTERVAL + WATCH);
    expect(await told()).toMatchObject([{ type: "subscription.degraded", data: { code: "unusual_deletions" } }]);
    expect((await health(subscription)).cause).toMatchObject({ code: "unusual_deletions" });
  });

  it("a clock that was a year ahead hides nothing", async () => {
    const { subscription, since } = await watched("sync_any");
    const times = ["last_success_at", "next_poll_at", "expected_since", "watch_at"].map(
      (at) => `${at} = ${at} + ${YEAR}`,
    );
    await db().run(`update streams set ${times.join(", ")}`);
    await db().run("update jobs set run_at = run_at + ? where queue = 'poll'", [YEAR]);
    expect((await health(subscription)).cause).toMatchObject({ code: "poll_postponed" });
    await pass(since + 2 * INTERVAL);
    await soon(async () => expect((await health(subscription)).cause).toBeNull());
    expect((await bench.streamOf(subscription)).lastSuccessAt).toBeLessThanOrEqual(bench.clock.now());
  });

  it("an event loop that was blocked is told, however soon it polls again", async () => {
    const { subscription } = await watched("sync_any");
    bench.clock.advance(2 * INTERVAL);
    expect((await health(subscription)).cause).toMatchObject({ code: "poll_overdue" });
    bench.clock.advance(5 * INTERVAL);
    await bench.settle();
    expect(await told()).toMatchObject([
      { type: "subscription.degraded", data: { code: "poll_overdue" } },
      { type: "subscription.recovered" },
    ]);
    expect((await health(subscription)).cause).toBeNull();
  });

  it("a full disk is named while it lasts, and told as soon as there is room", async () => {
    const { subscription, since } = await watched("sync_any");
    const { transaction, relaxed } = db();
    const full = async (): Promise<never> => {
      throw new Error("database or disk is full");
    };
    Object.assign(db(), { transaction: full, relaxed: full });
    mend = () => void Object.assign(db(), { transaction, relaxed });
    await pass(since + 2 * INTERVAL, true);
    expect((await health(subscription)).cause).toMatchObject({
      code: "store_unusable",
      message: expect.stringContaining("database or disk is full"),
    });
    await pass(since + 4 * INTERVAL, true);
    await mend();
    mend = () => {};
    await soon(async () => {
      await (bench.runtime.engine as JobEngine).tick();
      expect((await told()).map(({ type }) => type)).toEqual(["subscription.degraded", "subscription.recovered"]);
    });
    await soon(async () => expect((await health(subscription)).cause).toBeNull());
  });

  it("silence where there was life is a hint: for three days at least, and four times as long as ever", async () => {
    const { subscription } = await watched("sync_any");
    for (let change = 0; change < 22; change++) {
      bench.clock.advance(DAY / 2);
      bench.vendor.put(`life ${change}`);
      await bench.poll(subscription);
    }
    const { lastEventAt } = await bench.streamOf(subscription);
    const quietAt = async (days: number): Promise<string | null> => {
      bench.clock.set(lastEventAt! + days * DAY);
      await bench.poll(subscription);
      return (await health(subscription)).quietSince;
    };
    expect([await quietAt(1), await quietAt(3 - 0.001)]).toEqual([null, null]);
    expect(await quietAt(3)).toBe(new Date(lastEventAt!).toISOString());
    bench.vendor.put("life goes on");
    await bench.poll(subscription);
    expect((await health(subscription)).quietSince).toBeNull();
    // Three days of silence have been seen by now: they are nothing unusual any more.
    const { lastEventAt: last } = await bench.streamOf(subscription);
    bench.clock.set(last! + 5 * DAY);
    await bench.poll(subscription);
    expect((await health(subscription)).quietSince).toBeNull();
  });
});
