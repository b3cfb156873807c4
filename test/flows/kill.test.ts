import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { Random } from "../../runtime/sandbox/random.ts";
import { temporaryFolder, withRuntime } from "../faults/scenes.ts";
import { FastClock } from "../fixtures/fast-clock.ts";
import { RuntimeProcess } from "../fixtures/runtime-process.ts";
import type { WorkerOptions } from "../fixtures/runtime-worker.ts";
import { SEED, SIZES } from "../fixtures/tier.ts";
import { until } from "../fixtures/wait.ts";
import { act } from "./bench.ts";
import { DeskVendor, deskManifest } from "./vendor.ts";

const ROUNDS = SIZES.flowKills;
/** Clock seconds per real second: polls come every 100 ms. */
const SPEED = 3000;
const DEATHS = ["any time", "commit", "effect", "answer"] as const;

describe(`a process killed ${ROUNDS} times while it runs flows (seed ${SEED}; HOOKLINE_SEED repeats it)`, () => {
  it("runs a flow for every event, does every step, and none twice where its action is idempotent", async () => {
    const random = new Random(SEED, "flows");
    const file = join(temporaryFolder(), "hookline.db");
    const vendor = await new DeskVendor().start();
    onTestFinished(() => vendor.stop());
    vendor.pageSize = 5;
    for (let i = 0; i < 6; i++) vendor.put(`old${i}`, "There before");
    const time = { epoch: Date.now(), speed: SPEED, ahead: 0 };
    const options: WorkerOptions = {
      store: `sqlite:${file}`,
      connectors: [deskManifest],
      servers: { desk: { url: vendor.url } },
      time,
    };
    const flows = await makeFlows(options);
    await baseline(file, options);

    let people = 0;
    const arrive = () => vendor.put(`p${++people}`, `Person ${people}`);
    // Now and then the vendor is in trouble, before it has done anything.
    vendor.intercept = (_, response) => {
      if (random.chance(0.3)) arrive();
      if (!random.chance(0.05)) return false;
      response.writeHead(503, { "retry-after": "1" }).end();
      return true;
    };
    let standby = new RuntimeProcess();
    onTestFinished(() => standby.kill());
    for (let round = 0; round < ROUNDS; round++) {
      const runtime = standby;
      standby = new RuntimeProcess();
      for (let i = random.below(3); i >= 0; i--) arrive();
      const death = DEATHS[round % DEATHS.length]!;
      const count = 1 + random.below(6);
      let seen = 0;
      const strike = () => void (++seen === count && runtime.kill());
      vendor.onEffect = (_, response) => {
        if (death === "effect") strike();
        if (death === "answer") response.on("finish", strike);
      };
      const dieAtCommit = {
        count: 5 + random.below(30),
        when: random.chance(0.5) ? ("before" as const) : ("after" as const),
      };
      await runtime.start({ ...options, ...(death === "commit" && { dieAtCommit }) });
      await Promise.race([runtime.ended(), sleep(death === "any time" ? random.below(200) : 400)]);
      runtime.kill();
      await runtime.ended();
    }

    vendor.intercept = vendor.onEffect = () => false;
    await standby.start(options);
    // What is missing if it never happens is said below.
    await until(() => !unfinished(file, people * 2), 50).catch(() => {});
    await standby.stop();

    const names = Array.from({ length: people }, (_, i) => `p${i + 1}`).sort();
    const runs = runsIn(file);
    const repeatable = runs.filter(({ flow }) => flow === flows.repeatable);
    expect(repeatable.map(({ event }) => event).sort()).toEqual(eventsIn(file, flows.repeatable));
    expect(repeatable).toHaveLength(people);
    const unsuccessful = repeatable.filter(({ status }) => status !== "succeeded");
    expect(unsuccessful.filter(({ error }) => !error?.includes("made no progress"))).toEqual([]);
    expect(unsuccessful.length).toBeLessThan(Math.max(2, ROUNDS / 10));
    const ended = new Set(unsuccessful.map(({ event }) => personOf(file, event)));
    const complete = (done: Iterable<string>): string[] => [...done].filter((name) => !ended.has(name)).sort();
    expect(complete(vendor.done("/keyed").map((body) => String(body["name"])))).toEqual(complete(names));
    for (const step of ["first", "last"]) {
      const done = new Set(
        vendor
          .done("/label")
          .filter((body) => (body["tags"] as string[])[0] === step)
          .map((body) => String(body["name"])),
      );
      expect([step, complete(done)]).toEqual([step, complete(names)]);
    }

    const notes = vendor.done("/note").map((body) => String(body["text"]));
    expect(new Set(notes).size).toBe(notes.length);
    const once = runs.filter(({ flow }) => flow === flows.once);
    expect(once.map(({ event }) => event).sort()).toEqual(eventsIn(file, flows.once));
    expect(once).toHaveLength(people);
    const interrupted = once.filter(({ status }) => status === "failed");
    const explained = /cannot be repeated safely|made no progress/;
    expect(interrupted.filter(({ error }) => !explained.test(error ?? ""))).toEqual([]);
    expect(once.filter(({ status }) => status === "succeeded").length).toBe(once.length - interrupted.length);
    expect(notes.length).toBeGreaterThanOrEqual(once.length - interrupted.length);
    expect(people).toBeGreaterThan(ROUNDS);
  });
});

