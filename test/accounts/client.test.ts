import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ErrorMatcher, RateLimit } from "../../schemas/manifest.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { VendorError } from "../../runtime/vendor/errors.ts";
import type { SendOptions } from "../../runtime/accounts/client.ts";
import { acme, harness, vendorServer, type Reply, type Seen } from "./harness.ts";

const TOKEN = "canary-bearer-token-123456";
const READ: SendOptions = { scope: "stream", kind: "read" };
const WRITE: SendOptions = { scope: "action", kind: "write" };

/** An active connection to a vendor that answers `/v1/me` well and everything else as told. */
async function connected(
  answer: (request: Seen, count: number) => Reply,
  parts: { errors?: ErrorMatcher[]; rateLimits?: RateLimit[] } = {},
) {
  let count = 0;
  const vendor = await vendorServer((request) =>
    request.url === "/v1/me" ? { json: { email: "a@x.example" } } : answer(request, ++count),
  );
  const h = await harness([acme(parts)], { url: vendor.url });
  const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials: { token: TOKEN } });
  return { ...h, id, vendor, client: await h.accounts.client(id), things: () => vendor.calls("/v1/things") };
}

const get = { method: "GET", path: "/things" };
const post = { method: "POST", path: "/things", body: { a: 1 } };

describe("a request to a vendor", () => {
  it("carries credentials, the connector's headers, query lists and a JSON body", async () => {
    const { client, things } = await connected(() => ({ json: { ok: true } }));
    const answer = await client.send(
      {
        method: "POST",
        path: "/things",
        query: { tag: ["a", "b c"], none: undefined, n: 0 },
        headers: { "X-Extra": 1 },
        body: { a: 1 },
      },
      WRITE,
    );
    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
    expect(things()[0]).toMatchObject({
      url: "/v1/things?tag=a&tag=b+c&n=0",
      body: '{"a":1}',
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "x-extra": "1" },
    });
  });

  it("can send a form, and a body with DELETE", async () => {
    const { client, things } = await connected(() => ({ status: 204 }));
    await client.send({ method: "DELETE", path: "/things", body: { ids: ["1", "2"] }, bodyType: "form" }, WRITE);
    expect(things()[0]).toMatchObject({
      method: "DELETE",
      body: "ids=1&ids=2",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  });

  it("reads binary answers with their size and hash", async () => {
    const { client } = await connected(() => ({ text: "abc", headers: { "content-type": "audio/x-wav" } }));
    expect((await client.send({ ...get, answer: "binary" }, READ)).body).toEqual({
      mediaType: "audio/x-wav",
      size: 3,
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      content: "YWJj",
    });
  });

  it("takes an answer that is not JSON for a failure, never for an empty list", async () => {
    const { client } = await connected(() => ({ text: "<html>captive portal</html>" }));
    await expect(client.send(get, { ...READ, retry: { max: 0, on: [] } })).rejects.toMatchObject({
      code: "vendor_error",
      class: "serverError",
      message: "acme /things: the vendor answered 200 with a body that is not JSON; try again later",
    });
  });

  it("does not leave for a host the manifest does not allow", async () => {
    const { client, vendor } = await connected(() => ({ json: {} }));
    const before = vendor.seen.length;
    await expect(client.send({ method: "GET", url: "https://evil.example/next" }, READ)).rejects.toMatchObject({
      code: "host_not_allowed",
      message: expect.stringMatching(
        /^acme: https:\/\/evil\.example is not one of its hosts \(https: api\.acme\.example/,
      ),
    });
    expect(vendor.seen.length).toBe(before);
  });

  it("does not send credentials over plain http to the manifest's own hosts", async () => {
    const { client } = await connected(() => ({ json: {} }));
    await expect(client.send({ method: "GET", url: "http://api.acme.example/next" }, READ)).rejects.toMatchObject({
      code: "host_not_allowed",
    });
  });

  it("does not follow a redirect to an internal address", async () => {
    const inner = await vendorServer(() => ({ json: {} }));
    const { client } = await connected(() => ({ status: 302, headers: { location: `${inner.url}/x` } }));
    await expect(client.send(get, READ)).rejects.toMatchObject({ code: "vendor_error", class: "unknown", status: 302 });
    expect(inner.seen).toHaveLength(0);
  });
});

describe("what an error answer means", () => {
  it.each<[number, string, string]>([
    [400, "invalidInput", "vendor_error"],
    [403, "unknown", "vendor_error"],
    [404, "notFound", "vendor_error"],
    [409, "conflict", "conflict"],
    [412, "conflict", "conflict"],
    [418, "unknown", "vendor_error"],
    [422, "invalidInput", "vendor_error"],
    [429, "rateLimited", "rate_limited"],
    [500, "serverError", "vendor_error"],
  ])("status %i is %s", async (status, errorClass, code) => {
    const { client } = await connected(() => ({ status, json: { error: { message: "Vendor says no" } } }));
    const error = await client.send(get, { ...READ, retry: { max: 0, on: [] } }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(VendorError);
    expect(error).toMatchObject({
      class: errorClass,
      code,
      status,
      message: expect.stringContaining(`acme /things: the vendor answered ${status}: Vendor says no; `),
      data: { vendor: { status, message: "Vendor says no" } },
    });
  });

  it("the manifest's matchers come first, in order, and only in their scope", async () => {
    const errors: ErrorMatcher[] = [
      { class: "cursorExpired", status: [400], when: "body.reason == 'EXPIRED'", scope: "stream" },
      { class: "conflict", status: [400] },
    ];
    const { client } = await connected(() => ({ status: 400, json: { reason: "EXPIRED" } }), { errors });
    await expect(client.send(get, READ)).rejects.toMatchObject({ class: "cursorExpired", code: "cursor_expired" });
    await expect(client.send(get, { ...READ, scope: "action" })).rejects.toMatchObject({
      class: "conflict",
      code: "conflict",
    });
  });

  const waitFor = async (header: string) => {
    const { client } = await connected(() => ({ status: 503, headers: { "retry-after": header } }));
    const error = await client.send(get, { ...READ, retry: { max: 0, on: [] } }).catch((e: unknown) => e);
    return (error as VendorError).retryAfterMs;
  };

  it.each([
    ["120", 120_000],
    ["Thu, 01 Jan 2099 00:00:00 GMT", 24 * 3_600_000],
    ["1000000000000", 24 * 3_600_000],
  ])("Retry-After: %s is %i ms", async (header, expected) => {
    expect(await waitFor(header)).toBe(expected);
  });

  it.each(["-5", "soon", "Thu, 01 Jan 1998 00:00:00 GMT", ""])("Retry-After: %j says nothing", async (header) => {
    expect(await waitFor(header)).toBeUndefined();
  });

  it("a bearer token the vendor no longer accepts pauses the connection, once", async () => {
    const { client, accounts, id, events, statuses, things } = await connected(() => ({
      status: 401,
      json: { message: "bad token" },
    }));
    await expect(client.send(get, READ)).rejects.toMatchObject({ class: "authExpired" });
    await expect(client.send(get, READ)).rejects.toMatchObject({
      code: "reauth_required",
      message: `${id}: the grant is gone; a person has to reconnect`,
    });
    expect(things()).toHaveLength(1);
    expect(events.map(({ type }) => type)).toEqual(["connection.active", "connection.reauth_required"]);
    expect(statuses.at(-1)).toMatchObject({ id, status: "reauth_required" });
    expect((await accounts.get(id)).status).toBe("reauth_required");
    expect((await accounts.test(id)).status).toBe("active");
  });
});

describe("a connection's row", () => {
  const counted = async () => {
    const h = await connected(() => ({ json: {} }));
    const get = vi.spyOn(h.db, "get");
    const reads = () => get.mock.calls.filter(([sql]) => sql.includes("from connections")).length;
    return { ...h, reads, row: (await findConnection(h.db, h.id))! };
  };
  const later = (ms: number) => {
    const now = performance.now() + ms;
    const spy = vi.spyOn(performance, "now").mockReturnValue(now);
    onTestFinished(() => spy.mockRestore());
  };

  it("that is in hand is not read again for the requests of a second", async () => {
    const { accounts, row, reads } = await counted();
    later(0);
    const before = reads();
    const client = await accounts.client(row);
    later(999);
    await client.send(get, READ);
    expect(reads() - before).toBe(0);
    later(1000);
    await client.send(get, READ);
    expect(reads() - before).toBe(1);
    await client.send(get, READ);
    expect(reads() - before).toBe(1);
  });

  it("is read once for a client that is opened by id", async () => {
    const { accounts, id, reads } = await counted();
    const before = reads();
    await (await accounts.client(id)).send(get, READ);
    expect(reads() - before).toBe(1);
  });

  it("that says the connection does not work is not believed, but read again", async () => {
    const { accounts, row } = await counted();
    const client = await accounts.client({ ...row, status: "reauth_required" });
    expect((await client.send(get, READ)).status).toBe(200);
  });
});

describe("trying again", () => {
  it("reads are repeated on server errors and broken connections", async () => {
    const { client, things } = await connected((_r, n) =>
      n === 1 ? { status: 500 } : n === 2 ? "reset" : { json: { n } },
    );
    expect((await client.send(get, READ)).body).toEqual({ n: 3 });
    expect(things()).toHaveLength(3);
  });

  it.each([
    ["three of an action", "action", 4],
    ["two of a poll", "stream", 3],
    ["two of a poll that asks for a record", "enrich", 3],
  ] as const)("stops after the tries it has: %s", async (_, scope, times) => {
    const { client, things } = await connected(() => ({ status: 500 }));
    await expect(client.send(get, { ...READ, scope })).rejects.toMatchObject({ class: "serverError" });
    expect(things()).toHaveLength(times);
  });

  it("of a poll waits for a limit for which the vendor names the time", async () => {
    const limited = { status: 429, headers: { "retry-after": "0" } };
    const { client, things } = await connected((_r, n) => (n === 1 ? limited : { json: {} }));
    await client.send(get, READ);
    expect(things()).toHaveLength(2);
  });

  it("of a poll waits for no limit for which the vendor names none, and neither does its next request", async () => {
    const { client, things } = await connected((_r, n) => (n === 1 ? { status: 429 } : { json: {} }));
    await expect(client.send(get, READ)).rejects.toMatchObject({ code: "rate_limited", retry: { after: undefined } });
    await expect(client.send(get, READ)).rejects.toMatchObject({ code: "rate_limited", data: { isNamed: false } });
    expect(things()).toHaveLength(1);
  });

  it.each<[string, Reply, number]>([
    ["a server error", { status: 500 }, 1],
    ["a broken connection", "reset", 1],
    ["503 without a time", { status: 503 }, 1],
    ["503 with a time", { status: 503, headers: { "retry-after": "0" } }, 2],
    ["429", { status: 429, headers: { "retry-after": "0" } }, 2],
  ])("a write that is not idempotent, after %s, is sent %#", async (_what, first, times) => {
    const { client, things } = await connected((_r, n) => (n === 1 ? first : { json: {} }));
    await client.send(post, WRITE).catch(() => {});
    expect(things()).toHaveLength(times);
  });

  it.each(["natural", "precondition", "key"] as const)(
    "a write whose idempotency is %s is repeated after a broken connection",
    async (idempotency) => {
      const { client, things } = await connected((_r, n) => (n === 1 ? "reset" : { json: {} }));
      await client.send(post, { ...WRITE, idempotency });
      expect(things()).toHaveLength(2);
    },
  );

  it("does not wait for a Retry-After longer than its time, but says it", async () => {
    const { client, things } = await connected(() => ({ status: 429, headers: { "retry-after": "3600" } }));
    await expect(client.send(get, READ)).rejects.toMatchObject({ code: "rate_limited", retry: { after: 3_600_000 } });
    expect(things()).toHaveLength(1);
  });

  it("ends at once when the caller aborts", async () => {
    const { client } = await connected(() => "hang");
    const stop = new AbortController();
    const sent = client.send(get, { ...READ, signal: stop.signal });
    setTimeout(() => stop.abort(new Error("stopping")), 20);
    await expect(sent).rejects.toThrow("stopping");
  });
});

describe("a vendor's limits", () => {
  it("a 429 holds back all work of the connection until its time is over", async () => {
    const { client, accounts, id, clock, things } = await connected((_r, n) =>
      n === 1 ? { status: 429, headers: { "retry-after": "60" } } : { json: {} },
    );
    await client.send(get, READ).catch(() => {});
    const other = await accounts.client(id);
    await expect(other.send(get, { ...READ, retry: { max: 0, on: [] } })).rejects.toMatchObject({
      code: "rate_limited",
      message: `${id}: the limit of acme is reached; try again in 60 s`,
    });
    expect(things()).toHaveLength(1);
    clock.advance(60_001);
    await other.send(get, READ);
    expect(things()).toHaveLength(2);
  });

  it("hold back all work for ten seconds when the vendor does not say for how long", async () => {
    const { client, clock } = await connected((_r, n) => (n === 1 ? { status: 429 } : { json: {} }));
    const once = { ...READ, retry: { max: 0, on: [] } };
    await client.send(get, once).catch(() => {});
    await expect(client.send(get, once)).rejects.toMatchObject({ code: "rate_limited", retry: { after: 10_000 } });
    clock.advance(10_000);
    expect((await client.send(get, once)).status).toBe(200);
  });

  it("are kept before the vendor has to say so, reads apart from writes", async () => {
    const limit: RateLimit = { points: 2, seconds: 60, per: "connection", appliesTo: "read", pollShare: 1 };
    const { client, things } = await connected(() => ({ json: {} }), { rateLimits: [limit] });
    const once = { max: 0, on: [] };
    await client.send(get, { ...READ, retry: once });
    await client.send(get, { ...READ, retry: once });
    await expect(client.send(get, { ...READ, retry: once })).rejects.toMatchObject({ code: "rate_limited" });
    await client.send(post, { ...WRITE, retry: once });
    expect(things()).toHaveLength(3);
  });

  it("wait when there is soon room again", async () => {
    const rateLimits: RateLimit[] = [{ points: 1, seconds: 1, per: "client" }];
    const { client, things } = await connected(() => ({ json: {} }), { rateLimits });
    await client.send(get, READ);
    await client.send(get, READ);
    expect(things()).toHaveLength(2);
  });

  it("are learned from the headers of answers", async () => {
    const rateLimits: RateLimit[] = [
      { points: 100, seconds: 10, per: "connection", headers: { remaining: "X-Remaining", reset: "X-Reset" } },
    ];
    const { client } = await connected(() => ({ json: {}, headers: { "x-remaining": "0", "x-reset": "30" } }), {
      rateLimits,
    });
    await client.send(get, READ);
    await expect(client.send(get, { ...READ, retry: { max: 0, on: [] } })).rejects.toMatchObject({
      code: "rate_limited",
      retry: { after: 30_000 },
    });
  });
});

describe("secrets", () => {
  it("never appear in errors, whatever the vendor sends back", async () => {
    const { client, logged } = await connected((request) => ({
      status: 500,
      json: { message: `you sent ${request.headers.authorization}` },
    }));
    const error = (await client
      .send(get, { ...READ, retry: { max: 0, on: [] } })
      .catch((e: unknown) => e)) as VendorError;
    expect(error.message).toContain("you sent Bearer [secret]");
    expect(JSON.stringify([error.message, error.data, error.stack, logged])).not.toContain(TOKEN);
  });
});
