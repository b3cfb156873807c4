import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { assertConsumer } from "../../runtime/deliver/consumers.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";
import { makeHarness, soon } from "./harness.ts";

const DAY = 24 * 60 * 60_000;

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
    const store = `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;
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
    const store = `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;
    const first = await makeHarness({ store });
    first.consumers.on("contact.*", () => {}, { name: "crm" });
    await first.start();
    await first.stop();

    const second = await makeHarness({ store, clock: first.clock });
    await second.start();
    await second.emit({});
    await soon(async () => expect((await second.made())[0]!.nextAttemptAt).toBe(second.clock.now() + 60_000));
    await second.pass(5 * DAY);
    await soon(async () => expect((await second.made())[0]!.status).toBe("cancelled"));
    await second.emit({});
    expect(await second.made()).toHaveLength(1);
    expect((await second.stored()).map(({ type }) => type)).toContain("endpoint.disabled");
    await second.stop();

    const third = await makeHarness({ store, clock: first.clock });
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
    ["with an empty name", ["*", () => {}, { name: "" }], "on: the name must be text that is not empty"],
  ])("%s is refused at once, with nothing opened", (_what, given, message) => {
    const [pattern, handler, options] = given as Parameters<typeof assertConsumer>;
    expect(() => assertConsumer(pattern, handler, options)).toThrow(new TypeError(message));
  });

  it("that no process has registered is looked for again after a minute, and not before", async () => {
    const store = `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;
    const first = await makeHarness({ store });
    first.consumers.on("contact.*", () => {}, { name: "crm" });
    await first.start();
    await first.stop();

    const second = await makeHarness({ store, clock: first.clock });
    await second.start();
    await second.emit({});
    await soon(async () => expect((await second.made())[0]!.nextAttemptAt).toBe(second.clock.now() + 60_000));
    let calls = 0;
    second.consumers.on("contact.*", () => void calls++, { name: "crm" });
    await second.pass(59_999);
    expect(calls).toBe(0);
    await second.pass(1);
    await soon(() => expect(calls).toBe(1));
  });
});
