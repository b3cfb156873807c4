import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { describe, expect, it } from "vitest";
import { RETRY_DELAYS } from "../../runtime/deliver/schedule.ts";
import { verifyWebhook } from "../../runtime/webhook.ts";
import { makeHarness, receiver, soon, status, webhookHeaders, type Answer, type Harness } from "./harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The only delivery, once it has had this many attempts. */
const afterAttempts = (harness: Harness, count: number) =>
  soon(async () => {
    const [delivery] = await harness.made();
    expect(delivery!.attempts).toHaveLength(count);
    return delivery!;
  });

describe("a delivery", () => {
  it("reaches its endpoint signed, in a form that independent verifiers accept", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(200, {}, "<html>thanks</html>"));
    const { id, secret } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({ data: { change: "created", n: 1 } });

    const delivery = await afterAttempts(harness, 1);
    const [event] = await harness.stored();
    expect(delivery).toMatchObject({ endpoint: id, event: event!.id, status: "delivered", nextAttemptAt: null });
    expect(delivery.attempts[0]).toMatchObject({ status: 200, error: null, answer: "<html>thanks</html>" });

    const [received] = consumer.requests;
    expect(received!.headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "hookline/1.0",
      "webhook-id": event!.id,
    });
    const body = { type: "contact.created", timestamp: "2026-01-02T03:04:05.678Z", data: { change: "created", n: 1 } };
    expect(new Webhook(secret).verify(received!.body, webhookHeaders(received!))).toEqual(body);
    expect(() => new SvixWebhook(secret).verify(received!.body, webhookHeaders(received!))).not.toThrow();
    expect(() => new SvixWebhook(secret).verify(`${received!.body} `, webhookHeaders(received!))).toThrow(/signature/);
    expect(await verifyWebhook(received!, secret)).toEqual({ id: event!.id, ...body });
  });

  it("that fails is retried on the schedule, with one id and a fresh timestamp, then is dead and reported", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500, {}, "oops"));
    const alarms = await receiver();
    const { secret, id } = await harness.endpoints.create({ url: consumer.url, events: ["contact.*"] });
    await harness.endpoints.create({ url: alarms.url, events: ["delivery.exhausted"] });
    await harness.start();
    await harness.emit({});

    let delivery = await afterAttempts(harness, 1);
    for (const [index, delay] of RETRY_DELAYS.entries()) {
      expect(delivery.nextAttemptAt).toBe(harness.clock.now() + delay);
      await harness.pass(delay - 1);
      expect(consumer.requests).toHaveLength(index + 1);
      await harness.pass(1);
      delivery = await afterAttempts(harness, index + 2);
    }
    expect(delivery).toMatchObject({ status: "dead", nextAttemptAt: null });
    expect(delivery.attempts.map(({ error }) => error)).toEqual(Array.from({ length: 8 }, () => "status"));
    expect(new Set(consumer.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const [index, received] of consumer.requests.entries()) {
      const at = Date.parse(delivery.attempts[index]!.at);
      await expect(verifyWebhook(received, secret, { now: () => at })).resolves.toMatchObject({
        type: "contact.created",
      });
    }

    await soon(() => expect(alarms.requests).toHaveLength(1));
    expect(JSON.parse(alarms.requests[0]!.body)).toMatchObject({
      type: "delivery.exhausted",
      data: { delivery: delivery.id, endpoint: id, event: delivery.event, type: "contact.created", attempts: 8 },
    });
  });

  it("of an operational event that fails for good is dead without another event", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({ type: "connection.active", stream: null, recordKey: null, sequence: null });
    for (const [index, delay] of RETRY_DELAYS.entries()) {
      await afterAttempts(harness, index + 1);
      await harness.pass(delay);
    }
    expect(await afterAttempts(harness, 8)).toMatchObject({ status: "dead" });
    expect((await harness.stored()).map(({ type }) => type)).toEqual(["connection.active"]);
  });

  it("goes to the URL its endpoint has by the time of the retry", async () => {
    const harness = await makeHarness();
    const [before, after] = [await receiver(status(500)), await receiver()];
    const { id } = await harness.endpoints.create({ url: before.url });
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    await harness.endpoints.update(id, { url: after.url });
    await harness.pass(5000);
    expect(await afterAttempts(harness, 2)).toMatchObject({ status: "delivered" });
    expect([before.requests.length, after.requests.length]).toEqual([1, 1]);
  });

  it("carries the signatures of both secrets while one replaces the other, for 24 hours", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    const { id, secret: old } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    const { secret, previousValidUntil } = await harness.endpoints.rotateSecret(id);
    expect(Date.parse(previousValidUntil)).toBe(harness.clock.now() + DAY);

    await harness.pass(5000);
    await afterAttempts(harness, 2);
    const during = consumer.requests[1]!;
    expect(during.headers["webhook-signature"]).toMatch(/^v1,\S+ v1,\S+$/);
    expect(() => new Webhook(old).verify(during.body, webhookHeaders(during))).not.toThrow();
    expect(() => new Webhook(secret).verify(during.body, webhookHeaders(during))).not.toThrow();

    await harness.pass(DAY);
    await afterAttempts(harness, 3);
    expect(consumer.requests[2]!.headers["webhook-signature"]).toMatch(/^v1,\S+$/);
  });

  it("interrupted by the end of the process is recorded so, and sent again by the next", async () => {
    const store = `sqlite:${join(await mkdtemp(join(tmpdir(), "hookline-")), "store.db")}`;
    const consumer = await receiver(() => {});
    const first = await makeHarness({ store });
    await first.endpoints.create({ url: consumer.url });
    await first.start();
    await first.emit({});
    await soon(() => expect(consumer.requests).toHaveLength(1));
    await first.stop();

    consumer.answerWith(status(204));
    const second = await makeHarness({ store, clock: first.clock });
    await second.start();
    const delivery = await afterAttempts(second, 2);
    expect(delivery.attempts[0]).toMatchObject({ status: null, durationMs: null, error: "interrupted", answer: null });
    expect(delivery.attempts[1]).toMatchObject({ status: 204, error: null });
    expect(new Set(consumer.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });
});

