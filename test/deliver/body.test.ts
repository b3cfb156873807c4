import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataText, webhookBody } from "../../runtime/deliver/body.ts";
import { signatureHeaders, signingKey } from "../../runtime/deliver/sign.ts";
import { verifySignature, verifyWebhook } from "../../runtime/webhook.ts";
import { makeHarness, receiver, soon } from "./harness.ts";
import { runs } from "../fixtures/tier.ts";

const message = {
  id: "evt_1",
  type: "contact.created",
  connection: "con_1",
  recordKey: "people/c1",
  createdAt: Date.parse("2026-01-02T03:04:05.678Z"),
  data: dataText({ change: "created" }),
};

describe("the body of a webhook", () => {
  it("in the standard format has type, timestamp and data", () => {
    expect(webhookBody("standard", message).toString()).toBe(
      '{"type":"contact.created","timestamp":"2026-01-02T03:04:05.678Z","data":{"change":"created"}}',
    );
  });

  it("as a CloudEvent has the attributes of version 1.0 around the same data", () => {
    expect(JSON.parse(webhookBody("cloudevents", message).toString())).toEqual({
      specversion: "1.0",
      id: "evt_1",
      source: "/connections/con_1",
      type: "contact.created",
      subject: "people/c1",
      time: "2026-01-02T03:04:05.678Z",
      datacontenttype: "application/json",
      data: { change: "created" },
    });
    const operational = { ...message, connection: null, recordKey: null };
    const event = JSON.parse(webhookBody("cloudevents", operational).toString()) as Record<string, unknown>;
    expect(event).toMatchObject({ source: "/" });
    expect(event).not.toHaveProperty("subject");
  });

  it("when bare is the data alone", () => {
    expect(webhookBody("bare", message).toString()).toBe('{"change":"created"}');
  });

  it.each([
    ["standard", "application/json"],
    ["cloudevents", "application/cloudevents+json"],
    ["bare", "application/json"],
  ] as const)("in the format %s is signed over the bytes that are sent", async (format, contentType) => {
    const harness = await makeHarness();
    const consumer = await receiver();
    const { secret } = await harness.endpoints.create({ url: consumer.url, format });
    await harness.start();
    await harness.emit({ data: { n: 1e21, zero: -0, text: "\u2028 😀 ünï" } });
    await soon(() => expect(consumer.requests).toHaveLength(1));
    const [received] = consumer.requests;
    expect(received!.headers["content-type"]).toBe(contentType);
    const { body } = await verifySignature(received!, secret);
    expect(body).toBe(received!.body);
    expect(body).toContain('{"n":1e+21,"zero":0,"text":"\u2028 😀 ünï"}');
  });

  it.each(["standard", "cloudevents"] as const)(
    "in the format %s is read as one and the same event",
    async (format) => {
      const harness = await makeHarness();
      const consumer = await receiver();
      const { secret } = await harness.endpoints.create({ url: consumer.url, format });
      await harness.start();
      await harness.emit({ data: { change: "created" } });
      await soon(() => expect(consumer.requests).toHaveLength(1));
      expect(await verifyWebhook(consumer.requests[0]!, secret)).toEqual({
        id: (await harness.stored())[0]!.id,
        type: "contact.created",
        timestamp: "2026-01-02T03:04:05.678Z",
        data: { change: "created" },
      });
    },
  );

  it("carries a megabyte whole", async () => {
    const harness = await makeHarness();
    const consumer = await receiver();
    const { secret } = await harness.endpoints.create({ url: consumer.url });
    await harness.start();
    await harness.emit({ data: { text: "é".repeat(524_288) } });
    await soon(() => expect(consumer.requests).toHaveLength(1));
    await expect(verifyWebhook(consumer.requests[0]!, secret)).resolves.toMatchObject({
      data: { text: "é".repeat(524_288) },
    });
  });
});

describe("the data text", () => {
  it("replaces lone surrogates, in keys too, and nothing that only looks like one", () => {
    expect(dataText({ "k\ud800": "a\udc00b", pair: "😀", escaped: "\\ud800", quote: '"\\' })).toBe(
      '{"k\ufffd":"a\ufffdb","pair":"😀","escaped":"\\\\ud800","quote":"\\"\\\\"}',
    );
  });

  it("of any JSON is well-formed and means the same", () => {
    const anyText = fc.string({ unit: "binary" }).map((text) => text.replaceAll("d", "\ud800\\"));
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.oneof(anyText, fc.double(), fc.array(anyText))), (data) => {
        const text = dataText(data);
        expect(text.isWellFormed()).toBe(true);
        const plain = JSON.parse(JSON.stringify(data), (_, value: unknown) => wellFormed(value)) as unknown;
        expect(JSON.parse(text)).toEqual(plain);
      }),
      { numRuns: runs(100) },
    );
  });
});

function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), inner as unknown]));
}

describe("a signature", () => {
  it("is the one Standard Webhooks gives as its example", () => {
    const key = signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const body = Buffer.from('{"test": 2432232314}');
    expect(signatureHeaders("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000, body, [key])).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });
});
