import { describe, expect, it, onTestFinished, vi } from "vitest";
import { DAY, MINUTE } from "../../runtime/core/time.ts";
import { sendWebhook } from "../../runtime/deliver/send.ts";
import type { Attempt } from "../../runtime/model/deliveries.ts";
import type { NewEndpoint } from "../../runtime/model/endpoints.ts";
import { makeHarness, receiver, soon, status, type Answer, type Harness } from "./harness.ts";

const url = "https://consumer.example/hook";

/** Sends a test event at once, and gives what is recorded of it. */
async function attemptWith(answer: Answer, deadlineMs?: number): Promise<Attempt> {
  const { endpoints } = await makeHarness({ deadlineMs });
  const { id } = await endpoints.create({ url: (await receiver(answer)).url });
  return endpoints.test(id);
}

describe("an attempt", () => {
  it("ends after 15 seconds, and not before", async () => {
    const { network, clock } = await makeHarness();
    let arrived = (): void => {};
    const waiting = new Promise<void>((resolve) => (arrived = resolve));
    const consumer = await receiver(() => arrived());
    const message = { id: "evt_1", type: "a.b", connection: null, recordKey: null, createdAt: 0, data: "{}" };
    // Sockets stay real; only the deadline's timer waits for the test.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let attempt: Attempt | undefined;
    const sending = sendWebhook(
      { network, clock },
      { url: consumer.url, format: "standard" },
      { headers: {}, keys: () => [] },
      message,
    ).then((sent) => (attempt = sent.attempt));
    await waiting;
    vi.advanceTimersByTime(14_999);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(attempt).toBeUndefined();
    vi.advanceTimersByTime(1);
    await sending;
    expect(attempt).toMatchObject({ status: null, error: "timeout" });
  });

  it.each([
    [1023, 1023],
    [1024, 1024],
    [1025, 1024],
  ])("keeps of an answer of %i bytes %i", async (sent, kept) => {
    const { answer } = await attemptWith(status(200, {}, "x".repeat(sent)));
    expect(answer).toHaveLength(kept);
  });

  it("reads 64 KB of an answer and no more: what comes after them it does not wait for", async () => {
    const unfinished =
      (bytes: number): Answer =>
      (response) =>
        void response.writeHead(200).write(Buffer.alloc(bytes, "x"));
    expect(await attemptWith(unfinished(64 * 1024), 500)).toMatchObject({ status: null, error: "timeout" });
    expect(await attemptWith(unfinished(64 * 1024 + 1))).toMatchObject({ status: 200, error: null });
  });
});

