/** Token answers as vendors vary them: whatever stands beside the tokens, neither they nor the grant are lost. */
import { describe, expect, it } from "vitest";
import { connected, HOUR, renewed } from "./renewing.ts";
import { acmeOAuth } from "./harness.ts";

const rotating = { authentication: { ...acmeOAuth, refresh: { rotates: true } } };
const used = (h: Awaited<ReturnType<typeof connected>>) =>
  h.tokenCalls().map(({ body }) => new URLSearchParams(body).get("refresh_token"));

describe("an answer to a renewal with", () => {
  it.each<[string, object]>([
    ["scope null", { scope: null }],
    ["scope empty", { scope: "" }],
    ["scope of blanks", { scope: "  " }],
    ["scope a number", { scope: 7 }],
    ["scope true", { scope: true }],
    ["scope an object", { scope: { read: true } }],
    ["scope an empty list", { scope: [] }],
    ["scope a list", { scope: ["read", "write"] }],
    ["scope a list with null", { scope: ["read", null, 7] }],
    ["scope by commas", { scope: "read,write" }],
    ["token_type null", { token_type: null }],
    ["token_type empty", { token_type: "" }],
    ["token_type in capitals", { token_type: "BEARER" }],
    ["token_type a number", { token_type: 1 }],
    ["token_type of its own", { token_type: "user" }],
    ["token_type an object", { token_type: {} }],
    ["expires_in null", { expires_in: null }],
    ["expires_in a text", { expires_in: "3600" }],
    ["expires_in no number", { expires_in: "soon" }],
    ["expires_in a fraction", { expires_in: 3599.5 }],
    ["expires_in an object", { expires_in: {} }],
    ["expires_in true", { expires_in: true }],
    ["id_token null", { id_token: null }],
    ["id_token a number", { id_token: 5 }],
    ["id_token that is none", { id_token: "a.b" }],
    ["an error that is empty", { error: "" }],
    ["an error that is null", { error: null }],
    ["a further property named like the prototype", JSON.parse('{"__proto__":{"access_token":"x"}}') as object],
    ["a further list", { more: [1, [2], { a: null }] }],
    ["refresh_token_expires_in", { refresh_token_expires_in: 1 }],
  ])("%s brings its tokens, and the next renewal uses them", async (_what, more) => {
    const h = await connected((_r, n) => renewed(n, more), rotating);
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    h.clock.advance(10 * HOUR);
    h.accept((authorization) => authorization !== "Bearer access-token-1");
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
    expect(used(h)).toEqual(["refresh-token-0", "refresh-token-1"]);
  });

  it.each<[string, object]>([
    ["null", { refresh_token: null }],
    ["empty", { refresh_token: "" }],
    ["absent", { refresh_token: undefined }],
    ["a number", { refresh_token: 7 }],
    ["an object", { refresh_token: {} }],
    ["false", { refresh_token: false }],
  ])("a refresh token that is %s keeps the one before", async (_what, more) => {
    const h = await connected((_r, n) => renewed(n, more), rotating);
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
    expect(used(h)).toEqual(["refresh-token-0", "refresh-token-0"]);
  });

  it.each<[string, number]>([
    ["-1", -1],
    ["0", 0],
    ["a second", 1],
    ["a hundred years", 3_153_600_000],
    ["more than a store can read again", 9e12],
    ["more than a date can say", 1e18],
    ["more than a number can say", 1e308],
  ])("a lifetime of %s is stored, and the token is used", async (_what, expires_in) => {
    const h = await connected((_r, n) => renewed(n, { expires_in }), rotating);
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active" });
    expect((await h.accounts.list()).data).toHaveLength(1);
    expect(used(h)).toEqual(["refresh-token-0"]);
  });

  it.each<[string, unknown, string[]]>([
    ["an empty text", "", ["read", "write"]],
    ["blanks", "  ", ["read", "write"]],
    ["an empty list", [], ["read", "write"]],
    ["fewer", "read", ["read"]],
  ])("scopes that are %s leaves known what is", async (_what, scope, scopes) => {
    const h = await connected((_r, n) => renewed(n, { scope: n === 1 ? "read write" : scope }), rotating);
    for (const known of [["read", "write"], scopes]) {
      h.clock.advance(2 * HOUR);
      await h.send();
      expect((await h.accounts.get(h.id)).scopes).toEqual(known);
    }
  });

  it("a byte order mark before it brings its tokens", async () => {
    const text = (n: number) => `\uFEFF${JSON.stringify((renewed(n) as { json: unknown }).json)}`;
    const h = await connected((_r, n) => ({ text: text(n) }), rotating);
    h.clock.advance(2 * HOUR);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-1" });
    expect(used(h)).toEqual(["refresh-token-0"]);
  });

  it.each<[string, object | string]>([
    ["no access token", { access_token: undefined }],
    ["an access token that is null", { access_token: null }],
    ["an access token that is empty", { access_token: "" }],
    ["an access token that is a number", { access_token: 5 }],
    ["a list in place of an object", "[]"],
    ["null in place of an object", "null"],
    ["a text in place of an object", '"access_token"'],
    ["nothing", ""],
    ["half of an object", '{"access_token":"at'],
  ])("%s is no answer: nothing is stored, and it is tried again with the same token", async (_what, answer) => {
    const h = await connected((_r, n) => {
      if (n > 1) return renewed(n);
      return typeof answer === "string"
        ? { text: answer, headers: { "content-type": "application/json" } }
        : renewed(n, answer);
    }, rotating);
    h.clock.advance(2 * HOUR);
    await expect(h.send()).rejects.toMatchObject({ code: "vendor_error" });
    h.clock.advance(30_000);
    expect(await h.send()).toEqual({ sent: "Bearer access-token-2" });
    expect(used(h)).toEqual(["refresh-token-0", "refresh-token-0"]);
  });
});
