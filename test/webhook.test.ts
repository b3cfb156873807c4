import { Webhook } from "standardwebhooks";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  verifySignature,
  verifyWebhook,
  WebhookVerificationError,
  type Change,
  type EventOf,
  type WebhookEvent,
  type WebhookRequest,
} from "../runtime/webhook.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const other = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const at = Date.parse("2026-11-21T22:00:00Z");
const now = () => at;

/** A webhook as the package standardwebhooks signs it. */
function signed(body: string, options: { secret?: string; at?: number } = {}) {
  const time = options.at ?? at;
  const signature = new Webhook(options.secret ?? secret).sign("evt_1", new Date(time), body);
  return {
    body,
    headers: {
      "webhook-id": "evt_1",
      "webhook-timestamp": String(Math.floor(time / 1000)),
      "webhook-signature": signature,
    },
  };
}

const event = { type: "contact.created", timestamp: "2026-11-21T22:00:00.000Z", data: { change: "created" } };
const request = signed(JSON.stringify(event));

const fault = async (given: WebhookRequest, options = { now }) => {
  const error: unknown = await verifyWebhook(given, secret, options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WebhookVerificationError);
  const { code, message } = error as WebhookVerificationError;
  return [code, message];
};

describe("verifyWebhook", () => {
  it("returns the event of a webhook signed by an independent hand", async () => {
    expect(await verifyWebhook(request, secret, { now })).toEqual({ id: "evt_1", ...event });
  });

  it("takes bytes, Headers, names in any case, and lists of values", async () => {
    const { headers } = request;
    const body = Buffer.from(request.body);
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
    for (const form of [new Headers(headers), upper]) {
      expect(await verifyWebhook({ body, headers: form }, secret, { now })).toMatchObject({ type: "contact.created" });
    }
  });

  it("accepts any of several secrets and any of several signatures", async () => {
    await expect(verifyWebhook(request, [other, secret], { now })).resolves.toMatchObject({ id: "evt_1" });
    const both = `${signed(request.body, { secret: other }).headers["webhook-signature"]} v2,x v1,%% ${request.headers["webhook-signature"]}`;
    const headers = { ...request.headers, "webhook-signature": both };
    await expect(verifyWebhook({ ...request, headers }, secret, { now })).resolves.toMatchObject({ id: "evt_1" });
  });

  it("names a body that was parsed before, and a secret that is missing", async () => {
    const parsed = { ...request, body: event as never };
    await expect(verifyWebhook(parsed, secret, { now })).rejects.toThrow(
      new TypeError(
        "verifyWebhook: the body is neither text nor bytes; read this route with express.raw(), before express.json() parses the body",
      ),
    );
    await expect(verifyWebhook(request, undefined as never, { now })).rejects.toThrow(
      new TypeError("verifyWebhook: no secret given; pass the whsec_ value of the endpoint"),
    );
  });

  it.each([Number.NaN, -1, "300", null])("refuses a tolerance of %s, which any age would pass", async (tolerance) => {
    const late = { now: () => at + 3_600_000, toleranceSeconds: tolerance as number };
    await expect(verifyWebhook(request, secret, late)).rejects.toThrow(
      new TypeError(`verifyWebhook: toleranceSeconds is ${tolerance}; give a number, 0 or more`),
    );
  });

  it("refuses a time that is no number, beside which nothing is old", async () => {
    await expect(verifyWebhook(request, secret, { now: () => Number.NaN })).rejects.toThrow(
      new TypeError("verifyWebhook: now gives no number; give milliseconds since the epoch"),
    );
  });

  it("reads CloudEvents", async () => {
    const body = { specversion: "1.0", id: "evt_1", type: event.type, time: event.timestamp, data: event.data };
    expect(await verifyWebhook(signed(JSON.stringify(body)), secret, { now })).toEqual({ id: "evt_1", ...event });
  });

  it("refuses a changed body, id, time or secret", async () => {
    const wrong = [
      "wrong_signature",
      "webhook-signature: no signature matches; check the secret, and that the body is passed as it arrived, unparsed",
    ];
    expect(await fault({ ...request, body: `${request.body} ` })).toEqual(wrong);
    expect(await fault({ ...request, headers: { ...request.headers, "webhook-id": "evt_2" } })).toEqual(wrong);
    const later = { ...request.headers, "webhook-timestamp": String(at / 1000 + 1) };
    expect(await fault({ ...request, headers: later })).toEqual(wrong);
    expect(await fault(signed(request.body, { secret: other }))).toEqual(wrong);
    const none = { ...request.headers, "webhook-signature": "v1," };
    expect(await fault({ ...request, headers: none })).toEqual(wrong);
  });

  it("refuses what is older or newer than the tolerance", async () => {
    const remedy = "check this machine's clock, or raise toleranceSeconds";
    expect(await fault(request, { now: () => at + 301_000 })).toEqual([
      "too_old",
      `webhook-timestamp: sent 301 s ago; ${remedy}`,
    ]);
    expect(await fault(request, { now: () => at - 301_000 })).toEqual([
      "too_new",
      `webhook-timestamp: 301 s ahead; ${remedy}`,
    ]);
    await expect(verifyWebhook(request, secret, { now: () => at + 300_000 })).resolves.toMatchObject({ id: "evt_1" });
    const patient = { now: () => at + 3_600_000, toleranceSeconds: 3600 };
    await expect(verifyWebhook(request, secret, patient)).resolves.toMatchObject({ id: "evt_1" });
  });

  it("names the header that is missing or malformed", async () => {
    const { "webhook-id": _id, ...without } = request.headers;
    expect(await fault({ ...request, headers: without })).toEqual([
      "missing_header",
      "webhook-id: missing; pass all headers of the request",
    ]);
    expect(await fault({ ...request, headers: { ...request.headers, "webhook-timestamp": "123abc" } })).toEqual([
      "invalid_timestamp",
      "webhook-timestamp: not a number of seconds since 1970",
    ]);
  });

  it("refuses a signed body that is no event, and says what to use for a bare one", async () => {
    expect(await fault(signed("[1"))).toEqual([
      "invalid_body",
      "webhook body: not a JSON object; log it and look at the sender",
    ]);
    expect(await fault(signed('{"change":"created"}'))).toEqual([
      "invalid_body",
      "webhook body: no type, time and data in it; use an endpoint of format standard or cloudevents, or verifySignature for a bare one",
    ]);
    expect(await verifySignature(signed('{"change":"created"}'), secret, { now })).toEqual({
      id: "evt_1",
      body: '{"change":"created"}',
    });
  });

  it("throws a TypeError for a secret that cannot be one, without repeating it", async () => {
    const message = "verifyWebhook: a secret is whsec_ followed by base64; copy it whole";
    await expect(verifyWebhook(request, "whsec_%%%", { now })).rejects.toThrow(new TypeError(message));
    await expect(verifyWebhook(request, [], { now })).rejects.toThrow(
      new TypeError("verifyWebhook: no secret given; pass the whsec_ value of the endpoint"),
    );
  });

  it("gives a union that narrows by type", () => {
    type Contact = { type: "contact"; id: string; firstName: string };
    type Contacts = EventOf<"contact.created", Change<"created", Contact>>;
    const read = (given: WebhookEvent<Contacts>): string | undefined =>
      given.type === "contact.created" ? given.data.resource?.firstName : given.type;
    const general = (given: WebhookEvent): string =>
      given.type === "task.deleted" ? given.data.change : given.type === "endpoint.disabled" ? given.data.reason : "";
    expectTypeOf(read).returns.toEqualTypeOf<string | undefined>();
    expect(
      general({ id: "e", type: "endpoint.disabled", timestamp: "", data: { endpoint: "ep", user: null, reason: "r" } }),
    ).toBe("r");
  });
});
