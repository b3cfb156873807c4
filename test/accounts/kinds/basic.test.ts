import { describe, expect, it } from "vitest";
import { credentialsForm } from "../../../runtime/accounts/form.ts";
import { scrub } from "../../../runtime/core/secrets.ts";
import type { Manifest } from "../../../schemas/manifest.ts";
import { fixture, fixtureWith, faultsOf, kindWith } from "./kind.ts";

const KEY = "sk_live_canary_0123456789";
const account = () => ({ json: { id: "acct_1", name: "Ada's shop" } });

async function sent(manifest: Manifest, credentials: Record<string, unknown>) {
  const h = await kindWith(manifest, account);
  const { id } = await h.accounts.create({ connector: manifest.name, user: "u_1", credentials });
  return { ...h, id, authorization: h.vendor.seen[0]!.headers.authorization };
}

describe("basic authentication", () => {
  it("has a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("basic"))).toEqual([]);
  });

  it.each([
    ["Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["test", "123£", "Basic dGVzdDoxMjPCow=="],
    ["test", "123\u00a3", "Basic dGVzdDoxMjPCow=="],
    ["Zoe\u0308", "a:b", `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode("Zoë:a:b")))}`],
  ])("sends %s and %s as RFC 7617 has them", async (username, password, header) => {
    const manifest = await fixtureWith("basic", { username: undefined, password: undefined });
    expect((await sent(manifest, { username, password })).authorization).toBe(header);
  });

  it.each<[string, object, Record<string, string>, string]>([
    ["a key as user name, without a password", { username: {}, password: { fixed: "" } }, { username: KEY }, `${KEY}:`],
    [
      "a key as user name, with a fixed password",
      { username: {}, password: { fixed: "X" } },
      { username: KEY },
      `${KEY}:X`,
    ],
    ["a key as password, without a user name", { username: { fixed: "" }, password: {} }, { password: KEY }, `:${KEY}`],
    ["a password that was left out", { username: {}, password: { optional: true } }, { username: "ada" }, "ada:"],
    [
      "a password that was left empty",
      { username: {}, password: { optional: true } },
      { username: "ada", password: "" },
      "ada:",
    ],
    [
      "a password that may be left out",
      { username: {}, password: { optional: true } },
      { username: "a", password: "b" },
      "a:b",
    ],
  ])("sends %s", async (_what, parts, credentials, pair) => {
    const { authorization } = await sent(await fixtureWith("basic", parts), credentials);
    expect(Buffer.from(authorization!.slice("Basic ".length), "base64").toString()).toBe(pair);
  });

  it.each<[string, object, Record<string, unknown>, { pointer: string; message: string }[]]>([
    [
      "a colon in the user name",
      {},
      { username: "a:b" },
      [{ pointer: "/credentials/username", message: "must not contain a colon, which ends a user name (RFC 7617)" }],
    ],
    [
      "a control character",
      { password: {} },
      { username: "a", password: "b\u0007" },
      [{ pointer: "/credentials/password", message: "must not contain line breaks or other control characters" }],
    ],
    [
      "what the manifest fixes",
      {},
      { username: "a", password: "" },
      [{ pointer: "/credentials/password", message: "unknown property; basic takes username" }],
    ],
    [
      "an empty user name that is asked for",
      {},
      { username: "" },
      [{ pointer: "/credentials/username", message: "is required, as text" }],
    ],
    [
      "a password that is a number",
      { password: { optional: true } },
      { username: "a", password: 1 },
      [{ pointer: "/credentials/password", message: "must be a string, not a number" }],
    ],
  ])("refuses %s", async (_what, parts, credentials, faults) => {
    const manifest = await fixtureWith("basic", parts);
    const h = await kindWith(manifest, account);
    await expect(h.accounts.create({ connector: manifest.name, user: "u_1", credentials })).rejects.toMatchObject({
      code: "invalid_input",
      faults,
    });
    expect(h.vendor.seen).toEqual([]);
  });

  it("keeps a key that stands as user name out of every text", async () => {
    const { authorization } = await sent(await fixture("basic"), { username: KEY });
    expect(scrub(`the key is ${KEY}`)).toBe("the key is [secret]");
    expect(scrub(authorization!.slice("Basic ".length))).toBe("[secret]");
  });

  it("shows forms what to ask for, and what is secret", async () => {
    const form = async (parts: object) => credentialsForm((await fixtureWith("basic", parts)).authentication as never);
    expect(await form({})).toEqual({
      type: "object",
      required: ["username"],
      properties: {
        username: {
          type: "string",
          title: "Secret key",
          description: "Developers, API keys, Secret key.",
          writeOnly: true,
          pattern: "^[^:]*$",
        },
      },
    });
    expect(await form({ username: {}, password: { optional: true } })).toEqual({
      type: "object",
      required: ["username"],
      properties: {
        username: { type: "string", title: "User name", pattern: "^[^:]*$" },
        password: { type: "string", title: "Password", writeOnly: true },
      },
    });
  });

  it.each<[string, object, RegExp]>([
    [
      "that fixes both parts",
      { username: { fixed: "a" } },
      /^#\/authentication: asks for nothing that proves anything/,
    ],
    [
      "in which both may be left out",
      { username: { optional: true }, password: { optional: true } },
      /^#\/authentication: asks for nothing that proves anything/,
    ],
    [
      "that is fixed and may be left out",
      { password: { fixed: "", optional: true } },
      /^#\/authentication\/password: is fixed, so nobody gives it; remove optional/,
    ],
    [
      "whose user name has a colon",
      { username: { fixed: "a:b" }, password: {} },
      /^#\/authentication\/username\/fixed: /,
    ],
  ])("is a fault in a manifest %s", async (_what, parts, fault) => {
    const faults = await faultsOf(await fixtureWith("basic", parts));
    expect(faults).toEqual([expect.stringMatching(fault)]);
  });
});
