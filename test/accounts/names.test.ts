/** How connections are called, and what a test proves. */
import { describe, expect, it } from "vitest";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply } from "./harness.ts";
import { idToken } from "./identity-token.ts";

async function connected(me: Reply, token: object = {}) {
  const vendor = await vendorServer(({ url }) =>
    url === "/token" ? { json: { access_token: "at", refresh_token: "rt", expires_in: 3600, ...token } } : me,
  );
  const h = await harness([acme({ authentication: acmeOAuth })], { url: vendor.url });
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  const state = new URL(authorizeUrl!).searchParams.get("state")!;
  return { ...h, id, finished: await h.accounts.finishOAuth({ state, code: "c" }, SESSION) };
}

const LACKING: Reply = { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' }, json: {} };

describe("the name of an account", () => {
  it.each([
    [255, 255],
    [256, 255],
    [200_000, 255],
  ])("of %i characters is kept with %i", async (given, kept) => {
    const { finished } = await connected({ json: { email: "x".repeat(given) } });
    expect(finished.connection.label).toBe("x".repeat(kept));
  });

  it("has no space around it, as where a part of a label is missing", async () => {
    const { finished } = await connected({ json: { email: " Company 1 " } });
    expect(finished.connection.label).toBe("Company 1");
  });

  it("is not cut within a character", async () => {
    const { finished } = await connected({ json: { email: `${"x".repeat(254)}😀😀` } });
    expect(finished.connection.label).toBe("x".repeat(254));
  });

  it("that a person gives is no longer either", async () => {
    const h = await connected({ json: { email: "ada@x.example" } });
    expect(await h.accounts.update(h.id, { label: "x".repeat(255) })).toMatchObject({ label: "x".repeat(255) });
    await expect(h.accounts.update(h.id, { label: "x".repeat(256) })).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("is that of the id token where the test lacks its scope", async () => {
    const { finished } = await connected(LACKING, { id_token: idToken({ sub: "1", email: "ada@x.example" }) });
    expect(finished.connection).toMatchObject({ status: "active", label: "ada@x.example" });
  });

  it("is that of the test where both say one", async () => {
    const token = { id_token: idToken({ sub: "1", email: "other@x.example" }) };
    const { finished } = await connected({ json: { email: "ada@x.example" } }, token);
    expect(finished.connection.label).toBe("ada@x.example");
  });
});

describe("a test that the vendor answers with 304", () => {
  it("proves no token: the connection waits for an answer", async () => {
    const { finished } = await connected({ status: 304 });
    expect(finished.connection).toMatchObject({ status: "pending", account: null });
  });

  it("proves no credentials that a person gives", async () => {
    const vendor = await vendorServer(() => ({ status: 304 }));
    const h = await harness([acme()], { url: vendor.url });
    const given = { connector: "acme", user: "u_1", credentials: { token: "t" } };
    await expect(h.accounts.create(given)).rejects.toMatchObject({
      code: "vendor_error",
      message: "acme: testing the credentials: the vendor answered 304, which proves nothing; try again later",
    });
    expect((await h.accounts.list()).data).toEqual([]);
  });
});