/** One flow whose steps can all be repeated, and one with a step that cannot; both for every new person. */
async function makeFlows(options: WorkerOptions): Promise<{ repeatable: string; once: string }> {
  const clock = new FastClock(options.time!);
  return withRuntime({ ...options, clock }, async ({ accounts, flows }) => {
    const { id: connection } = await accounts.create({ connector: "desk", user: "u_1" });
    const triggers = [{ connection, trigger: "person_created" }];
    const name = "$trigger.resource.id";
    const repeatable = await flows.create({
      name: "Repeatable",
      user: "u_1",
      triggers,
      steps: [
        act("first", connection, "put_label", { name, tags: ["first"] }),
        act("keyed", connection, "post_keyed", { name }),
        { id: "wait", delay: "PT30S" },
        act("last", connection, "put_label", { name: "$steps.first.output.name", tags: ["last"] }),
      ],
    });
    const once = await flows.create({
      name: "Once",
      user: "u_1",
      triggers,
      steps: [act("note", connection, "create_note", { text: name })],
    });
    return { repeatable: repeatable.id, once: once.id };
  });
}

/** Lets the first poll, which is silent, go by. */
async function baseline(file: string, options: WorkerOptions): Promise<void> {
  const runtime = new RuntimeProcess();
  await runtime.start(options);
  await until(() => query(file, "select id from streams where baselined_at is null").length === 0);
  await runtime.stop();
}

function query<Row>(file: string, sql: string, ...params: string[]): Row[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare(sql).all(...params) as Row[];
  } finally {
    db.close();
  }
}

const runsIn = (file: string) =>
  query<{ flow: string; event: string; status: string; error: string | null }>(
    file,
    "select flow, event, status, error from runs",
  );

/** Changes; operational events of a subscription start no run. */
const eventsIn = (file: string, flow: string) =>
  query<{ id: string }>(
    file,
    "select e.id from events e join subscriptions s on s.id = e.subscription where s.flow = ? and e.sequence is not null order by e.id",
    flow,
  ).map(({ id }) => id);

/** The person an event is about. */
function personOf(file: string, event: string): string {
  const [row] = query<{ record_key: string }>(file, "select record_key from events where id = ?", event);
  return row!.record_key;
}

/** Whether a run is still to come or to end. */
function unfinished(file: string, expected: number): boolean {
  const runs = runsIn(file);
  return runs.length < expected || runs.some(({ status }) => status !== "succeeded" && status !== "failed");
}
