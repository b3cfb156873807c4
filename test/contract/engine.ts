import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock, SteadyClock, type Clock } from "../../runtime/core/clock.ts";
import type { JobFacts, Engine, Handler, Job, NewJob, Outcome } from "../../runtime/engine/engine.ts";
import { upkeepJob } from "../../runtime/engine/upkeep.ts";
import type { Database } from "../../runtime/store/database.ts";
import { until } from "../fixtures/wait.ts";

/** A clock of the runtime over a wall clock that a test may set, and time that passes only when told to. */
export class SettableClock extends ManualClock {
  /** By how much the wall clock is off, milliseconds. */
  off = 0;
  readonly #steady = new SteadyClock(
    () => super.now() + this.off,
    () => super.now(),
  );

  override now(): number {
    return this.#steady.now();
  }

  onSet(listener: (milliseconds: number) => void): () => void {
    return this.#steady.onSet(listener);
  }
}

/** A store, and engines on it. */
export interface EngineWorld {
  /** The store; another object after a crash. */
  readonly db: Database;
  readonly clock: Clock & { off: number };
  /** What the engines have logged. */
  readonly logged: string[];
  /** An engine on the store, not started. */
  engine(): Promise<Engine>;
  /** Lets that many milliseconds go by, so that the engines notice. */
  pass(milliseconds: number): Promise<void>;
  /** What the death of the process is to the store: its engines can no longer reach it, and had no time to tidy up. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

const done = async (): Promise<Outcome> => ({ done: true });
const WIDE = { concurrency: 64, perGroup: 64, deadlineMs: 60_000 };

/** What every {@link Engine} keeps to. `make` gives a world of its own for each test. */
export function describeEngine(name: string, make: () => Promise<EngineWorld>): void {
  describe(`${name} as an engine`, () => {
    let world: EngineWorld;
    let started: Engine[];

    beforeEach(async () => {
      world = await make();
      started = [];
      await world.db.run("create table notes (text text)");
    });
    afterEach(async () => {
      await Promise.all(started.map((engine) => engine.stop(0)));
      await world.close();
    });

    const start = async (prepare: (engine: Engine) => void): Promise<Engine> => {
      const engine = await world.engine();
      prepare(engine);
      await engine.start();
      started.push(engine);
      return engine;
    };
    const enqueue = (engine: Engine, ...jobs: Partial<NewJob>[]): Promise<void> =>
      world.db.transaction((tx) =>
        engine.enqueue(
          tx,
          jobs.map((job) => ({ queue: "deliver", data: {}, ...job })),
        ),
      );
    const notes = async (): Promise<string[]> =>
      (await world.db.all<{ text: string }>("select text from notes order by text")).map((row) => row.text);
    const note = (text: string) => ({
      commit: async (tx: { run: Database["run"] }) => void (await tx.run("insert into notes values (?)", [text])),
    });
    /** A handler that notes which jobs it was given, by the name in their data. */
    const recorder = (answer: (job: Job, nth: number) => Promise<Outcome> | Outcome = done) => {
      const seen: string[] = [];
      const jobs: Job[] = [];
      const handler: Handler<undefined> = async (job) => {
        jobs.push(job);
        seen.push(String(job.data.name));
        return answer(job, seen.length);
      };
      return { seen, jobs, handler };
    };

    it("runs a due job once, with its data, and never again", async () => {
      const { jobs, handler } = recorder();
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, { data: { name: "a", deep: [{ ü: null }] }, group: "g" });
      await until(() => jobs.length === 1);
      expect(jobs[0]).toMatchObject({
        queue: "deliver",
        group: "g",
        data: { name: "a", deep: [{ ü: null }] },
        attempt: 0,
        interrupted: false,
      });
      await engine.stop();
      const again = recorder();
      await start((e) => e.work("deliver", WIDE, again.handler));
      await world.pass(3_600_000);
      expect([jobs.length, again.jobs.length]).toEqual([1, 0]);
    });

    it("runs what was enqueued before its start", async () => {
      const { seen, handler } = recorder();
      await enqueue(await world.engine(), { data: { name: "early" } });
      await start((e) => e.work("deliver", WIDE, handler));
      await until(() => seen.length === 1);
      expect(seen).toEqual(["early"]);
    });

    it("runs nothing of a transaction that was rolled back", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      const undone = world.db.transaction(async (tx) => {
        await engine.enqueue(tx, [{ queue: "deliver", data: { name: "undone" } }]);
        throw new Error("boom");
      });
      await expect(undone).rejects.toThrow("boom");
      await enqueue(engine, { data: { name: "kept" } });
      await until(() => seen.includes("kept"));
      await world.pass(1_000);
      expect(seen).toEqual(["kept"]);
    });

    it("runs a job at its time, not before", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      const now = world.clock.now();
      await enqueue(
        engine,
        { data: { name: "later" }, runAt: now + 60_000 },
        { data: { name: "soon" }, runAt: now + 1_000 },
      );
      await world.pass(900);
      expect(seen).toEqual([]);
      await world.pass(200);
      await until(() => seen.length === 1);
      await world.pass(58_000);
      expect(seen).toEqual(["soon"]);
      await world.pass(2_000);
      await until(() => seen.length === 2);
    });

