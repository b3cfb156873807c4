/** New connections whose vendor gives no answer to the first test: they keep their tokens, and are not used until it does. */
import { describe, expect, it } from "vitest";
import { connections, findConnection } from "../../runtime/model/connections.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply } from "./harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DOWN: Reply = { status: 503, json: {} };
const ADA: Reply = { json: { email: "ada@x.example" } };

async function arrived(first: Reply, more: object = {}) {
  const say: { me: Reply; token?: Reply } = { me: first };
  let issued = 0;
  const vendor = await vendorServer(({ url }) => {
    if (url === "/revoke") return { json: {} };
    if (url !== "/token") return say.me;
    const json = { access_token: `access-token-${++issued}`, refresh_token: "refresh-token-1", expires_in: 3600 };
    return say.token ?? { json };
  });
  const wakes: number[] = [];
  const h = await harness([acme({ authentication: { ...acmeOAuth, ...more } })], {
    url: vendor.url,
    onWaiting: async (_tx, at) => void wakes.push(at),
  });
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  const callback = { state: new URL(authorizeUrl!).searchParams.get("state")!, code: "the-code" };
  const finished = await h.accounts.finishOAuth(callback, SESSION);
  return { ...h, vendor, say, id, callback, finished, wakes, tests: () => vendor.calls("/v1/me").length };
}

describe("a first connection whose test", () => {
  it.each<[string, Reply]>([
    ["is answered 503", DOWN],
    ["is answered 429", { status: 429, json: {} }],
    ["is answered 403 without a word of scopes", { status: 403, json: {} }],
    ["is answered by a page of HTML", { text: "<html>" }],
    ["gets no answer", "reset"],
  ])("%s keeps its tokens sealed, is not active, and says why", async (_what, reply) => {
    const h = await arrived(reply);
    expect(h.finished.connection).toMatchObject({
      status: "pending",
      error: { message: expect.stringContaining("has not answered the first test yet; it is repeated until") },
    });
    expect((await findConnection(h.db, h.id))!.credentials).not.toBeNull();
    await expect(h.accounts.client(h.id)).rejects.toMatchObject({ code: "conflict" });
    expect(h.statuses).toEqual([]);
    expect(h.events).toEqual([]);
    expect(h.wakes).toEqual([h.clock.now() + MINUTE]);
  });

  it("lacks its scope is active: the vendor knows the token", async () => {
    const h = await arrived({
      status: 403,
      headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
      json: {},
    });
    expect(h.finished.connection).toMatchObject({ status: "active", error: null });
  });

  it("is refused is rejected, as ever", async () => {
    await expect(arrived({ status: 401, json: {} })).rejects.toMatchObject({ code: "connection_rejected" });
  });
});

describe("a waiting connection", () => {
  it("becomes active with the first answer, named and with one event", async () => {
    const h = await arrived(DOWN);
    h.say.me = ADA;
    h.clock.advance(MINUTE - 1);
    await h.accounts.testWaiting();
    expect((await h.accounts.get(h.id)).status).toBe("pending");
    h.clock.advance(1);
    expect(await h.accounts.testWaiting()).toBeUndefined();
    expect(await h.accounts.get(h.id)).toMatchObject({
      status: "active",
      error: null,
      label: "ada@x.example",
      account: { id: "ada@x.example", label: "ada@x.example" },
    });
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active"]);
    expect(h.statuses).toEqual([{ id: h.id, connector: "acme", user: "u_1", status: "active" }]);
  });

  it("is tested after pauses that grow to an hour, for 24 hours, by tokens that are renewed; then it ends with an error", async () => {
    const h = await arrived(DOWN);
    const begun = h.clock.now();
    const times: number[] = [];
    for (let next: number | undefined = h.wakes[0]; next !== undefined; next = await h.accounts.testWaiting()) {
      times.push((next - begun) / MINUTE);
      h.clock.advance(next - h.clock.now());
    }
    expect(times.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 64, 124]);
    expect(times.at(-1)).toBe(24 * 60);
    expect(h.vendor.calls("/token").length).toBeGreaterThan(20);
    expect(await h.accounts.get(h.id)).toMatchObject({
      status: "pending",
      error: { message: expect.stringContaining("has not answered the test for 24 hours; connect again") },
    });
    expect((await findConnection(h.db, h.id))!.credentials).toBeNull();
    expect(h.vendor.calls("/revoke")).toHaveLength(1);
    h.say.me = ADA;
    h.clock.advance(HOUR);
    const before = h.tests();
    await h.accounts.testWaiting();
    expect(h.tests()).toBe(before);
  });

  it("ends at once when the vendor refuses its tokens", async () => {
    const h = await arrived(DOWN);
    h.say.me = { status: 401, json: {} };
    h.clock.advance(MINUTE);
    expect(await h.accounts.testWaiting()).toBeUndefined();
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "pending", error: { code: "connection_rejected" } });
    expect((await findConnection(h.db, h.id))!.credentials).toBeNull();
  });

  it("leaves nothing of its account when it ends, and is not said to be granted anything", async () => {
    const h = await arrived(DOWN);
    await connections.change(h.db, { captured: { locationId: "loc-1" }, label: "Ada", accountName: "Ada" }, "id = ?", [
      h.id,
    ]);
    expect((await h.accounts.get(h.id)).scopes).toEqual(["read", "write"]);
    h.say.me = { status: 401, json: {} };
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "connection_rejected" });
    expect(await findConnection(h.db, h.id)).toMatchObject({
      status: "pending",
      credentials: null,
      proofs: null,
      captured: {},
      scopes: [],
      label: null,
      accountName: null,
      asked: ["read", "write"],
    });
  });

  it("keeps the label that a person gave when it ends", async () => {
    const h = await arrived(DOWN);
    await h.accounts.update(h.id, { label: "Work" });
    h.say.me = { status: 401, json: {} };
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "connection_rejected" });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "pending", label: "Work" });
  });

  it("ends without an event when its grant is taken back meanwhile", async () => {
    const h = await arrived(DOWN);
    h.say.token = { status: 400, json: { error: "invalid_grant" } };
    h.clock.advance(2 * HOUR);
    expect(await h.accounts.testWaiting()).toBeUndefined();
    expect(await h.accounts.get(h.id)).toMatchObject({
      status: "pending",
      error: { message: expect.stringContaining("invalid_grant") },
    });
    expect(h.events).toEqual([]);
  });

  it("is tested at once when a person asks for it", async () => {
    const h = await arrived(DOWN);
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "vendor_error" });
    expect((await h.accounts.get(h.id)).status).toBe("pending");
    h.say.me = ADA;
    expect(await h.accounts.test(h.id)).toMatchObject({ status: "active" });
  });

  it("answers a reload of its callback as it did at first", async () => {
    const h = await arrived(DOWN);
    expect((await h.accounts.finishOAuth(h.callback, SESSION)).connection).toMatchObject({
      id: h.id,
      status: "pending",
    });
    expect(h.vendor.calls("/token")).toHaveLength(1);
  });

  it("that is removed gives its grant back", async () => {
    const h = await arrived(DOWN);
    expect(await h.accounts.remove(h.id)).toEqual({ revoked: true });
  });
});
