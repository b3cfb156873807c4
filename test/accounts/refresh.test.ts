import { describe, expect, it } from "vitest";
import { changeConnection, findConnection } from "../../runtime/model/connections.ts";
import { leaseRefresh } from "../../runtime/model/refresh-leases.ts";
import { LEASE_MS } from "../../runtime/accounts/renewal.ts";
import { TOKEN_DEADLINE_MS } from "../../runtime/accounts/token-endpoint.ts";
import { acmeOAuth, type Reply } from "./harness.ts";
import { connected, get, HOUR, READ, renewed } from "./renewing.ts";

const rotating = (reuseGraceSeconds?: number) => ({
  authentication: { ...acmeOAuth, refresh: { rotates: true, ...(reuseGraceSeconds && { reuseGraceSeconds }) } },
});
const keeping = { authentication: { ...acmeOAuth, refresh: { rotates: false } } };
const used = (h: Awaited<ReturnType<typeof connected>>) =>
  h.tokenCalls().map(({ body }) => new URLSearchParams(body).get("refresh_token"));

/** A process took the lease `ago`, and died in its call. */
async function died(h: Awaited<ReturnType<typeof connected>>, ago: number, owner = "a process that died") {
  const { version } = (await findConnection(h.db, h.id))!;
  const at = h.clock.now() - ago;
  await leaseRefresh(h.db, h.id, version, { owner, until: at + LEASE_MS }, at);
}

describe("the time that a token endpoint has", () => {
  it("is at least 90 s, and less than half the lease", () => {
    expect(TOKEN_DEADLINE_MS).toBeGreaterThanOrEqual(90_000);
    expect(TOKEN_DEADLINE_MS).toBeLessThan(LEASE_MS / 2);
  });
});

describe("a renewal whose answer is lost", () => {
  const unknown = {
    code: "reauth_required",
    message: expect.stringMatching(
      /: the vendor's answer to the renewal of the token was lost, and each refresh token counts once; a person has to reconnect$/,
    ),
    data: { reason: "refresh_unknown" },
  };
  const lost: [string, Reply][] = [
    ["a connection that breaks", "reset"],
    ["502", { status: 502, text: "<html>" }],
    ["504", { status: 504, text: "<html>" }],
    ["520", { status: 520, text: "" }],
    ["524", { status: 524, text: "" }],
    ["an answer that is too long", { text: "x".repeat(300_000) }],
  ];

  it.each(lost)(
    "by %s is not repeated where refresh tokens rotate: a person has to reconnect",
    async (_what, reply) => {
      const h = await connected((_r, n) => (n === 1 ? reply : renewed(n)), rotating());
      h.clock.advance(2 * HOUR);
      await expect(h.send()).rejects.toMatchObject(unknown);
      h.clock.advance(HOUR);
      await expect(h.send()).rejects.toMatchObject(unknown);
      await expect(h.send(h.another())).rejects.toMatchObject(unknown);
      expect(h.tokenCalls()).toHaveLength(1);
      expect(await h.accounts.get(h.id)).toMatchObject({
        status: "reauth_required",
        error: { code: "reauth_required", reason: "refresh_unknown", message: unknown.message },
      });
      expect(h.events.filter(({ type }) => type === "connection.reauth_required")).toHaveLength(1);
    },
  );

  it.each(lost)("by %s is repeated after 30 s where they do not", async (_what, reply) => {
    const h = await connected((_r, n) => (n === 1 ? reply : renewed(n)), keeping);
    h.clock.advance(2 * HOUR);
    await expect(h.send()).rejects.toMatchObject({ retry: {} });
    h.clock.advance(29_999);
    await expect(h.send(h.another())).rejects.toMatchObject({ code: "network", retry: { after: 1 } });
    expect(h.tokenCalls()).toHaveLength(1);
    h.clock.advance(1);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
  });

  it.each([[429], [500], [503], [400], [403]])(
    "is not what an answer of %i is: nothing was done, and it is tried again",
    async (status) => {
      const h = await connected((_r, n) => (n === 1 ? { status, json: {} } : renewed(n)), rotating());
      h.clock.advance(2 * HOUR);
      await expect(h.send()).rejects.toMatchObject({ code: "vendor_error" });
      h.clock.advance(30_000);
      expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
      expect(used(h)).toEqual(["refresh-token-0", "refresh-token-0"]);
    },
  );

  it("is repeated once, at once, with the same refresh token, where the manifest declares a grace", async () => {
    const h = await connected((_r, n) => (n === 1 ? "reset" : renewed(n)), rotating(60));
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
    expect(used(h)).toEqual(["refresh-token-0", "refresh-token-0"]);
  });

  it.each<[string, Reply]>([
    ["is lost too", "reset"],
    ["proves nothing", { status: 503, json: {} }],
  ])("is not repeated again when the answer to the second call %s", async (_what, reply) => {
    const h = await connected((_r, n) => (n <= 2 ? ["reset" as const, reply][n - 1]! : renewed(n)), rotating(60));
    h.clock.advance(2 * HOUR);
    await expect(h.send()).rejects.toMatchObject(unknown);
    h.clock.advance(HOUR);
    await expect(h.send()).rejects.toMatchObject(unknown);
    expect(h.tokenCalls()).toHaveLength(2);
  });

  it.each([
    [59_999, 2],
    [60_000, 1],
  ])("%i ms after a call that a grace of 60 s covers leads to %i calls", async (after, calls) => {
    const h = await connected((_r, n) => {
      if (n > 1) return renewed(n);
      h.clock.advance(after);
      return "reset";
    }, rotating(60));
    h.clock.advance(2 * HOUR);
    await h.send().catch(() => {});
    expect(h.tokenCalls()).toHaveLength(calls);
  });
});

