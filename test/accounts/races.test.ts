/** What else happens to a connection while the vendor is asked about an authorization, and what becomes of its tokens. */
import { describe, expect, it } from "vitest";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { grantsOf } from "../../runtime/model/grants.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply } from "./harness.ts";

/** A vendor whose first tokens are ada's and all later ones `later`'s, and whose answers about one token can be held up. */
async function started(later = "ada") {
  const say = { down: false, nameless: false, withoutRefreshToken: false };
  let issued = 0;
  let held: { token: number; reached: PromiseWithResolvers<void>; answer: PromiseWithResolvers<Reply> } | undefined;
  const vendor = await vendorServer(({ url, headers }) => {
    if (url === "/revoke") return { json: {} };
    if (url === "/token")
      return {
        json: {
          access_token: `access-${++issued}`,
          refresh_token: say.withoutRefreshToken ? undefined : `refresh-token-${issued}`,
          expires_in: 400,
        },
      };
    const token = Number(headers.authorization!.replace("Bearer access-", ""));
    if (held?.token !== token && say.down) return { status: 503, json: {} };
    if (held?.token !== token)
      return { json: say.nameless ? {} : { email: `${token === 1 ? "ada" : later}@x.example` } };
    held.reached.resolve();
    return held.answer.promise;
  });
  const h = await harness([acme({ authentication: acmeOAuth })], { url: vendor.url });
  const finish = (authorizeUrl: string) =>
    h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "c" }, SESSION);
  const created = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  const { id } = created;
  return {
    ...h,
    say,
    id,
    finish,
    first: () => finish(created.authorizeUrl!),
    link: async (options: { confirm?: boolean; account?: "move" } = {}) =>
      (await h.accounts.reconnect(id, options, {}, SESSION)).authorizeUrl,
    /** Holds up what the vendor says of a token, from now on. */
    holdUp: (token: number) => {
      held = { token, reached: Promise.withResolvers(), answer: Promise.withResolvers() };
      const { reached, answer } = held;
      return { asked: reached.promise, answer: (reply: Reply) => answer.resolve(reply) };
    },
    account: async () => (await h.accounts.get(id)).account?.id,
    row: () => findConnection(h.db, id),
    grants: () => grantsOf(h.db, [id]),
    refreshed: () => vendor.calls("/token").flatMap(({ body }) => new URLSearchParams(body).get("refresh_token") ?? []),
    revoked: () => vendor.calls("/revoke").map(({ body }) => new URLSearchParams(body).get("token")),
  };
}

const outcomeOf = (finished: Promise<unknown>): Promise<string> =>
  finished.then(
    () => "connected",
    ({ code }: HooklineError) => code,
  );
const ADA: Reply = { json: { email: "ada@x.example" } };

describe("an authorization whose connection is", () => {
  it.each([false, true])("removed meanwhile ends the grant that it brought (confirm: %s)", async (confirm) => {
    const h = await started();
    const vendor = h.holdUp(1);
    const finished = outcomeOf(h.finish(await h.link({ confirm })));
    await vendor.asked;
    await h.accounts.remove(h.id);
    vendor.answer(ADA);
    expect(await finished).toBe("conflict");
    expect(h.revoked()).toEqual(["refresh-token-1"]);
  });

  it("connected to another account meanwhile is refused, and its tokens are given back", async () => {
    const h = await started("bob");
    const vendor = h.holdUp(1);
    const finished = outcomeOf(h.first());
    await vendor.asked;
    await h.finish(await h.link());
    vendor.answer(ADA);
    expect(await finished).toBe("account_mismatch");
    expect(await h.account()).toBe("bob@x.example");
    expect(h.revoked()).toEqual(["refresh-token-1"]);
  });

  it("moved meanwhile does not move it again, and its tokens are given back", async () => {
    const h = await started("bob");
    await h.first();
    const vendor = h.holdUp(2);
    const finished = outcomeOf(h.finish(await h.link({ account: "move" })));
    await vendor.asked;
    await h.finish(await h.link({ account: "move" }));
    vendor.answer({ json: { email: "cyd@x.example" } });
    expect(await finished).toBe("conflict");
    expect(await h.account()).toBe("bob@x.example");
    expect(h.revoked()).toContain("refresh-token-2");
  });

  it("renewed or renamed meanwhile is taken all the same, and the name that a person gave stays", async () => {
    const h = await started();
    await h.first();
    const vendor = h.holdUp(2);
    const finished = h.finish(await h.link());
    await vendor.asked;
    h.clock.advance(390_000);
    await h.accounts.client(h.id);
    await h.accounts.update(h.id, { label: "Mine" });
    vendor.answer(ADA);
    expect((await finished).connection).toMatchObject({ status: "active", label: "Mine" });
    expect(h.revoked()).toEqual([]);
  });
});

