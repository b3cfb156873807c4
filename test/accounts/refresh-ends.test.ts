/** What becomes of the tokens of a renewal whose connection is removed, moved, or connected again in the middle. */
import { describe, expect, it } from "vitest";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply } from "./harness.ts";

const HOUR = 3_600_000;

/** A vendor whose renewals can be held up, and which knows whose each token is. */
async function started(rotates = true) {
  const vendor = { email: "ada@x.example", tokens: 0 };
  let hold: { reached: PromiseWithResolvers<void>; answer: PromiseWithResolvers<void> } | undefined;
  const owners = new Map<string, string>();
  const server = await vendorServer(async ({ url, headers, body }): Promise<Reply> => {
    if (url === "/revoke") return { json: {} };
    if (url !== "/token") return { json: { email: owners.get(headers.authorization!) ?? vendor.email } };
    const n = ++vendor.tokens;
    const refreshed = new URLSearchParams(body).get("refresh_token");
    if (hold && refreshed !== null) {
      hold.reached.resolve();
      await hold.answer.promise;
    }
    const owner = refreshed === null ? vendor.email : owners.get(refreshed)!;
    for (const token of [`Bearer access-token-${n}`, `refresh-token-${n}`]) owners.set(token, owner);
    return { json: { access_token: `access-token-${n}`, refresh_token: `refresh-token-${n}`, expires_in: 3600 } };
  });
  const authentication = { ...acmeOAuth, refresh: { marginSeconds: 300, rotates } };
  const h = await harness([acme({ authentication })], { url: server.url });
  const finish = async (authorizeUrl: string) =>
    h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "c" }, SESSION);
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  await finish(authorizeUrl!);
  return {
    ...h,
    vendor,
    id,
    reconnect: async (more: { account?: "move" } = {}) =>
      finish((await h.accounts.reconnect(id, more, {}, SESSION)).authorizeUrl),
    /** A renewal of the token that has ended, up to the vendor's answer. */
    renewal: async () => {
      h.clock.advance(2 * HOUR);
      const { reached, answer } = (hold = { reached: Promise.withResolvers(), answer: Promise.withResolvers() });
      const opened = h.accounts.tokens.open(id).then(
        ({ credentials }) => (credentials as { accessToken: string }).accessToken,
        ({ code }: { code: string }) => code,
      );
      await reached.promise;
      return {
        answered: async () => {
          hold = undefined;
          answer.resolve();
          const outcome = await opened;
          await h.accounts.tokens.settled();
          return outcome;
        },
      };
    },
    revoked: () => server.calls("/revoke").map(({ body }) => new URLSearchParams(body).get("token")),
  };
}

describe("a renewal whose connection is", () => {
  it("removed meanwhile gives its new tokens back: nobody holds them", async () => {
    const h = await started();
    const renewal = await h.renewal();
    await h.accounts.remove(h.id);
    expect(await renewal.answered()).toBe("not_found");
    expect(h.revoked()).toEqual(["refresh-token-1", "refresh-token-2"]);
  });

  it("removed meanwhile keeps the grant for another connection of it", async () => {
    const h = await started();
    const credentials = { accessToken: "access-token-1", refreshToken: "refresh-token-1" };
    await h.accounts.create({ connector: "acme", user: "u_2", credentials });
    const renewal = await h.renewal();
    expect(await h.accounts.remove(h.id)).toEqual({ revoked: false });
    expect(await renewal.answered()).toBe("not_found");
    expect(h.revoked()).toEqual([]);
  });

  it("removed once the new tokens are stored gives back those, and not the ones it was found with", async () => {
    const h = await started();
    h.clock.advance(2 * HOUR);
    // The row is found before the renewal, and deleted after it.
    const transaction = h.db.transaction.bind(h.db);
    h.db.transaction = async (work) => {
      h.db.transaction = transaction;
      await h.accounts.tokens.open(h.id);
      return transaction(work);
    };
    expect(await h.accounts.remove(h.id)).toEqual({ revoked: true });
    expect(h.revoked()).toEqual(["refresh-token-2"]);
  });

  it("moved meanwhile gives its new tokens back, and is never given them", async () => {
    const h = await started();
    const renewal = await h.renewal();
    h.vendor.email = "bob@x.example";
    await h.reconnect({ account: "move" });
    expect(await renewal.answered()).toBe("access-token-3");
    expect((await h.accounts.get(h.id)).account).toMatchObject({ id: "bob@x.example" });
    expect(h.revoked()).toEqual(["refresh-token-1", "refresh-token-2"]);
  });

  it("connected again meanwhile leaves the grant alone, which is the same", async () => {
    const h = await started();
    const renewal = await h.renewal();
    await h.reconnect();
    expect(await renewal.answered()).toBe("access-token-3");
    expect(h.revoked()).toEqual([]);
  });

  it("declared lost meanwhile by another process gives back what it gets after all", async () => {
    const h = await started();
    const renewal = await h.renewal();
    h.clock.advance(HOUR);
    await expect(h.another().tokens.open(h.id)).rejects.toMatchObject({ code: "reauth_required" });
    expect(await renewal.answered()).toBe("reauth_required");
    expect(h.revoked()).toEqual(["refresh-token-2"]);
  });
});