describe("a process that dies in a token call", () => {
  it("leaves its lease, until whose end others are told to try again", async () => {
    const h = await connected((_r, n) => renewed(n), keeping);
    h.clock.advance(2 * HOUR);
    await died(h, LEASE_MS);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    expect(h.tokenCalls()).toHaveLength(1);
  });

  it("leaves an answer that nobody has: no further call where refresh tokens rotate", async () => {
    const h = await connected((_r, n) => renewed(n), rotating());
    h.clock.advance(2 * HOUR);
    await died(h, LEASE_MS);
    const failures = await Promise.allSettled([h.send(), h.send(), h.send(h.another())]);
    for (const failure of failures)
      expect(failure).toMatchObject({ reason: { code: "reauth_required", data: { reason: "refresh_unknown" } } });
    expect(h.tokenCalls()).toHaveLength(0);
  });

  it.each([
    ["once within the grace", LEASE_MS + 1_000, "a process that died", 1],
    ["no more after it", LEASE_MS, "a process that died", 0],
    ["not after a second call", LEASE_MS + 1_000, "another that died again", 0],
  ])("has its call repeated %s", async (_when, graceMs, owner, calls) => {
    const h = await connected((_r, n) => renewed(n), rotating(graceMs / 1000));
    h.clock.advance(2 * HOUR);
    await died(h, LEASE_MS, owner);
    await h.send().catch(() => {});
    expect(h.tokenCalls()).toHaveLength(calls);
  });

  it("does not keep others from a token that is still good", async () => {
    const h = await connected((_r, n) => renewed(n), rotating());
    h.clock.advance(2 * HOUR);
    await h.send();
    h.clock.advance(HOUR - 200_000);
    await died(h, 0);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
  });
});