describe("Retry-After", () => {
  const inTwoMinutes = (harness: Harness) => new Date(Math.ceil(harness.clock.now() / 1000) * 1000 + 2 * MINUTE);
  const cases: [string, (harness: Harness) => string, (harness: Harness) => number][] = [
    ["a number of seconds is obeyed", () => "120", () => 2 * MINUTE],
    ["an HTTP date is obeyed", (h) => inTwoMinutes(h).toUTCString(), (h) => inTwoMinutes(h).getTime() - h.clock.now()],
    ["a negative number is ignored", () => "-5", () => 5000],
    ["a number in another notation is ignored", () => "1e12", () => 5000],
    ["a word is ignored", () => "soon", () => 5000],
    ["more than a day is taken as a day", () => "1000000000000", () => DAY],
    ["a date gone by is ignored", () => "Thu, 01 Jan 2026 00:00:00 GMT", () => 5000],
  ];
  it.each(cases)("as %s", async (_name, header, expected) => {
    const harness = await makeHarness();
    const retryAfter = header(harness);
    const consumer = await receiver(status(503, { "retry-after": retryAfter }));
    await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    const delivery = await afterAttempts(harness, 1);
    expect(delivery.nextAttemptAt! - harness.clock.now()).toBe(expected(harness));
  });

  it("pauses the whole endpoint, not the one delivery", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(429, { "retry-after": "600" }));
    const { id } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    await harness.emit({});
    await soon(async () => {
      const [, second] = await harness.made();
      expect(second!.nextAttemptAt).toBe(harness.clock.now() + 10 * MINUTE);
    });
    expect(consumer.requests).toHaveLength(1);
    const { pausedUntil } = await harness.endpoints.get(id);
    expect(Date.parse(pausedUntil!)).toBe(harness.clock.now() + 10 * MINUTE);

    consumer.answerWith(status(200));
    await harness.pass(10 * MINUTE);
    await soon(async () => expect((await harness.made()).map((d) => d.status)).toEqual(["delivered", "delivered"]));
  });
});