describe("tokens that come to wait for their confirmation", () => {
  it("while another account is connected are not taken for what the connection holds", async () => {
    const h = await started("bob");
    const vendor = h.holdUp(1);
    const finished = h.finish(await h.link({ confirm: true }));
    await vendor.asked;
    await h.finish(await h.link());
    const before = await h.grants();
    vendor.answer(ADA);
    await finished;
    expect(before).not.toEqual([]);
    expect(await h.grants()).toEqual(before);
  });
});

describe("a reconnect without a refresh token that waits for its confirmation", () => {
  it("keeps the newest one of the connection, not that of when it came", async () => {
    const h = await started();
    await h.first();
    h.say.withoutRefreshToken = true;
    const link = await h.link({ confirm: true });
    const { confirmation } = await h.finish(link);
    h.say.withoutRefreshToken = false;
    h.clock.advance(390_000);
    await h.accounts.client(h.id);
    await h.accounts.confirm(h.id, { code: confirmation! });
    h.clock.advance(390_000);
    await h.accounts.client(h.id);
    expect(h.refreshed()).toEqual(["refresh-token-1", "refresh-token-3"]);
  });
});

describe("a move that waits for its confirmation", () => {
  it("is none any more when the connection has come to that account meanwhile", async () => {
    const h = await started("bob");
    await h.first();
    const { confirmation } = await h.finish(await h.link({ account: "move", confirm: true }));
    await h.finish(await h.link({ account: "move" }));
    expect(h.statuses.at(-1)).toMatchObject({ moved: true });
    await h.accounts.confirm(h.id, { code: confirmation! });
    expect(h.statuses.at(-1)).toEqual({ id: h.id, connector: "acme", user: "u_1", status: "active" });
    expect((await h.row())!.moves).toBe(1);
  });
});

describe("a test of a waiting connection", () => {
  it("that the vendor refuses ends the tokens it was made with, and not those of an authorization that came meanwhile", async () => {
    const h = await started();
    const first = h.holdUp(1);
    first.answer({ status: 503, json: {} });
    await h.first();
    const vendor = h.holdUp(1);
    h.clock.advance(60_000);
    const tested = h.accounts.testWaiting();
    await vendor.asked;
    h.say.down = true;
    await h.finish(await h.link());
    vendor.answer({ status: 401, json: {} });
    await tested;
    expect((await h.row())!.credentials).not.toBeNull();
    expect(h.revoked()).toEqual([]);
  });

  it("that was renewed for it and is refused gives them up at once", async () => {
    const h = await started();
    h.holdUp(1).answer({ status: 503, json: {} });
    await h.first();
    h.holdUp(2).answer({ status: 401, json: {} });
    h.clock.advance(390_000);
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "connection_rejected" });
    expect((await h.row())!.credentials).toBeNull();
  });
});

describe("the grant of an account that a connection leaves", () => {
  it("ends with a move", async () => {
    const h = await started("bob");
    await h.first();
    await h.finish(await h.link({ account: "move" }));
    expect(h.revoked()).toEqual(["refresh-token-1"]);
  });

  it("ends with a move that is confirmed, not before", async () => {
    const h = await started("bob");
    await h.first();
    const { confirmation } = await h.finish(await h.link({ account: "move", confirm: true }));
    expect(h.revoked()).toEqual([]);
    await h.accounts.confirm(h.id, { code: confirmation! });
    expect(h.revoked()).toEqual(["refresh-token-1"]);
  });

  it("stays for another connection of it, whoever's that is", async () => {
    const h = await started("bob");
    await h.first();
    const credentials = { accessToken: "access-1" };
    const other = await h.accounts.create({ connector: "acme", user: "u_2", credentials });
    await h.finish(await h.link({ account: "move" }));
    expect(h.revoked()).toEqual([]);
    expect(await h.accounts.remove(other.id)).toEqual({ revoked: true });
  });

  it("stays where nothing proves that it is another", async () => {
    const h = await started("");
    await h.first();
    h.say.nameless = true;
    await h.finish(await h.link({ account: "move" }));
    expect(await h.account()).toBeUndefined();
    expect(h.revoked()).toEqual([]);
  });

  it("ends where the connection only waited for it", async () => {
    const h = await started("bob");
    await h.first();
    await h.db.run("update connections set status = 'pending' where id = ?", [h.id]);
    await h.finish(await h.link());
    expect(await h.account()).toBe("bob@x.example");
    expect(h.revoked()).toEqual(["refresh-token-1"]);
  });
});