    it("keeps the order of a key, also while its first job fails", async () => {
      const { seen, handler } = recorder((job, nth) =>
        job.data.name === "a1" && nth <= 2
          ? { runAgainAt: world.clock.now() + 5_000, attempt: "count" }
          : { done: true },
      );
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      const named = (key: string, name: string): Partial<NewJob> => ({ key, data: { name } });
      await enqueue(engine, named("a", "a1"), named("a", "a2"));
      await enqueue(engine, named("b", "b1"), named("a", "a3"), named("b", "b2"));
      await until(() => seen.includes("b2"));
      expect(seen.toSorted()).toEqual(["a1", "b1", "b2"]);
      await world.pass(6_000);
      await until(() => seen.length >= 6);
      expect(seen.filter((name) => name.startsWith("a"))).toEqual(["a1", "a1", "a2", "a3"]);
    });

    it("waits for the time of a key's first job, and of those after it", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      const now = world.clock.now();
      await enqueue(engine, { key: "a", data: { name: "a1" }, runAt: now + 1_000 }, { key: "a", data: { name: "a2" } });
      await enqueue(engine, { key: "a", data: { name: "a3" }, runAt: now + 9_000 });
      await world.pass(500);
      expect(seen).toEqual([]);
      await world.pass(1_000);
      await until(() => seen.length === 2);
      await world.pass(1_000);
      expect(seen).toEqual(["a1", "a2"]);
      await world.pass(8_000);
      await until(() => seen.length === 3);
    });

    it("never runs two jobs of one key, nor more of a group or a queue than it may, at once", async () => {
      const now = { queue: 0, group: new Map<string, number>(), key: new Map<string, number>() };
      const most = { queue: 0, group: 0, key: 0 };
      let ran = 0;
      const change = (counts: Map<string, number>, name: string, by: number): number => {
        counts.set(name, (counts.get(name) ?? 0) + by);
        return counts.get(name)!;
      };
      const engine = await start((e) =>
        e.work("deliver", { concurrency: 6, perGroup: 3, deadlineMs: 60_000 }, async (job) => {
          most.queue = Math.max(most.queue, ++now.queue);
          most.group = Math.max(most.group, change(now.group, job.group, 1));
          most.key = Math.max(most.key, change(now.key, String(job.data.key), 1));
          await new Promise(setImmediate);
          now.queue--;
          change(now.group, job.group, -1);
          change(now.key, String(job.data.key), -1);
          ran++;
          return { done: true };
        }),
      );
      const jobs = Array.from({ length: 300 }, (_, i) => {
        const group = i < 200 ? "large" : `small ${i % 2}`;
        const key = `${group} ${i % 20}`;
        return { group, key, data: { key } };
      });
      await enqueue(engine, ...jobs);
      await until(() => ran === 300);
      expect(most).toEqual({ queue: 6, group: 3, key: 1 });
    });

    it("never lets a group of 10,000 stuck jobs delay another", async () => {
      const { seen, handler } = recorder((job) => (job.group === "stuck" ? new Promise(() => {}) : { done: true }));
      const engine = await start((e) =>
        e.work("deliver", { concurrency: 8, perGroup: 4, deadlineMs: 60_000 }, handler),
      );
      await enqueue(engine, ...Array.from({ length: 10_000 }, () => ({ group: "stuck", data: { name: "stuck" } })));
      await until(() => seen.length === 4);
      for (let i = 0; i < 10; i++) await enqueue(engine, { group: `other ${i}`, data: { name: "free" } });
      await until(() => seen.length === 14);
      expect(seen.filter((name) => name === "free")).toHaveLength(10);
    });

    it("moves a waiting job of a unique name to the earlier time, and has it once", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => e.work("poll", WIDE, handler));
      const now = world.clock.now();
      const poll = (name: string, delay: number): Partial<NewJob> => ({
        queue: "poll",
        unique: "stream 1",
        runAt: now + delay,
        data: { name },
      });
      await enqueue(engine, poll("first", 60_000));
      await enqueue(engine, poll("later", 90_000));
      await world.pass(1_000);
      expect(seen).toEqual([]);
      await enqueue(engine, poll("sooner", 0), poll("again", 2_000));
      await until(() => seen.length === 1);
      await world.pass(120_000);
      expect(seen).toEqual(["first"]);
      await enqueue(engine, poll("new", 0));
      await until(() => seen.length === 2);
      expect(seen).toEqual(["first", "new"]);
    });

    it("runs a unique job at once that is enqueued for now under another group", async () => {
      const { jobs, handler } = recorder();
      const engine = await start((e) => e.work("poll", WIDE, handler));
      const poll = { queue: "poll" as const, unique: "stream 1", data: { name: "poll" } };
      await enqueue(engine, { ...poll, group: "first", runAt: world.clock.now() + 60_000 });
      await world.pass(1_000);
      await enqueue(engine, { ...poll, group: "second" });
      await world.pass(1_000);
      await until(() => jobs.length === 1);
      expect(jobs[0]).toMatchObject({ group: "first" });
    });

    it("enqueues many at once each once, beside one that exists and those without a name", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => e.work("poll", WIDE, handler));
      const job = (name: string, unique?: string): Partial<NewJob> => ({ queue: "poll", data: { name }, unique });
      await enqueue(engine, { ...job("old", "a"), runAt: world.clock.now() + 60_000 });
      await enqueue(engine, job("new", "b"), job("old again", "a"), job("new again", "b"), job("c", "c"));
      await enqueue(engine, job("plain"), { ...job("late", "d"), runAt: world.clock.now() + 60_000 });
      await enqueue(engine, job("plain too"), job("late again", "d"));
      await until(() => seen.length >= 6);
      await world.pass(120_000);
      expect(seen.sort()).toEqual(["c", "late", "new", "old", "plain", "plain too"]);
    });

    it("lets two queues use the same unique name", async () => {
      const { seen, handler } = recorder();
      const engine = await start((e) => {
        e.work("poll", WIDE, handler);
        e.work("sync", WIDE, handler);
      });
      await enqueue(
        engine,
        { queue: "poll", unique: "x", data: { name: "a" } },
        { queue: "sync", unique: "x", data: { name: "b" } },
      );
      await until(() => seen.length === 2);
      expect(seen.sort()).toEqual(["a", "b"]);
    });

    it("runs a unique job once more when it was enqueued while it ran", async () => {
      for (const outcome of [{ done: true }, { runAgainAt: Infinity, attempt: "reset" }] as const) {
        const gate = Promise.withResolvers<void>();
        const { seen, handler } = recorder(async (_job, nth) => {
          if (nth > 1) return { done: true };
          await gate.promise;
          return "done" in outcome ? outcome : { ...outcome, runAgainAt: world.clock.now() + 3_600_000 };
        });
        const engine = await start((e) => e.work("poll", WIDE, handler));
        const poll = { queue: "poll" as const, unique: "stream 1", data: { name: "poll" } };
        await enqueue(engine, poll);
        await until(() => seen.length === 1);
        await enqueue(engine, { ...poll, runAt: world.clock.now() + 90_000 });
        await enqueue(engine, { ...poll, runAt: world.clock.now() + 5_000 });
        gate.resolve();
        await world.pass(1_000);
        expect(seen).toHaveLength(1);
        await world.pass(5_000);
        await until(() => seen.length === 2);
        await world.pass(100_000);
        expect(seen).toHaveLength(2);
        await engine.stop();
      }
    });

    it("runs a job again when its handler says, counting attempts as it says", async () => {
      const answers = ["count", "count", "keep", "reset"] as const;
      const { jobs, handler } = recorder((_job, nth) => {
        const attempt = answers[nth - 1];
        return attempt ? { runAgainAt: world.clock.now() + 10_000, attempt } : { done: true };
      });
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, { data: { name: "a" } });
      for (let ran = 1; ran <= 5; ran++) {
        await until(() => jobs.length === ran);
        await world.pass(9_000);
        expect(jobs).toHaveLength(ran);
        await world.pass(2_000);
      }
      expect(jobs.map((job) => job.attempt)).toEqual([0, 1, 2, 2, 0]);
    });

    it("tries a job whose handler throws again, later each time, and logs it", async () => {
      const times: number[] = [];
      const { jobs, handler } = recorder(() => {
        times.push(world.clock.now());
        if (times.length < 5) throw new Error("vendor on fire");
        return { done: true };
      });
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, { data: { name: "a" } });
      await until(() => jobs.length === 1);
      for (let i = 0; i < 100 && jobs.length < 5; i++) await world.pass(250);
      expect(jobs.map((job) => job.attempt)).toEqual([0, 1, 2, 3, 4]);
      const delays = times.slice(1).map((time, i) => time - times[i]!);
      for (const [i, delay] of delays.entries()) {
        expect(delay).toBeGreaterThanOrEqual(1_000 * 2 ** i * 0.8);
        expect(delay).toBeLessThanOrEqual(1_000 * 2 ** i * 1.2 + 500);
      }
      expect(world.logged.filter((line) => line.includes("vendor on fire"))).toHaveLength(4);
    });

    it("commits what a job did together with its end", async () => {
      const { jobs, handler } = recorder((job) => ({ done: true, ...note(String(job.data.name)) }));
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, ...["a", "b", "c"].map((text) => ({ data: { name: text } })));
      await until(() => jobs.length === 3);
      await engine.stop();
      expect(await notes()).toEqual(["a", "b", "c"]);
    });

    it("leaves job and data as they were when a commit throws, and the others of its batch alone", async () => {
      let broken = true;
      const { jobs, handler } = recorder((job) => ({
        done: true,
        commit: async (tx) => {
          await note(String(job.data.name)).commit(tx);
          if (job.data.name === "bad" && broken) throw new Error("cannot commit");
        },
      }));
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, ...["a", "bad", "b"].map((text) => ({ data: { name: text } })));
      await until(() => world.logged.some((line) => line.includes("cannot commit")));
      await world.pass(0);
      expect(await notes()).toEqual(["a", "b"]);
      broken = false;
      await world.pass(2_000);
      await until(() => jobs.length === 4);
      expect(jobs.at(-1)).toMatchObject({ data: { name: "bad" }, attempt: 1 });
      await engine.stop();
      expect(await notes()).toEqual(["a", "b", "bad"]);
    });

    it("runs what an outcome's commit enqueues", async () => {
      const { seen, handler } = recorder((job) => ({
        done: true,
        commit: async (tx) => {
          if (job.data.name === "a") await engine.enqueue(tx, [{ queue: "deliver", data: { name: "b" } }]);
        },
      }));
      const engine = await start((e) => e.work("deliver", WIDE, handler));
      await enqueue(engine, { data: { name: "a" } });
      await until(() => seen.length === 2);
      expect(seen).toEqual(["a", "b"]);
    });

    it("loads what a batch of jobs needs at once", async () => {
      await world.db.many("insert into notes values (?)", [["x"], ["y"]]);
      const given: unknown[] = [];
      const engine = await start((e) =>
        e.work<string>(
          "deliver",
          {
            ...WIDE,
            load: async (sql, jobs) => {
              const rows = await sql.all<{ text: string }>("select text from notes");
              return new Map(
                jobs
                  .filter((job) => rows.some((row) => row.text === job.data.name))
                  .map((job) => [job.id, `${job.data.name}!`]),
              );
            },
          },
          async (_job, loaded) => (given.push(loaded), { done: true }),
        ),
      );
      await enqueue(engine, ...["x", "y", "z"].map((text) => ({ data: { name: text } })));
      await until(() => given.length === 3);
      expect(new Set(given)).toEqual(new Set(["x!", "y!", undefined]));
    });

    it("tries the jobs whose loading threw again later", async () => {
      let broken = true;
      const { jobs, handler } = recorder();
      const load = async () => {
        if (broken) throw new Error("cannot load");
        return new Map<number, undefined>();
      };
      const engine = await start((e) => e.work("deliver", { ...WIDE, load }, handler));
      await enqueue(engine, { data: { name: "a" } });
      await until(() => world.logged.some((line) => line.includes("cannot load")));
      broken = false;
      await world.pass(2_000);
      await until(() => jobs.length === 1);
      expect(jobs[0]!.attempt).toBe(1);
    });

    it("tries only the job later whose own data cannot be loaded, and runs the others of its batch", async () => {
      const { jobs, handler } = recorder();
      const load = async (_sql: unknown, some: readonly JobFacts[]) => {
        if (some.some(({ data }) => data["name"] === "unreadable")) throw new SyntaxError("cannot read this one");
        return new Map<number, undefined>();
      };
      const engine = await start((e) => e.work("deliver", { ...WIDE, load }, handler));
      await enqueue(engine, ...["a", "unreadable", "b"].map((name) => ({ data: { name } })));
      await until(() => jobs.length === 2);
      expect(jobs.map(({ data, attempt }) => [data["name"], attempt])).toEqual([
        ["a", 0],
        ["b", 0],
      ]);
    });

    it("gives the jobs of a process that died to the next, marked as interrupted, with no attempt counted", async () => {
      const first = recorder((job) =>
        job.data.name === "quick" ? { done: true, ...note("quick") } : new Promise(() => {}),
      );
      const dying = await start((e) => e.work("deliver", WIDE, first.handler));
      await enqueue(dying, { data: { name: "quick" } }, { data: { name: "slow" } });
      await enqueue(dying, { data: { name: "later" }, runAt: world.clock.now() + 60_000 });
      await until(() => first.seen.length === 2);
      await world.pass(0);
      await world.crash();
      const second = recorder();
      await start((e) => e.work("deliver", WIDE, second.handler));
      await world.pass(61_000);
      await until(() => second.jobs.length === 2);
      expect(second.jobs[0]).toMatchObject({ data: { name: "slow" }, interrupted: true, attempt: 0 });
      expect(second.jobs[1]).toMatchObject({ data: { name: "later" }, interrupted: false, attempt: 0 });
      expect(await notes()).toEqual(["quick"]);
    });

    const never = (): Promise<Outcome> => new Promise(() => {});
    /** Starts an engine whose deliveries do that, and lets its process die in the middle of the first. */
    const dieDuring = async (handler: Handler<undefined>): Promise<Job> => {
      const { jobs, handler: record } = recorder();
      await start((e) =>
        e.work(
          "deliver",
          WIDE,
          async (job, loaded, signal) => (await record(job, loaded, signal), handler(job, loaded, signal)),
        ),
      );
      for (let i = 0; i < 60 && jobs.length === 0; i++) await world.pass(250);
      await until(() => jobs.length === 1);
      await world.crash();
      return jobs[0]!;
    };

    it("counts how often a process died over a job, but not stops in order, and from 0 once it made progress", async () => {
      await enqueue(await world.engine(), { data: { name: "a" } });
      const kinds = ["none", "note", "progress", "none"] as const;
      const interruptions: number[] = [];
      for (const kind of kinds) {
        const reached = Promise.withResolvers<void>();
        const dying = dieDuring(async (job) => {
          if (kind !== "none") await job.transaction(note(kind).commit, kind);
          reached.resolve();
          return never();
        });
        await reached.promise;
        interruptions.push((await dying).interruptions);
      }
      expect(interruptions).toEqual([0, 1, 2, 1]);
      expect(await notes()).toEqual(["note", "progress"]);
      for (const stops of ["in order", "in order once more"]) {
        const { jobs, handler } = recorder(never);
        const engine = await start((e) => e.work("deliver", WIDE, handler));
        for (let i = 0; i < 60 && jobs.length === 0; i++) await world.pass(250);
        await until(() => jobs.length === 1);
        expect([stops, jobs[0]!.interruptions, jobs[0]!.interrupted]).toEqual([stops, 2, true]);
        await engine.stop(0);
      }
    });

    it("runs what its process died over twice alone, after a pause, and the others as ever", async () => {
      const names = ["a", "b", "c"];
      await enqueue(await world.engine(), ...names.map((name) => ({ data: { name } })));
      for (let death = 0; death < 2; death++) {
        const { seen, handler } = recorder(never);
        await start((e) => e.work("deliver", WIDE, handler));
        await until(() => seen.length === 3);
        await world.crash();
      }
      const running = new Map<string, () => void>();
      const most = { suspects: 0 };
      let ended = 0;
      const engine = await start((e) =>
        e.work("deliver", WIDE, async ({ data: { name } }) => {
          await new Promise<void>((resolve) => running.set(String(name), resolve));
          running.delete(String(name));
          ended++;
          return { done: true };
        }),
      );
      const suspects = (): string[] => names.filter((name) => running.has(name));
      await world.pass(0);
      await world.pass(950);
      expect([...running.keys()]).toEqual([]);
      await world.pass(100);
      await until(() => running.size === 1);
      expect(suspects()).toHaveLength(1);
      // Nothing begins into the same moment.
      await enqueue(engine, { data: { name: "other" } });
      await world.pass(0);
      expect([...running.keys()]).toEqual(suspects());
      await until(() => running.has("other"));
      for (let i = 0; i < 3; i++) {
        await until(() => suspects().length === 1);
        await world.pass(0);
        most.suspects = Math.max(most.suspects, suspects().length);
        running.get(suspects()[0]!)!();
        await until(() => ended === i + 1);
        await world.pass(0);
      }
      expect(most).toEqual({ suspects: 1 });
      running.get("other")!();
      await until(() => ended === 4);
    });

    it("waits longer with every death, up to an hour, and goes on for ever", async () => {
      await enqueue(await world.engine(), { unique: "a", data: { name: "a" } });
      const pauses = [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600];
      for (const [deaths, seconds] of pauses.entries()) {
        const { jobs, handler } = recorder(never);
        await start((e) => e.work("deliver", WIDE, handler));
        await world.pass(0); // Whoever comes next notices the death.
        if (seconds > 0) await world.pass(seconds * 1000 - 20);
        const early = seconds > 0 ? jobs.length : 0;
        expect([deaths, early]).toEqual([deaths, 0]);
        await world.pass(40);
        await until(() => jobs.length === 1);
        expect(jobs[0]!.interruptions).toBe(deaths);
        await world.crash();
      }
    });

    it("lets a handler write only while the job is its own", async () => {
      const jobs: Job[] = [];
      const gate = Promise.withResolvers<void>();
      const engine = await start((e) =>
        e.work("deliver", WIDE, async (job) => {
          jobs.push(job);
          await job.transaction(note("during").commit);
          await gate.promise;
          return { done: true };
        }),
      );
      await enqueue(engine, {});
      await until(() => jobs.length === 1);
      await expect(
        jobs[0]!.transaction(async (tx) => {
          await note("undone").commit(tx);
          throw new Error("boom");
        }),
      ).rejects.toThrow("boom");
      gate.resolve();
      await engine.stop();
      await expect(jobs[0]!.transaction(note("after").commit)).rejects.toMatchObject({ code: "conflict" });
      expect(await notes()).toEqual(["during"]);
    });

    it.each([86_400_000, -86_400_000])("does not see a wall clock that is %d ms off for ten seconds", async (off) => {
      const { seen, handler } = recorder(() => ({ runAgainAt: world.clock.now() + 60_000, attempt: "reset" }));
      const engine = await start((e) => e.work("poll", WIDE, handler));
      const poll = { queue: "poll" as const, unique: "stream 1", data: { name: "poll" } };
      await enqueue(engine, poll);
      await until(() => seen.length === 1);
      await world.pass(0);
      world.clock.off = off;
      await world.pass(5_000);
      await enqueue(engine, { ...poll, runAt: world.clock.now() + 30_000 });
      await world.pass(5_000);
      world.clock.off = 0;
      await world.pass(24_000);
      expect(seen).toHaveLength(1);
      await world.pass(2_000);
      await until(() => seen.length === 2);
      await world.pass(58_000);
      expect(seen).toHaveLength(2);
      await world.pass(3_000);
      await until(() => seen.length === 3);
    });

    it("finishes what runs when it stops, and takes nothing new", async () => {
      const gate = Promise.withResolvers<void>();
      const { seen, handler } = recorder(
        async (job) => (await gate.promise, { done: true, ...note(String(job.data.name)) }),
      );
      const engine = await start((e) =>
        e.work("deliver", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, handler),
      );
      await enqueue(engine, { data: { name: "a" } }, { data: { name: "b" } });
      await until(() => seen.length === 1);
      const stopping = engine.stop();
      await enqueue(engine, { data: { name: "c" } });
      gate.resolve();
      await stopping;
      expect(seen).toEqual(["a"]);
      expect(await notes()).toEqual(["a"]);
      const next = recorder();
      await start((e) => e.work("deliver", WIDE, next.handler));
      await until(() => next.seen.length === 2);
      expect(next.seen).toEqual(["b", "c"]);
      expect(next.jobs.every((job) => !job.interrupted)).toBe(true);
    });

    it("finishes also what it was about to start when it was told to stop", async () => {
      const stops: Promise<void>[] = [];
      const engine = await start((e) =>
        e.work(
          "deliver",
          {
            ...WIDE,
            load: async () => {
              stops.push(e.stop());
              return new Map<number, undefined>();
            },
          },
          async (_job, _loaded, signal) => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            signal.throwIfAborted();
            return { done: true, ...note("finished") };
          },
        ),
      );
      await enqueue(engine, {});
      await until(() => stops.length === 1);
      await stops[0];
      expect(await notes()).toEqual(["finished"]);
    });

    it("aborts what outlasts the grace and gives it back without counting an attempt", async () => {
      const aborted: string[] = [];
      let running = 0;
      const engine = await start((e) =>
        e.work("deliver", WIDE, async (job, _loaded, signal) => {
          running++;
          if (job.data.name === "deaf") return new Promise(() => {});
          const reason = await new Promise<Error>((resolve) =>
            signal.addEventListener("abort", () => resolve(signal.reason)),
          );
          aborted.push(reason.message);
          if (job.data.name === "finishes") return { done: true, ...note("finished") };
          throw reason;
        }),
      );
      await enqueue(engine, ...["deaf", "finishes", "gives up"].map((text) => ({ data: { name: text } })));
      await until(() => running === 3);
      await engine.stop(10);
      expect(aborted).toEqual(Array(2).fill("The runtime is stopping; the job runs again after the next start."));
      expect(await notes()).toEqual(["finished"]);
      const next = recorder();
      await start((e) => e.work("deliver", WIDE, next.handler));
      await until(() => next.seen.length === 2);
      expect(next.seen.sort()).toEqual(["deaf", "gives up"]);
      expect(next.jobs.map((job) => job.attempt)).toEqual([0, 0]);
      expect(next.jobs.map((job) => job.interrupted)).toEqual([true, true]);
    });

    it("stops once, however often it is told, and also when it was never started", async () => {
      const engine = await start((e) => e.work("deliver", WIDE, done));
      await Promise.all([engine.stop(), engine.stop()]);
      await engine.stop();
      await (await world.engine()).stop();
      await expect(engine.start()).rejects.toThrow(TypeError);
    });

    it("stops also while it starts", async () => {
      const engine = await world.engine();
      const starting = engine.start();
      await expect(engine.start()).rejects.toThrow(TypeError);
      await engine.stop();
      await starting;
      expect(engine.healthy()).toBe(false);
    });

    it("is healthy from its start to its stop", async () => {
      const engine = await world.engine();
      expect(engine.healthy()).toBe(false);
      await engine.start();
      expect(engine.healthy()).toBe(true);
      await engine.stop();
      expect(engine.healthy()).toBe(false);
    });

    it("does upkeep at its times, one at a time, and again after it failed", async () => {
      let runs = 0;
      let atOnce = 0;
      const engine = await start((e) =>
        e.cron("sweep", "* * * * * *", async () => {
          expect(++atOnce).toBe(1);
          await new Promise(setImmediate);
          atOnce--;
          if (++runs === 1) throw new Error("sweep failed");
        }),
      );
      await world.pass(999 - (world.clock.now() % 1_000));
      expect(runs).toBe(0);
      for (let second = 1; second <= 3; second++) {
        await world.pass(second === 1 ? 1 : 1_000);
        await until(() => runs === second);
        await world.pass(0);
      }
      // A day that nobody was there for is one time, not 86,400.
      await world.pass(86_400_000);
      await until(() => runs === 4);
      await world.pass(0);
      expect(runs).toBe(4);
      expect(world.logged.filter((line) => line.includes("sweep failed"))).toHaveLength(1);
      await engine.stop();
      await world.pass(2_000);
      expect(runs).toBe(4);
    });

    it("does upkeep at the time that it gave itself, and else at its times", async () => {
      const ran: number[] = [];
      const engine = await start((e) =>
        e.cron("sweep", "* * * * * *", async () => {
          ran.push(world.clock.now());
          return ran.length === 1 ? world.clock.now() + 2_500 : undefined;
        }),
      );
      await world.pass(1_000 - (world.clock.now() % 1_000));
      await until(() => ran.length === 1);
      await world.pass(0);
      await world.pass(2_499);
      expect(ran).toHaveLength(1);
      await world.pass(1);
      await until(() => ran.length === 2);
      await world.pass(0);
      await world.pass(500);
      await until(() => ran.length === 3);
      expect(ran.map((at) => at - ran[0]!)).toEqual([0, 2_500, 3_000]);
      await engine.stop();
    });

    it("does upkeep on demand at the time that was asked for, and on while the task gives a next one", async () => {
      const times: number[] = [];
      const nexts: (number | undefined)[] = [5_000, undefined, undefined];
      let isFailing = true;
      const engine = await start((e) =>
        e.onDemand("look", async () => {
          times.push(world.clock.now() - begun);
          if (isFailing) throw new Error("look failed");
          const next = nexts.shift();
          return next === undefined ? undefined : world.clock.now() + next;
        }),
      );
      const begun = world.clock.now();
      const ask = (in_: number) => enqueue(engine, upkeepJob("look", begun + in_));
      await world.pass(10_000);
      expect(times).toEqual([]);
      await ask(20_000);
      await ask(15_000);
      await world.pass(5_000);
      await until(() => times.length === 1);
      isFailing = false;
      await world.pass(60_000);
      await until(() => times.length === 2);
      await world.pass(5_000);
      await until(() => times.length === 3);
      await world.pass(3_600_000);
      expect(times).toEqual([15_000, 75_000, 80_000]);
      expect(world.logged.filter((line) => line.includes("look failed"))).toHaveLength(1);
    });

    it("refuses what a programmer got wrong", async () => {
      const engine = await world.engine();
      engine.work("poll", WIDE, done);
      expect(() => engine.work("poll", WIDE, done)).toThrow(new TypeError("The queue poll has a worker already."));
      expect(() => engine.work("sync", { concurrency: 0, perGroup: 1, deadlineMs: 60_000 }, done)).toThrow(
        "concurrency is 0; it is at least 1",
      );
      expect(() => engine.cron("sweep", "every day", async () => {})).toThrow('cron sweep: "every day" does not parse');
      await engine.start();
      started.push(engine);
      expect(() => engine.work("sync", WIDE, done)).toThrow("work was called on an engine that has been started");
      expect(() => engine.cron("late", "* * * * *", async () => {})).toThrow("cron was called on an engine");
    });
  });
}