describe("an endpoint", () => {
  const failAt = async (harness: Harness, count: number) => {
    await harness.emit({});
    await soon(async () => expect((await harness.made()).at(-1)!.attempts).toHaveLength(1));
    await soon(async () => expect(await harness.made()).toHaveLength(count));
  };

  it("is disabled when every attempt has failed for 5 days, and not a millisecond before", async () => {
    const harness = await makeHarness();
    const { id } = await harness.endpoints.create({ url: (await receiver(status(500))).url, events: ["contact.*"] });
    await harness.start();
    await failAt(harness, 1);
    harness.clock.advance(5 * DAY - 1);
    await failAt(harness, 2);
    expect(await harness.endpoints.get(id)).toMatchObject({ status: "active" });
    harness.clock.advance(1);
    await harness.emit({});
    await soon(async () =>
      expect(await harness.endpoints.get(id)).toMatchObject({
        status: "disabled",
        disabledReason: "every attempt has failed for 5 days",
      }),
    );
  });

  it("signs with the secret before a rotation for 24 hours, and not a millisecond longer", async () => {
    const { endpoints, clock } = await makeHarness();
    const consumer = await receiver();
    const { id } = await endpoints.create({ url: consumer.url });
    const signatures = async () => {
      await endpoints.test(id);
      return String(consumer.requests.at(-1)!.headers["webhook-signature"]).split(" ").length;
    };
    const { previousValidUntil } = await endpoints.rotateSecret(id);
    expect(Date.parse(previousValidUntil)).toBe(clock.now() + DAY);
    clock.advance(DAY - 1);
    expect(await signatures()).toBe(2);
    clock.advance(1);
    expect(await signatures()).toBe(1);
  });

  it("signs with five secrets at most, however often they are rotated", async () => {
    const { endpoints } = await makeHarness();
    const consumer = await receiver();
    const { id } = await endpoints.create({ url: consumer.url });
    const counts: number[] = [];
    for (let rotation = 0; rotation < 5; rotation++) {
      await endpoints.rotateSecret(id);
      await endpoints.test(id);
      counts.push(String(consumer.requests.at(-1)!.headers["webhook-signature"]).split(" ").length);
    }
    expect(counts).toEqual([2, 3, 4, 5, 5]);
  });

  const headers = (count: number, length = 1) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, "1".repeat(length)]));
  const patterns = (count: number) => Array.from({ length: count }, (_, n) => `thing${n}.*`);
  it.each<[string, Partial<NewEndpoint>, Partial<NewEndpoint>, string]>([
    ["1 to 100 patterns", { events: patterns(100) }, { events: patterns(101) }, "/events"],
    ["at least one pattern", { events: patterns(1) }, { events: [] }, "/events"],
    ["up to 32 headers", { headers: headers(32) }, { headers: headers(33) }, "/headers"],
    ["headers of 4096 characters", { headers: headers(1, 4096) }, { headers: headers(1, 4097) }, "/headers/x-0"],
    ["a rate from 0.001", { ratePerSecond: 0.001 }, { ratePerSecond: 0.000_999 }, "/ratePerSecond"],
    ["a rate up to 1000", { ratePerSecond: 1000 }, { ratePerSecond: 1000.001 }, "/ratePerSecond"],
  ])("takes %s", async (_what, good, bad, pointer) => {
    const { endpoints } = await makeHarness();
    const { id } = await endpoints.create({ url, ...good });
    const refused = { code: "invalid_input", faults: [expect.objectContaining({ pointer })] };
    await expect(endpoints.create({ url, ...bad })).rejects.toMatchObject(refused);
    await expect(endpoints.update(id, bad)).rejects.toMatchObject(refused);
  });

  it.each([
    [0.001, 1_000_000],
    [1000, 1],
  ])("with a rate of %f per second gets one attempt every %i ms after its burst", async (ratePerSecond, interval) => {
    const harness = await makeHarness();
    const consumer = await receiver();
    await harness.endpoints.create({ url: consumer.url, ratePerSecond });
    await harness.start();
    const burst = Math.max(1, 100 / interval);
    await harness.emit(...Array.from({ length: burst + 1 }, () => ({})));
    await soon(() => expect(consumer.requests).toHaveLength(burst));
    for (let passed = 0; passed < interval - 1; passed += Math.min(MINUTE, interval - 1 - passed || 1))
      await harness.pass(Math.min(MINUTE, interval - 1 - passed));
    expect(consumer.requests).toHaveLength(burst);
    await harness.pass(1);
    await soon(() => expect(consumer.requests).toHaveLength(burst + 1));
  });
});

describe("recovering", () => {
  it.each([499, 500, 501])("sends %i lost deliveries again, each once", async (count) => {
    const harness = await makeHarness();
    const { id } = await harness.endpoints.create({ url });
    await harness.emit(...Array.from({ length: count }, () => ({})));
    await harness.endpoints.update(id, { status: "disabled" });
    await harness.endpoints.update(id, { status: "active" });
    expect(await harness.endpoints.recover(id, { since: "1970-01-01T00:00:00Z" })).toEqual({ deliveries: count });
    const made = await harness.made();
    expect([made.length, new Set(made.map((delivery) => delivery.status))]).toEqual([count, new Set(["pending"])]);
  });

  it("takes the deliveries created at its time, and none created before", async () => {
    const harness = await makeHarness();
    const { id } = await harness.endpoints.create({ url });
    await harness.emit({});
    harness.clock.advance(1);
    await harness.emit({}, {});
    const since = new Date(harness.clock.now()).toISOString();
    await harness.endpoints.update(id, { status: "disabled" });
    await harness.endpoints.update(id, { status: "active" });
    expect(await harness.endpoints.recover(id, { since })).toEqual({ deliveries: 2 });
  });
});
