import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { assertConsumer, type ConsumerArguments } from "../../runtime/deliver/consumers.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { makeHarness, soon } from "./harness.ts";

const DAY = 24 * 60 * 60_000;

const makeStore = async (): Promise<string> => `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;

/** A process with an event for a consumer that only an earlier one had. */
async function makeUnregistered() {
  const store = await makeStore();
  const first = await makeHarness({ store });
  first.consumers.on("contact.*", () => {}, { name: "crm" });
  await first.start();
  await first.stop();
  const process = await makeHarness({ store, clock: first.clock });
  await process.start();
  await process.emit({});
  await soon(async () => expect((await process.made())[0]!.nextAttemptAt).toBe(process.clock.now() + 60_000));
  return { store, process };
}

describe("a consumer in the process", () => {
  it("is called with the same event a webhook's verifier returns", async () => {
    const harness = await makeHarness();
    const seen: WebhookEvent[] = [];
    harness.consumers.on("contact.*", (event) => void seen.push(event));
    await harness.start();
    await harness.emit({ data: { n: 1 } }, { type: "task.created" });
    await soon(() => expect(seen).toHaveLength(1));
    const [event] = await harness.stored();
    expect(seen[0]).toEqual({
      id: event!.id,
      type: "contact.created",
      timestamp: "2026-01-02T03:04:05.678Z",
      data: { n: 1 },
    });
  });

  it("that throws is called again on the schedule of webhooks", async () => {
    const harness = await makeHarness();
    let calls = 0;
    harness.consumers.on("contact.*", async () => {
      if (++calls === 1) throw new Error("database is away, token=abcdef123456");
    });
    await harness.start();
    await harness.emit({});
    await soon(async () => expect((await harness.made())[0]!.attempts).toHaveLength(1));
    await harness.pass(5000);
    await soon(async () => expect((await harness.made())[0]!.status).toBe("delivered"));
    expect((await harness.made())[0]!.attempts).toMatchObject([
      { status: null, error: "exception", answer: "Error: database is away, token=[secret]" },
      { status: null, error: null, answer: null },
    ]);
  });

  it("gets what happened before it was there again", async () => {
    const store = await makeStore();
    const first = await makeHarness({ store });
    first.consumers.on("contact.*", () => {
      throw new Error("not now");
    });
    await first.start();
    await first.emit({ data: { n: 1 } });
    await soon(async () => expect((await first.made())[0]!.attempts).toHaveLength(1));
    await first.stop();

    const second = await makeHarness({ store, clock: first.clock });
    await second.start();
    await second.emit({ data: { n: 2 } });
    await second.pass(5000);
    await soon(async () => expect((await second.made())[0]!.nextAttemptAt).toBe(second.clock.now() + 60_000));
    await second.stop();

    const third = await makeHarness({ store, clock: first.clock });
    const seen: unknown[] = [];
    third.consumers.on("contact.*", (event) => void seen.push(event.data));
    await third.start();
    await third.pass(60_000);
    await soon(() => expect(seen).toHaveLength(2));
    expect(seen).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }]));
  });

  it("that nobody registers for 5 days gets no more, until it is registered again", async () => {
    const { store, process: second } = await makeUnregistered();
    await second.pass(5 * DAY);
    await soon(async () => expect((await second.made())[0]!.status).toBe("cancelled"));
    await second.emit({});
    expect(await second.made()).toHaveLength(1);
    expect((await second.stored()).map(({ type }) => type)).toContain("endpoint.disabled");
    await second.stop();

    const third = await makeHarness({ store, clock: second.clock });
    const seen: unknown[] = [];
    third.consumers.on("contact.*", (event) => void seen.push(event), { name: "crm" });
    await third.start();
    await third.emit({});
    await soon(() => expect(seen).toHaveLength(1));
  });

  it("added after the start gets events from then on", async () => {
    const harness = await makeHarness();
    await harness.start();
    const seen: unknown[] = [];
    harness.consumers.on("*", (event) => void seen.push(event));
    await harness.emit({});
    await soon(() => expect(seen).toHaveLength(1));
  });

  it("shares a pattern with others, each getting every event", async () => {
    const harness = await makeHarness();
    const seen: string[] = [];
    harness.consumers.on("contact.*", () => void seen.push("one"));
    harness.consumers.on("contact.*", () => void seen.push("two"));
    await harness.start();
    await harness.emit({});
    await soon(() => expect(seen.toSorted()).toEqual(["one", "two"]));
  });

  it("cannot have a name twice, nor a malformed pattern", async () => {
    const { consumers } = await makeHarness();
    consumers.on("contact.*", () => {}, { name: "crm" });
    expect(() => consumers.on("task.*", () => {}, { name: "crm" })).toThrow(
      new TypeError('on: a consumer named "crm" exists; give each its own name'),
    );
    expect(() => consumers.on("contact*", () => {})).toThrow(
      expect.objectContaining({
        code: "invalid_input",
        message: 'on: "contact*" is not an event pattern; write a type such as contact.created, contact.*, or *',
      }),
    );
  });

  it.each<[string, unknown[], string]>([
    ["without a pattern", [], "on: the pattern is missing; give a type such as contact.created"],
    ["without a handler", ["contact.*"], "on: the handler of contact.* is not a function; pass (event) => …"],
    ["with an unknown option", ["*", () => {}, { nmae: "crm" }], 'on: unknown option "nmae"; did you mean "name"?'],
    ["with no time", ["*", { timeoutSeconds: 0.9 }, () => {}], "on: timeoutSeconds is 0.9; give 1 to 600"],
    ["with too much time", ["*", () => {}, { timeoutSeconds: 601 }], "on: timeoutSeconds is 601; give 1 to 600"],
    ["with an empty name", ["*", () => {}, { name: "" }], "on: the name must be text that is not empty"],
  ])("%s is refused at once, with nothing opened", (_what, given, message) => {
    const [pattern, ...rest] = given as [string, ...ConsumerArguments];
    expect(() => assertConsumer(pattern, ...rest)).toThrow(new TypeError(message));
  });

  it.each([1, 600])("may take from a second to ten minutes: %d s", (timeoutSeconds) => {
    expect(() => assertConsumer("*", { timeoutSeconds }, () => {})).not.toThrow();
  });

  it("that never settles is told when its time is over, and costs only its own attempts", async () => {
    const harness = await makeHarness({ concurrency: 4, perEndpoint: 4 });
    const told: unknown[] = [];
    const seen: unknown[] = [];
    harness.consumers.on("contact.*", { timeoutSeconds: 1 }, (_event, { signal }) => {
      signal.addEventListener("abort", () => told.push((signal.reason as { code: string }).code));
      return new Promise(() => {});
    });
    harness.consumers.on("task.*", (event) => void seen.push(event.type));
    await harness.start();
    for (let i = 0; i < 4; i++) await harness.emit({ data: { n: i } });
    await soon(() => expect(told).toEqual(Array(4).fill("timeout")));
    await harness.emit({ data: {} }, { type: "task.created" });
    await soon(() => expect(seen).toEqual(["task.created"]));
    await soon(async () => {
      const attempts = (await harness.made()).flatMap((made) => made.attempts).filter(({ error }) => error !== null);
      expect(attempts.map(({ error, answer }) => `${error}: ${answer}`)).toEqual(
        Array(4).fill("timeout: The consumer did not settle within 1 s."),
      );
    });
  });

  it("that is ordered gets no change of a record while an earlier call for it still runs", async () => {
    const harness = await makeHarness();
    const running: (() => void)[] = [];
    harness.consumers.on(
      "contact.*",
      { timeoutSeconds: 1, ordered: true },
      () => new Promise((resolve) => running.push(resolve)),
    );
    await harness.start();
    await harness.emit({ data: { n: 1 } });
    await soon(async () => expect((await harness.made())[0]!.attempts).toHaveLength(1));
    await harness.pass(5_000);
    await soon(async () => expect((await harness.made())[0]!.attempts).toHaveLength(2));
    expect((await harness.made())[0]!.attempts[1]!.answer).toBe("An earlier call for this record still runs.");
    expect(running).toHaveLength(1);
    running[0]!();
    await harness.pass(6 * 60_000);
    await soon(() => expect(running).toHaveLength(2));
    running[1]!();
  });

  it("that is ordered hears of what concerns no record, whatever else still runs", async () => {
    const harness = await makeHarness();
    const seen: string[] = [];
    let first = () => {};
    harness.consumers.on("*", { timeoutSeconds: 1, ordered: true }, ({ type }) => {
      seen.push(type);
      return seen.length === 1 ? new Promise((resolve) => (first = resolve)) : undefined;
    });
    await harness.start();
    await harness.emit({ type: "connection.active", stream: null, recordKey: null });
    await soon(async () => expect((await harness.made())[0]!.attempts).toHaveLength(1));
    await harness.emit({ type: "endpoint.disabled", stream: null, recordKey: null });
    await soon(async () => expect((await harness.made())[1]!.status).toBe("delivered"));
    expect(seen).toEqual(["connection.active", "endpoint.disabled"]);
    first();
  });

  it("that no process has registered is looked for again after a minute, and not before", async () => {
    const { process: second } = await makeUnregistered();
    let calls = 0;
    second.consumers.on("contact.*", () => void calls++, { name: "crm" });
    await second.pass(59_999);
    expect(calls).toBe(0);
    await second.pass(1);
    await soon(() => expect(calls).toBe(1));
  });
});
