import { afterEach, describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { simulate, type Simulator } from "../fixtures/simulator.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const OPTIONS = { concurrency: 4, perGroup: 4, deadlineMs: 10 * MINUTE };

let simulator: Simulator;
afterEach(() => simulator.close());

/** A process that polls every five minutes, retries something that always fails, and does upkeep every hour. */
async function start() {
  const ran = { polls: 0, retries: 0, upkeep: 0 };
  simulator = await simulate((engine, { clock }) => {
    engine.work("poll", OPTIONS, async () => {
      ran.polls++;
      return { runAgainAt: clock.now() + 5 * MINUTE, attempt: "reset" };
    });
    engine.work("deliver", OPTIONS, async () => {
      ran.retries++;
      throw new Error("refused");
    });
    engine.cron("sweep", "0 * * * *", async () => void ran.upkeep++);
  });
  const { db, engine } = simulator;
  const jobs = [{ queue: "poll", unique: "stream 1", data: {} } as const, { queue: "deliver", data: {} } as const];
  await db.transaction((tx) => engine.enqueue(tx, jobs));
  await simulator.advance(HOUR);
  /** What runs in that time. */
  const during = async (milliseconds: number): Promise<typeof ran> => {
    Object.assign(ran, { polls: 0, retries: 0, upkeep: 0 });
    await simulator.advance(milliseconds);
    return { ...ran };
  };
  return { during };
}

/** A poll every five minutes, and a retry as often by then. */
const AN_HOUR_OF_WORK = { polls: 12, retries: 12, upkeep: 1 };

describe("a wall clock that is set", () => {
  it.each([-DAY, DAY, -HOUR, HOUR])("by %d ms for ten seconds costs nothing, then or afterwards", async (jump) => {
    const { during } = await start();
    expect(await during(HOUR)).toEqual(AN_HOUR_OF_WORK);
    simulator.setWall(jump);
    const meanwhile = await during(10_000);
    simulator.setWall(-jump);
    const afterwards = await during(HOUR - 10_000);
    expect(meanwhile.polls + afterwards.polls).toBe(12);
    expect(meanwhile.retries + afterwards.retries).toBe(12);
    expect(await during(DAY)).toEqual({ polls: 288, retries: 288, upkeep: 24 });
  });

  it.each([-DAY, DAY])("by %d ms for good moves what is planned with it", async (jump) => {
    const { during } = await start();
    simulator.setWall(jump);
    const { polls, retries } = await during(HOUR);
    expect([polls, retries]).toEqual([12, 12]);
    expect(simulator.clock.now()).toBe(Date.parse("2026-01-01T02:00:00Z") + jump);
    expect(await during(DAY)).toEqual({ polls: 288, retries: 288, upkeep: 24 });
  });

  it("moves what is planned while it is taken over", async () => {
    const { during } = await start();
    const { db, engine, clock } = simulator;
    simulator.setWall(-DAY);
    await during(59_999);
    const later = { queue: "poll", unique: "stream 2", data: {}, runAt: clock.now() + HOUR } as const;
    await db.transaction((tx) => engine.enqueue(tx, [later]));
    await during(MINUTE);
    const { at } = (await db.get<{ at: number }>("select run_at as at from jobs where unique_name = 'stream 2'"))!;
    expect(at - clock.now()).toBe(HOUR - MINUTE);
  });
});

describe("a wall clock that goes back by half a second", () => {
  it("loses no job that is due, nor one whose time comes in that half second", async () => {
    const ran: string[] = [];
    simulator = await simulate((engine) =>
      engine.work("deliver", OPTIONS, async ({ data }) => (ran.push(String(data["name"])), { done: true })),
    );
    const { db, engine, clock } = simulator;
    const enqueue = (name: string, delay: number) => {
      const job = { queue: "deliver", data: { name }, group: name, runAt: clock.now() + delay } as const;
      return db.transaction((tx) => engine.enqueue(tx, [job]));
    };
    await simulator.advance(MINUTE);
    await enqueue("due", 0);
    simulator.setWall(-500);
    await simulator.advance(HOUR);
    await enqueue("looked for", 100);
    await simulator.advance(100);
    simulator.setWall(-500);
    await enqueue("soon", 100);
    await simulator.advance(HOUR);
    expect(ran).toEqual(["due", "looked for", "soon"]);
  });
});

describe("a store that is in trouble for a moment", () => {
  const trouble = async (): Promise<never> => {
    throw new HooklineError("store_unusable", "no disk today");
  };

  it("gets what handlers came to a second later, although nothing else happens", async () => {
    simulator = await simulate((engine) => engine.work("deliver", OPTIONS, async () => ({ done: true })));
    const { db, engine } = simulator;
    const { transaction } = db;
    const enqueue = () => transaction.call(db, (tx) => engine.enqueue(tx, [{ queue: "deliver", data: {} }]));
    await simulator.advance(0);
    await enqueue();
    db.transaction = trouble;
    await simulator.advance(999);
    db.transaction = transaction;
    expect(await db.get("select count(*) as n from jobs")).toEqual({ n: 1 });
    await simulator.advance(1);
    expect(await db.get("select count(*) as n from jobs")).toEqual({ n: 0 });
  });

  it("is asked again for the next time", async () => {
    const ran: string[] = [];
    simulator = await simulate((engine) =>
      engine.work("deliver", OPTIONS, async ({ data }) => (ran.push(String(data["name"])), { done: true })),
    );
    const { db, engine, clock } = simulator;
    const jobs = [10_000, 20_000].map((delay) => {
      return { queue: "deliver", data: { name: `${delay}` }, runAt: clock.now() + delay } as const;
    });
    await db.transaction((tx) => engine.enqueue(tx, jobs));
    await simulator.advance(9_999);
    const { get } = db;
    db.get = trouble;
    await simulator.advance(100);
    db.get = get;
    await simulator.advance(MINUTE);
    expect(ran).toEqual(["10000", "20000"]);
  });
});

describe("the health of an engine", () => {
  it("is gone half a minute after its loop got stuck, and is back when it goes on", async () => {
    simulator = await simulate((engine) => engine.work("deliver", OPTIONS, async () => ({ done: true })));
    const { db, engine } = simulator;
    await simulator.advance(HOUR);
    const gate = Promise.withResolvers<void>();
    const relaxed = db.relaxed.bind(db);
    db.relaxed = async (work) => (await gate.promise, relaxed(work));
    await db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: {} }]));
    await simulator.advance(29_999, "stuck");
    expect(engine.healthy()).toBe(true);
    await simulator.advance(1, "stuck");
    expect(engine.healthy()).toBe(false);
    gate.resolve();
    await simulator.advance(0);
    expect(engine.healthy()).toBe(true);
  });
});

