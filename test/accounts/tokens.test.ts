import { connections } from "../../runtime/model/connections.ts";
import { resealTable } from "../../runtime/model/sealing.ts";
import { describe, expect, it } from "vitest";
import { tokenError } from "../../runtime/accounts/token-error.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { acmeOAuth, type Reply } from "./harness.ts";
import { connected, get, HOUR, READ, renewed } from "./renewing.ts";

describe("an access token", () => {
  it("is used until shortly before its end, then renewed with the newest refresh token", async () => {
    const h = await connected((_r, n) => renewed(n));
    expect(await h.send()).toEqual({ sent: "Bearer access-token-0" });
    expect(h.tokenCalls()).toHaveLength(0);
    h.clock.advance(HOUR + 1);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    h.clock.advance(HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
    expect(h.tokenCalls().map(({ body }) => new URLSearchParams(body).get("refresh_token"))).toEqual([
      "refresh-token-0",
      "refresh-token-1",
    ]);
  });

  it.each([
    ["its margin", 300, 0, 300_000],
    ["half a fifth more than its margin", 300, 0.5, 330_000],
    ["a margin of 300 s when none is declared", undefined, 0, 300_000],
    ["nothing, by its margin", 0, 0.5, 0],
  ])("is renewed %s before its end, and no earlier", async (_when, marginSeconds, random, before) => {
    const authentication = { ...acmeOAuth, refresh: marginSeconds === undefined ? {} : { marginSeconds } };
    const h = await connected(
      (_r, n) => renewed(n),
      { authentication },
      () => random,
    );
    h.clock.advance(HOUR + 1);
    await h.send();
    h.clock.advance(HOUR - before - 1);
    await h.send();
    expect(h.tokenCalls()).toHaveLength(1);
    h.clock.advance(1);
    await h.send();
    expect(h.tokenCalls()).toHaveLength(2);
  });

  it("is renewed once for many callers in this process and in others", async () => {
    const h = await connected(async (_r, n) => {
      await new Promise((resolve) => setTimeout(resolve, 120));
      return renewed(n);
    });
    h.clock.advance(2 * HOUR);
    const processes = [h.accounts, h.another(), h.another(), h.another()];
    const bodies = await Promise.all(
      processes.flatMap((accounts) => Array.from({ length: 5 }, () => h.send(accounts))),
    );
    expect(new Set(bodies.map((body) => JSON.stringify(body)))).toEqual(new Set(['{"sent":"Bearer access-token-1"}']));
    expect(h.tokenCalls()).toHaveLength(1);
  });

  it("that the vendor refuses is renewed at once, and the request sent again, once", async () => {
    const h = await connected((_r, n) => renewed(n));
    h.accept((authorization) => authorization === "Bearer access-token-1");
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    h.accept(() => false);
    await expect(h.send()).rejects.toMatchObject({ class: "authExpired", status: 401 });
    expect(h.vendor.calls("/v1/things")).toHaveLength(4);
    expect((await h.accounts.get(h.id)).status).toBe("active");
  });

  it("is committed before it is used", async () => {
    const h = await connected((_r, n) => renewed(n));
    h.clock.advance(2 * HOUR);
    h.accept(() => false);
    await h.send().catch(() => {});
    h.accept(() => true);
    expect(await h.send(h.another())).toEqual({ sent: "Bearer access-token-2" });
    expect(h.tokenCalls().map(({ body }) => new URLSearchParams(body).get("refresh_token"))).toEqual([
      "refresh-token-0",
      "refresh-token-1",
    ]);
  });
});

describe("what token endpoints answer", () => {
  const renewAndRead = async (more: object) => {
    const h = await connected((_r, n) => renewed(n, more));
    h.clock.advance(2 * HOUR);
    await h.send();
    return h;
  };

  it("without a refresh token the old one is kept", async () => {
    const h = await renewAndRead({ refresh_token: undefined });
    h.clock.advance(2 * HOUR);
    await h.send();
    expect(h.tokenCalls().map(({ body }) => new URLSearchParams(body).get("refresh_token"))).toEqual([
      "refresh-token-0",
      "refresh-token-0",
    ]);
  });

  it.each([["3599"], [3599]])("a life of %j is seconds", async (expires_in) => {
    const h = await renewAndRead({ expires_in });
    expect((await findConnection(h.db, h.id))!.expiresAt).toBe(h.clock.now() + 3_599_000);
  });

  it.each([[0], [undefined], ["soon"], [null]])(
    "a life of %j is unknown: the token is used until it is refused",
    async (expires_in) => {
      const h = await renewAndRead({ expires_in });
      h.clock.advance(1000 * HOUR);
      expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
      expect(h.tokenCalls()).toHaveLength(1);
    },
  );

  it("a life shorter than the margin does not mean a renewal for every request", async () => {
    const h = await renewAndRead({ expires_in: 60 });
    await h.send();
    h.clock.advance(29_999);
    await h.send();
    expect(h.tokenCalls()).toHaveLength(1);
    h.clock.advance(1);
    await h.send();
    expect(h.tokenCalls()).toHaveLength(2);
  });

  it("fewer scopes are noted, and an operation that needs more is refused before any call", async () => {
    const h = await renewAndRead({ scope: "read" });
    expect(await h.accounts.get(h.id)).toMatchObject({ scopes: ["read"], missingScopes: ["write"] });
    const client = await h.accounts.client(h.id);
    const before = h.vendor.seen.length;
    await expect(
      client.send(get, { ...READ, operation: { operation: "action", name: "get_thing", scopes: ["read", "write"] } }),
    ).rejects.toMatchObject({
      code: "scope_missing",
      message: `GET /things needs write, which connection ${h.id} was not granted; ask for it: POST /v1/connections/${h.id}/reconnect {"scopes":["write"]}`,
      data: { scopes: ["write"], reconnect: `POST /v1/connections/${h.id}/reconnect` },
    });
    expect(h.vendor.seen.length).toBe(before);
  });

  it.each<[string, Reply, object]>([
    [
      "500",
      { status: 500, json: {} },
      { code: "vendor_error", message: "acme: the token endpoint answered 500; it is tried again later" },
    ],
    [
      "a page of HTML",
      { text: "<html>" },
      { code: "vendor_error", message: "acme: the token endpoint answered without a token; it is tried again later" },
    ],
    [
      "no token",
      { json: { ok: true } },
      { code: "vendor_error", message: expect.stringContaining("answered without a token") },
    ],
    [
      "a wrong client",
      { status: 401, headers: { "www-authenticate": "Basic" }, json: { error: "invalid_client" } },
      {
        code: "vendor_error",
        message: "acme: the token endpoint answered 401 invalid_client; check the client id and secret in clients",
      },
    ],
  ])("%s may pass: the connection stays, and nobody asks again for 30 s", async (_what, reply, expected) => {
    const h = await connected((_r, n) => (n === 1 ? reply : renewed(n)));
    h.clock.advance(2 * HOUR);
    await expect(h.send()).rejects.toMatchObject(expected);
    await expect(h.send(h.another())).rejects.toMatchObject({
      code: "network",
      message: `${h.id}: its token could not be renewed just now; try again in 30 s`,
    });
    expect(h.tokenCalls()).toHaveLength(1);
    expect((await h.accounts.get(h.id)).status).toBe("active");
    h.clock.advance(29_999);
    await expect(h.send()).rejects.toMatchObject({ code: "network", retry: { after: 1 } });
    h.clock.advance(1);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
  });

  it("a failure ahead of the end does not keep from using the token that is still good", async () => {
    const h = await connected((_r, n) => (n === 1 ? renewed(1) : { status: 503, json: {} }));
    h.clock.advance(2 * HOUR);
    await h.send();
    h.clock.advance(HOUR - 200_000);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    expect(h.tokenCalls()).toHaveLength(2);
  });
});

describe("an error of a token endpoint", () => {
  it("says how long to wait by the clock of the runtime", () => {
    const now = Date.parse("2030-01-01T00:00:00Z");
    const headers = { "retry-after": "Tue, 01 Jan 2030 00:01:00 GMT" };
    const options = { connector: "acme", classify: () => undefined, owner: "operator", now: () => now } as const;
    const error = tokenError(options, { status: 503, headers, body: Buffer.from("{}") }, undefined);
    expect(error.retry).toEqual({ after: 60_000 });
  });
});

describe("a grant that is gone", () => {
  const gone: Reply = {
    status: 400,
    json: { error: "invalid_grant", error_description: "Token has been expired or revoked." },
  };

  it("pauses the connection with one event, and no call is made until a person reconnects", async () => {
    const h = await connected(() => gone);
    h.clock.advance(2 * HOUR);
    const failures = await Promise.allSettled([h.send(), h.send(), h.send(h.another())]);
    for (const failure of failures)
      expect(failure).toMatchObject({ status: "rejected", reason: { code: "reauth_required" } });
    await expect(h.send()).rejects.toMatchObject({
      code: "reauth_required",
      message: `${h.id}: the grant is gone; a person has to reconnect`,
    });
    expect(h.tokenCalls()).toHaveLength(1);
    expect(h.events.filter(({ type }) => type === "connection.reauth_required")).toEqual([
      expect.objectContaining({
        connection: h.id,
        user: "u_1",
        data: {
          reason: "acme: the token endpoint answered 400 invalid_grant; the grant is gone; a person has to reconnect",
          code: "reauth_required",
          connector: "acme",
          connection: h.id,
          user: "u_1",
        },
      }),
    ]);
    expect(h.statuses.filter(({ status }) => status === "reauth_required")).toHaveLength(1);
    expect((await h.accounts.get(h.id)).error).toMatchObject({ code: "reauth_required" });
  });

  it("is known by a manifest's own matcher", async () => {
    const h = await connected(() => ({ status: 400, json: { message: "Location is not active" } }), {
      errors: [{ class: "authRevoked", status: [400], when: "contains(body.message, 'not active')", scope: "token" }],
    });
    h.clock.advance(2 * HOUR);
    await expect(h.send()).rejects.toMatchObject({
      code: "reauth_required",
      message: expect.stringContaining("answered 400; the grant is gone"),
    });
  });

  it("is not believed when another process renewed meanwhile", async () => {
    const meanwhile: { commit?: () => Promise<unknown> } = {};
    const h = await connected(async () => {
      await meanwhile.commit!();
      return gone;
    });
    h.clock.advance(2 * HOUR);
    const next = {
      type: "oauth2",
      accessToken: "access-token-7",
      refreshToken: "refresh-token-7",
      refreshAt: h.clock.now() + HOUR,
    };
    const sealed = h.vault.seal(JSON.stringify(next), { table: "connections", row: h.id, field: "credentials" });
    meanwhile.commit = () =>
      h.db.run(
        "update connections set credentials = ?, version = version + 1, refresh_owner = null, refresh_until = null where id = ?",
        [sealed, h.id],
      );
    expect(await h.send()).toEqual({ sent: "Bearer access-token-7" });
    expect(h.tokenCalls()).toHaveLength(1);
    expect(h.events.filter(({ type }) => type === "connection.reauth_required")).toHaveLength(0);
  });

  it("without a refresh token is gone with its access token", async () => {
    const h = await connected(() => gone);
    const credentials = { accessToken: "lonely-access-token", expiresAt: h.clock.now() + HOUR };
    const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
    h.clock.advance(2 * HOUR);
    await expect(h.accounts.client(id)).rejects.toMatchObject({
      code: "reauth_required",
      message: expect.stringContaining("there is no refresh token"),
    });
    expect(h.tokenCalls()).toHaveLength(0);
  });
});

describe("stored credentials", () => {
  it("that were tampered with fail alone; other connections go on", async () => {
    const h = await connected((_r, n) => renewed(n));
    const good = await h.accounts.create({
      connector: "acme",
      user: "u_1",
      credentials: { accessToken: "other-access-token" },
    });
    await h.db.run(
      "update connections set credentials = (select credentials from connections where id = ?) where id = ?",
      [good.id, h.id],
    );
    await expect(h.send()).rejects.toMatchObject({
      code: "decryption_failed",
      message: expect.stringMatching(/^connections con_\w+: credentials was changed/),
    });
    expect((await h.accounts.list()).data).toHaveLength(2);
    await expect(h.accounts.client(good.id)).resolves.toMatchObject({ id: good.id });
  });

  it("and everything else said about tokens never shows one", async () => {
    const h = await connected((request, n) =>
      n === 1 ? { status: 500, json: { message: `bad request: ${request.body}` } } : renewed(n),
    );
    h.clock.advance(2 * HOUR);
    const error = (await h.send().catch((e: unknown) => e)) as Error;
    h.clock.advance(31_000);
    await h.send();
    const said = JSON.stringify([
      error,
      error.message,
      error.stack,
      error.cause,
      h.logged,
      h.events,
      await h.accounts.get(h.id),
      await h.accounts.list(),
    ]);
    for (const secret of ["access-token-", "refresh-token-", "client-secret-canary"])
      expect(said).not.toContain(secret);
  });

  it("are rewrapped with the newest key, and open without the old one", async () => {
    const [old, young] = [Buffer.alloc(32, 7).toString("base64"), Buffer.alloc(32, 8).toString("base64")];
    const h = await connected((_r, n) => renewed(n));
    const { changed: none } = await resealTable(h.db, h.vault, connections);
    expect(none).toBe(0);
    // Credentials and proofs.
    expect(await resealTable(h.db, createVault([young, old]), connections)).toEqual({ changed: 2, broken: 0 });
    const { credentials, user } = (await findConnection(h.db, h.id))!;
    const place = { table: "connections", row: h.id, field: "credentials", user };
    const opened = createVault([young]).open(credentials!, place);
    expect(JSON.parse(opened)).toMatchObject({ refreshToken: "refresh-token-0" });
  });
});