describe("an endpoint", () => {
  it("that answers 410 is disabled, loses what waits for it, and is reported", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    const alarms = await receiver();
    const { id } = await harness.endpoints.create({ url: consumer.url, events: ["contact.*"] });
    await harness.endpoints.create({ url: alarms.url, events: ["endpoint.*"] });
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    consumer.answerWith(status(410));
    await harness.emit({});
    await soon(async () => {
      const own = (await harness.made()).filter(({ endpoint }) => endpoint === id);
      expect(own.map((delivery) => [delivery.status, delivery.attempts.length])).toEqual([
        ["cancelled", 1],
        ["cancelled", 1],
      ]);
    });
    await soon(() => expect(alarms.requests).toHaveLength(1));
    expect(JSON.parse(alarms.requests[0]!.body)).toMatchObject({
      type: "endpoint.disabled",
      data: { endpoint: id, reason: "its receiver answered 410 Gone" },
    });
    expect(await harness.endpoints.get(id)).toMatchObject({
      status: "disabled",
      disabledReason: "its receiver answered 410 Gone",
    });
    await harness.emit({});
    expect((await harness.made()).filter(({ endpoint }) => endpoint === id)).toHaveLength(2);
    await soon(async () => expect(await harness.database.all("select id from jobs")).toEqual([]));
  });

  it("that has only failed for 5 days is disabled; recovering sends everything since, in order, once each", async () => {
    const harness = await makeHarness({ perEndpoint: 1 });
    const consumer = await receiver(status(500));
    const { id } = await harness.endpoints.create({ url: consumer.url, events: ["contact.*"], ordered: true });
    const since = new Date(harness.clock.now()).toISOString();
    await harness.start();
    for (let day = 0; day < 6; day++) {
      await harness.emit({ recordKey: "people/c1" });
      await harness.engine.tick();
      for (let hour = 0; hour < 48; hour++) {
        await soon(async () =>
          expect(await harness.database.all("select 1 from jobs where claimed_by is not null")).toEqual([]),
        );
        await harness.pass(HOUR / 2);
      }
    }
    await soon(async () => expect(await harness.endpoints.get(id)).toMatchObject({ status: "disabled" }));
    const statuses = (await harness.made()).map((delivery) => delivery.status);
    expect(statuses).toContain("dead");
    expect(statuses).toContain("cancelled");
    expect(statuses).not.toContain("pending");
    await expect(harness.endpoints.recover(id, { since })).rejects.toMatchObject({
      code: "conflict",
      message: `Endpoint ${id} is disabled; set its status to active first`,
    });

    consumer.requests.length = 0;
    consumer.answerWith(status(200));
    await harness.endpoints.update(id, { status: "active" });
    const expected = (await harness.made()).map(({ event }) => event);
    expect(await harness.endpoints.recover(id, { since })).toEqual({ deliveries: expected.length });
    await soon(() => expect(consumer.requests.map(({ headers }) => headers["webhook-id"])).toEqual(expected));
    await soon(async () => expect((await harness.endpoints.stats(id)).deliveries.delivered).toBe(expected.length));
    expect(await harness.endpoints.recover(id, { since })).toEqual({ deliveries: 0 });
  });

  it("that succeeds now and then is not disabled, however long it fails in between", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    const { id } = await harness.endpoints.create({ url: consumer.url, events: ["contact.*"] });
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    expect((await harness.endpoints.get(id)).failingSince).toBe(new Date(harness.clock.now()).toISOString());
    consumer.answerWith(status(200));
    await harness.pass(4 * DAY);
    await afterAttempts(harness, 2);
    expect((await harness.endpoints.get(id)).failingSince).toBeNull();
    consumer.answerWith(status(500));
    await harness.pass(4 * DAY);
    await harness.emit({});
    await soon(async () => expect((await harness.made())[1]!.attempts).toHaveLength(1));
    expect(await harness.endpoints.get(id)).toMatchObject({ status: "active" });
  });

  it("that was paused, or began to fail, while the clock was ahead is sent to, and fails from now on", async () => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    const { id } = await harness.endpoints.create({ url: consumer.url });
    const ahead = harness.clock.now() + DAY + 1;
    await harness.database.run("update endpoints set paused_until = ?, failing_since = ?", [ahead, ahead]);
    await harness.start();
    await harness.emit({});
    await afterAttempts(harness, 1);
    expect((await harness.endpoints.get(id)).failingSince).toBe(new Date(harness.clock.now()).toISOString());
    await harness.database.run("update endpoints set paused_until = ?", [harness.clock.now() + DAY]);
    await harness.emit({});
    await soon(async () => expect((await harness.made())[1]!.nextAttemptAt).toBe(harness.clock.now() + DAY));
    expect(consumer.requests).toHaveLength(1);
  });

  it("disabled while an attempt is under way has that attempt recorded, and gets nothing more", async () => {
    const harness = await makeHarness();
    let answerNow = (): void => {};
    const slow: Answer = (response) => (answerNow = () => response.writeHead(500).end());
    const consumer = await receiver(slow);
    const { id } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await soon(() => expect(consumer.requests).toHaveLength(1));
    await harness.endpoints.update(id, { status: "disabled" });
    answerNow();
    await soon(async () => {
      expect(await afterAttempts(harness, 1)).toMatchObject({ status: "cancelled", nextAttemptAt: null });
    });
    await harness.pass(DAY);
    expect(consumer.requests).toHaveLength(1);
  });

  it("deleted while an attempt is under way still has its success recorded", async () => {
    const harness = await makeHarness();
    let answerNow = (): void => {};
    const consumer = await receiver((response) => (answerNow = () => response.writeHead(200).end()));
    const { id } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await soon(() => expect(consumer.requests).toHaveLength(1));
    await harness.endpoints.remove(id);
    answerNow();
    expect(await afterAttempts(harness, 1)).toMatchObject({ status: "delivered" });
    await expect(harness.endpoints.get(id)).rejects.toMatchObject({ code: "not_found" });
  });

  it("with a rate gets no more per second, and holds no slot while its deliveries wait", async () => {
    const harness = await makeHarness({ concurrency: 1 });
    const [slow, fast] = [await receiver(), await receiver()];
    await harness.endpoints.create({ url: slow.url, events: ["slow"], ratePerSecond: 2 });
    await harness.endpoints.create({ url: fast.url, events: ["fast"] });
    await harness.start();
    await harness.emit(...Array.from({ length: 5 }, () => ({ type: "slow" })), { type: "fast" });
    await soon(() => expect([slow.requests.length, fast.requests.length]).toEqual([1, 1]));
    for (const sent of [2, 3, 4, 5]) {
      await harness.pass(499);
      expect(slow.requests).toHaveLength(sent - 1);
      await harness.pass(1);
      await soon(() => expect(slow.requests).toHaveLength(sent));
    }
  });

  it("registered twice for one URL gets two deliveries of one event", async () => {
    const harness = await makeHarness();
    const consumer = await receiver();
    await harness.endpoints.create({ url: consumer.url });
    await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await soon(() => expect(consumer.requests).toHaveLength(2));
    expect(new Set(consumer.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });
});