describe("a handler that does not end", () => {
  it("is told at its deadline, is given up half a second later, and writes nothing any more", async () => {
    const told: number[] = [];
    const late: unknown[] = [];
    let attempts: number[] = [];
    let began = 0;
    simulator = await simulate((engine, { clock, wait }) =>
      engine.work("deliver", { ...OPTIONS, deadlineMs: 30_000 }, async (job, _loaded, signal) => {
        attempts.push(job.attempt);
        if (attempts.length > 1) return { done: true };
        began = clock.now();
        signal.addEventListener("abort", () => told.push(clock.now() - began));
        await wait(MINUTE);
        await job.transaction(async () => {}).catch((error: unknown) => late.push(error));
        return { done: true };
      }),
    );
    const { db, engine } = simulator;
    await db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: {} }]));
    await simulator.advance(29_999);
    expect(told).toEqual([]);
    await simulator.advance(1);
    expect(told).toEqual([30_000]);
    await simulator.advance(499 + 1_000);
    expect(attempts).toEqual([0]);
    await simulator.advance(50);
    expect(attempts).toEqual([0, 1]);
    await simulator.advance(MINUTE);
    expect(late).toEqual([expect.objectContaining({ code: "conflict" })]);
    attempts = [];
    await simulator.advance(HOUR);
    expect(attempts).toEqual([]);
  });
});