describe("a renewal under way", () => {
  it("keeps its answer when the connection is renamed meanwhile", async () => {
    const meanwhile: { rename?: () => Promise<unknown> } = {};
    const h = await connected(async (_r, n) => {
      await meanwhile.rename!();
      return renewed(n);
    }, rotating());
    meanwhile.rename = () => h.accounts.update(h.id, { label: "Sales" });
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    h.clock.advance(2 * HOUR);
    expect(await h.send(h.another())).toEqual({ sent: "Bearer access-token-2" });
    expect(used(h)).toEqual(["refresh-token-0", "refresh-token-1"]);
    expect((await h.accounts.get(h.id)).label).toBe("Sales");
  });

  it("is finished and stored before the accounts are closed", async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const h = await connected(async (_r, n) => {
      ask();
      await answered;
      return renewed(n);
    }, rotating());
    h.clock.advance(2 * HOUR);
    const other = h.another();
    const sent = h.send(other).catch(() => {});
    await asked;
    const run = h.db.run.bind(h.db);
    h.db.run = async (...statement) => {
      await new Promise((resolve) => void setTimeout(resolve, 100));
      return run(...statement);
    };
    const closed = other.close();
    answer();
    await closed;
    expect((await findConnection(h.db, h.id))!).toMatchObject({ refreshOwner: null, expiresAt: h.clock.now() + HOUR });
    await sent;
  });

  it("ends with new credentials of a person who reconnects, and leaves them alone", async () => {
    const h = await connected(async (_r, n) => {
      if (n > 1) return renewed(n);
      const { version, credentials } = (await findConnection(h.db, h.id))!;
      const changes = { credentials: credentials!, expiresAt: h.clock.now() + HOUR };
      await changeConnection(h.db, h.id, { version }, changes, h.clock.now());
      return renewed(n);
    }, rotating());
    h.clock.advance(2 * HOUR);
    await h.send();
    expect((await findConnection(h.db, h.id))!.version).toBeGreaterThan(2);
    expect(used(h)[0]).toBe("refresh-token-0");
  });
});

describe("a refusal of the vendor", () => {
  it("by an expired token is judged once for all tries of a request", async () => {
    let tries = 0;
    const h = await connected((_r, n) => renewed(n));
    h.accept(() => (++tries % 2 === 1 ? { status: 401, json: {} } : { status: 503, json: {} }));
    const client = await h.accounts.client(h.id);
    const retry = { max: 3, on: ["serverError" as const] };
    await expect(client.send(get, { ...READ, retry })).rejects.toMatchObject({ class: "authExpired" });
    expect(h.tokenCalls()).toHaveLength(1);
  });

  it.each<[string, Reply]>([
    ["its header", { status: 401, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' }, json: {} }],
    ["the manifest", { status: 401, json: { message: "no access to this list" } }],
  ])("that is about a permission, as %s says, renews nothing", async (_who, reply) => {
    const errors = [
      { class: "scopeMissing" as const, status: [401], when: "contains(to_string(body.message || ''), 'no access')" },
    ];
    const h = await connected((_r, n) => renewed(n), { errors });
    h.accept(() => reply);
    await expect(h.send()).rejects.toMatchObject({ code: "scope_missing" });
    const answer = await h.actions.passthrough(h.id, { method: "GET", target: "things" });
    expect(answer.status).toBe(401);
    expect(JSON.parse(Buffer.concat(await answer.body.toArray()).toString())).toEqual(
      (reply as { json: unknown }).json,
    );
    expect(h.tokenCalls()).toHaveLength(0);
  });

  it("of one old token at many doors at once makes one renewal", async () => {
    const h = await connected((_r, n) => renewed(n));
    h.refuse("Bearer access-token-0");
    const passed = h.actions.passthrough(h.id, { method: "GET", target: "things" });
    const others = await Promise.all([h.send(), h.send(h.another()), h.accounts.test(h.id)]);
    expect(others[0]).toEqual({ sent: "Bearer access-token-1" });
    expect((await passed).status).toBe(200);
    (await passed).body.destroy();
    expect(h.tokenCalls()).toHaveLength(1);
  });

  it("in a test of the connection renews its token, as anywhere", async () => {
    const h = await connected((_r, n) => renewed(n));
    h.refuse("Bearer access-token-0");
    expect(await h.accounts.test(h.id)).toMatchObject({ status: "active" });
    expect(h.tokenCalls()).toHaveLength(1);
    h.refuse("Bearer access-token-1");
    await h.accounts.test(h.id);
    expect(h.tokenCalls()).toHaveLength(2);
  });
});
