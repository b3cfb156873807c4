import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import type { NewEndpoint } from "../../runtime/model/endpoints.ts";
import { createEndpoints } from "../../runtime/deliver/endpoints.ts";
import { createNetwork } from "../../runtime/core/network.ts";
import { makeHarness, quietLog, receiver, soon, status, webhookHeaders } from "./harness.ts";

const url = "https://consumer.example/hook";

describe("an endpoint", () => {
  it("shows its secret once, and never its headers", async () => {
    const harness = await makeHarness();
    const created = await harness.endpoints.create({ url, headers: { Authorization: "Bearer hush-hush-hush" } });
    expect(created.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const { secret, ...view } = created;
    expect(await harness.endpoints.get(created.id)).toEqual(view);
    expect(view).toMatchObject({
      url,
      user: null,
      events: ["*"],
      format: "standard",
      ordered: false,
      headerNames: ["Authorization"],
      status: "active",
    });
    const stored = await harness.database.all<{ sealed: Uint8Array }>("select * from endpoints");
    const text = JSON.stringify(stored) + Buffer.from(stored[0]!.sealed).toString("latin1");
    expect(text).not.toContain("hush");
    expect(text).not.toContain(secret.slice(6));
  });

  it("is refused with every fault of its settings at once, and without quoting header values", async () => {
    const { endpoints } = await makeHarness();
    const wrong: NewEndpoint = {
      url,
      events: ["contact.*", "contact..x"],
      where: "a ==",
      format: "xml" as never,
      ratePerSecond: 0,
      headers: {
        Host: "evil.test",
        "content-length": "1",
        "webhook-signature": "v1,x",
        "x y": "1",
        ok: "a\r\nb: canary",
      },
    };
    const error = await endpoints.create(wrong).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "invalid_input",
      message:
        'endpoint/events/1: "contact..x" is not an event pattern; write a type such as contact.created, contact.*, or * (and 8 more)',
    });
    const { faults } = error as { faults: { pointer: string; message: string }[] };
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      "/events/1",
      "/where",
      "/format",
      "/ratePerSecond",
      "/headers/Host",
      "/headers/content-length",
      "/headers/webhook-signature",
      "/headers/x y",
      "/headers/ok",
    ]);
    expect(faults[4]!.message).toBe("reserved; Hookline sets this header itself");
    expect(faults[8]!.message).toBe("not printable ASCII on one line; encode it");
    expect(JSON.stringify(faults)).not.toContain("canary");
  });

  it("is refused with more headers than are sent", async () => {
    const { endpoints } = await makeHarness();
    const headers = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x-${n}`, "1"]));
    await expect(endpoints.create({ url, headers })).rejects.toMatchObject({
      code: "invalid_input",
      message: "endpoint/headers: 1000 headers; at most 32 are sent",
    });
  });

  it("is refused at a private address, when created and when changed", async () => {
    const { database: db, engine, vault, clock } = await makeHarness();
    const network = createNetwork({ allowPrivate: false, allow: [], trusted: [] });
    const context = { db, engine, connectors: new Map(), network, vault, clock, log: quietLog };
    const endpoints = createEndpoints(context);
    const refused = { code: "invalid_url", message: expect.stringContaining("leads to a private address") as string };
    await expect(endpoints.create({ url: "http://127.1/" })).rejects.toMatchObject(refused);
    const { id } = await endpoints.create({ url });
    await expect(endpoints.update(id, { url: "http://169.254.169.254/" })).rejects.toMatchObject(refused);
    expect(await endpoints.get(id)).toMatchObject({ url });
  });

  it("does not exist for another user", async () => {
    const { endpoints } = await makeHarness();
    const { id } = await endpoints.create({ url, user: "u_1" });
    const none = { code: "not_found", message: `Endpoint ${id} does not exist; list them to find the right id` };
    const other = { user: "u_2" };
    await expect(endpoints.get(id, other)).rejects.toMatchObject(none);
    await expect(endpoints.update(id, { ordered: true }, other)).rejects.toMatchObject(none);
    await expect(endpoints.rotateSecret(id, other)).rejects.toMatchObject(none);
    await expect(endpoints.test(id, other)).rejects.toMatchObject(none);
    await expect(endpoints.recover(id, { since: "1970-01-01T00:00:00Z" }, other)).rejects.toMatchObject(none);
    await expect(endpoints.stats(id, other)).rejects.toMatchObject(none);
    await expect(endpoints.remove(id, other)).rejects.toMatchObject(none);
    expect(await endpoints.get(id, { user: "u_1" })).toMatchObject({ id });
  });

  it("changes only in what is given", async () => {
    const { endpoints } = await makeHarness();
    const { id } = await endpoints.create({ url, where: "n > `1`", headers: { "x-a": "1" }, ratePerSecond: 5 });
    expect(await endpoints.update(id, { events: ["task.*"], where: null })).toMatchObject({
      url,
      events: ["task.*"],
      where: null,
      headerNames: ["x-a"],
      ratePerSecond: 5,
    });
  });

  it("is listed a page at a time", async () => {
    const { endpoints } = await makeHarness();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push((await endpoints.create({ url, user: n === 2 ? "u_1" : undefined })).id);
    const first = await endpoints.list({ limit: 3 });
    const second = await endpoints.list({ limit: 3, cursor: first.nextCursor! });
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    expect((await endpoints.list({ limit: 3 }, { user: "u_1" })).data.map(({ id }) => id)).toEqual([ids[2]]);
  });

  it("can be tested: the answer to a signed event is told at once", async () => {
    const { endpoints } = await makeHarness();
    const consumer = await receiver(status(418, {}, "teapot"));
    const { id, secret } = await endpoints.create({ url: consumer.url });
    expect(await endpoints.test(id)).toMatchObject({ status: 418, error: "status", answer: "teapot" });
    const [received] = consumer.requests;
    expect(new Webhook(secret).verify(received!.body, webhookHeaders(received!))).toMatchObject({
      type: "endpoint.test",
      data: { endpoint: id },
    });
  });

  it("tells how it fares", async () => {
    const harness = await makeHarness();
    const consumer = await receiver((response, { body }) => response.writeHead(body.includes("bad") ? 500 : 200).end());
    const { id } = await harness.endpoints.create({ url: consumer.url });
    expect(await harness.endpoints.stats(id)).toEqual({
      deliveries: { pending: 0, delivered: 0, dead: 0, cancelled: 0 },
      successRate: null,
      durationMs: { p50: null, p95: null },
    });
    await harness.start();
    await harness.emit({}, {}, { data: { bad: true } });
    await soon(async () => {
      const stats = await harness.endpoints.stats(id);
      expect(stats).toMatchObject({ deliveries: { pending: 1, delivered: 2 }, successRate: 1 });
      expect(stats.durationMs.p95).toBeGreaterThanOrEqual(stats.durationMs.p50!);
    });
  });
});

describe("a delivery", () => {
  it.each([false, true])("that waits can be sent at once (ordered: %s)", async (ordered) => {
    const harness = await makeHarness();
    const consumer = await receiver(status(500));
    await harness.endpoints.create({ url: consumer.url, ordered });
    await harness.start();
    await harness.emit({ recordKey: "a" });
    await soon(async () => expect((await harness.made())[0]!.attempts).toHaveLength(1));
    await harness.emit({ recordKey: "a" });
    consumer.answerWith(status(200));
    const [first] = await harness.made();
    const { status: state } = await harness.deliveries.retry(first!.id);
    expect(state).toBe("pending");
    await soon(async () => expect((await harness.made()).map((one) => one.status)).toEqual(["delivered", "delivered"]));
    expect((await harness.deliveries.get(first!.id)).attempts).toHaveLength(2);
    await soon(async () => expect(await harness.database.all("select id from jobs")).toEqual([]));
  });

  it("that has arrived can be sent again, under the same id", async () => {
    const harness = await makeHarness();
    const consumer = await receiver();
    await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({});
    await soon(async () => expect((await harness.made())[0]!.status).toBe("delivered"));
    await harness.deliveries.retry((await harness.made())[0]!.id);
    await soon(() => expect(consumer.requests).toHaveLength(2));
    expect(consumer.requests[1]!.headers["webhook-id"]).toBe(consumer.requests[0]!.headers["webhook-id"]);
  });

  it("to an endpoint that is disabled or deleted cannot be sent again", async () => {
    const harness = await makeHarness();
    const { id } = await harness.endpoints.create({ url });
    await harness.emit({});
    const [delivery] = await harness.made();
    await harness.endpoints.update(id, { status: "disabled" });
    await expect(harness.deliveries.retry(delivery!.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Delivery ${delivery!.id} cannot be sent again: its endpoint is disabled; set its status to active first`,
    });
    await harness.endpoints.remove(id);
    await expect(harness.deliveries.retry(delivery!.id)).rejects.toMatchObject({
      code: "conflict",
      message: `Delivery ${delivery!.id} cannot be sent again: its endpoint was deleted`,
    });
  });

  it("is listed newest first by status and endpoint, for its user only", async () => {
    const harness = await makeHarness();
    const { id } = await harness.endpoints.create({ url, user: "u_1" });
    await harness.endpoints.create({ url });
    await harness.emit({}, {}, {});
    const made = (await harness.made()).filter(({ endpoint }) => endpoint === id).map((delivery) => delivery.id);
    const first = await harness.deliveries.list({ limit: 2, endpoint: id, status: "pending" });
    expect(first.data.map((delivery) => delivery.id)).toEqual([made[2], made[1]]);
    const second = await harness.deliveries.list({ limit: 2, endpoint: id, cursor: first.nextCursor! });
    expect(second).toMatchObject({ data: [{ id: made[0], status: "pending", attempts: [] }], nextCursor: null });
    expect((await harness.deliveries.list({ limit: 10 }, { user: "u_1" })).data).toHaveLength(3);
    expect((await harness.deliveries.list({ limit: 10 }, { user: "u_2" })).data).toEqual([]);
    expect((await harness.deliveries.list({ limit: 10, status: "dead" })).data).toEqual([]);
    await expect(harness.deliveries.get(made[0]!, { user: "u_2" })).rejects.toMatchObject({
      code: "not_found",
      message: `Delivery ${made[0]} does not exist; list them to find the right id`,
    });
  });
});
