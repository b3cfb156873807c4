import { pino } from "pino";
import { loadConnectors } from "../../runtime/connectors.ts";
import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createLog } from "../../runtime/core/log.ts";
import { rememberSecret, scrub } from "../../runtime/core/secrets.ts";

const canary = "canary-ABCDEFGH-0123456789";
rememberSecret(canary);

function capture() {
  const lines: string[] = [];
  return { lines, destination: { write: (line: string) => void lines.push(line) } };
}

describe("a log", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["in the message", {}, `refreshing with ${canary} now`],
    ["in a deep key", { a: { b: { c: [{ d: `x${canary}y` }] } } }, "m"],
    ["as the name of a key", { [canary]: 1 }, "m"],
    ["in a URL", { url: new URL(`https://x.example/?a=${canary}`) }, "m"],
    ["escaped in a URL", { url: `https://x.example/?a=${encodeURIComponent(canary)}` }, "m"],
    ["in an error's message and stack", { error: new Error(`failed: ${canary}`) }, "m"],
    [
      "in the cause of a cause",
      { error: new Error("a", { cause: new Error("b", { cause: new Error(canary) }) }) },
      "m",
    ],
    [
      "in an error's data",
      { error: new HooklineError("vendor_error", "m", { data: { vendor: { body: canary } } }) },
      "m",
    ],
    [
      "in what a client hangs on its error",
      { error: Object.assign(new Error("m"), { config: { data: `refresh_token=${canary}` } }) },
      "m",
    ],
    ["in several errors at once", { error: new AggregateError([new Error(canary)], "m") }, "m"],
    ["in bytes", { body: Buffer.from(canary) }, "m"],
  ])("never shows a remembered secret %s", (_where, facts, message) => {
    const { lines, destination } = capture();
    createLog({ destination }).info(facts, message);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(canary);
    expect(lines[0]).not.toContain(JSON.stringify(Buffer.from(canary)).slice(30, 60));
  });

  it.each([
    ["Authorization: Bearer abc.DEF-123_456"],
    ["grant_type=refresh_token&refresh_token=1//0gUnknownToken&client_id=x"],
    ['{"access_token":"unknown-token-value","expires_in":3599}'],
    ["https://app.example/cb?code=4/unknownCode&state=s"],
    ["Basic dXNlcjpwYXNzd29yZA=="],
    ["key whsec_a0UnknownSigningKey"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
  ])("hides what looks like a secret without having seen it before: %s", (text) => {
    const clean = scrub(text);
    expect(clean).toContain("[secret]");
    expect(clean).not.toMatch(/abc\.DEF|0gUnknown|unknown-token|unknownCode|dXNlcjp|a0Unknown|c2lnbmF0/);
  });

  it("hides tokens by their beginning once the connector that declares it is loaded", async () => {
    const text = "key acme+a0UnknownAcmeToken, ya29.a0UnknownGoogleToken";
    expect(scrub(text)).toBe(text);
    const authentication = { type: "bearer", tokenPrefixes: ["acme+"] };
    const server = { url: "https://api.acme.example" };
    const allowedHosts = ["api.acme.example"];
    const acme = {
      manifestVersion: 1,
      name: "acme",
      version: "1.0.0",
      title: "Acme",
      server,
      allowedHosts,
      authentication,
    };
    await loadConnectors([acme, "gmail"]);
    expect(scrub(text)).toBe("key [secret], [secret]");
  });

  it("takes little time for what looks like the beginning of many tokens", () => {
    const text = "-eyJaaaaaaaa".repeat(20_000);
    const began = performance.now();
    expect(scrub(text)).toBe(text);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it("remembers a secret that has half of a surrogate pair", () => {
    rememberSecret("half-a-pair-\ud800");
    expect(scrub("it is half-a-pair-\ud800.")).toBe("it is [secret].");
  });

  it("leaves ordinary text as it is", () => {
    const text = "people/c123: 404 not found after 3 tries; status=active&limit=10";
    expect(scrub(text)).toBe(text);
  });

  it("hides by name what does not look like a secret", () => {
    const { lines, destination } = capture();
    createLog({ destination })
      .child({ clientSecret: "plain" })
      .warn({ password: "hunter2", nested: { api_key: "k" } }, "m");
    expect(JSON.parse(lines[0]!)).toMatchObject({
      clientSecret: "[secret]",
      password: "[secret]",
      nested: { api_key: "[secret]" },
    });
  });

  it("keeps what helps: type, code, message, cause", () => {
    const { lines, destination } = capture();
    const error = new HooklineError("network", "x.example: cannot connect", {
      cause: new Error("ECONNREFUSED"),
      data: { sent: false },
    });
    createLog({ destination }).error({ error }, "poll failed");
    expect(JSON.parse(lines[0]!)).toMatchObject({
      msg: "poll failed",
      error: {
        type: "HooklineError",
        code: "network",
        message: "x.example: cannot connect",
        data: { sent: false },
        cause: { message: "ECONNREFUSED" },
      },
    });
  });

  it("scrubs for a host's own logger too", () => {
    const { lines, destination } = capture();
    createLog({ logger: pino({}, destination) }).info({ x: canary }, canary);
    expect(lines[0]).not.toContain(canary);
  });

  it("shows eight levels of a structure and no more", () => {
    const { lines, destination } = capture();
    createLog({ destination }).info({ a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } }, "m");
    expect(JSON.parse(lines[0]!).a).toEqual({ a: { a: { a: { a: { a: { a: { a: "[deeper]" } } } } } } });
  });

  it("survives structures that refer to themselves", () => {
    const { lines, destination } = capture();
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    createLog({ destination }).info({ loop }, "m");
    expect(lines).toHaveLength(1);
  });
});

describe("remembered secrets", () => {
  it("are found however many share their beginning and end", () => {
    const secrets = Array.from({ length: 500 }, (_, i) => `ya29x.a0AfB_${String(i).padStart(6, "0")}_tailtail0175`);
    for (const secret of secrets) rememberSecret(secret);
    const clean = scrub(secrets.join(" and "));
    expect(clean.replaceAll("[secret]", "").replaceAll(" and ", "")).toBe("");
  });

  it("are forgotten, the oldest first, instead of growing without end", () => {
    rememberSecret("the-oldest-of-them-all-0001");
    for (let i = 0; i < 10_000; i++) rememberSecret(`filler-${i}-filler`);
    expect(scrub("the-oldest-of-them-all-0001")).toBe("the-oldest-of-them-all-0001");
    expect(scrub("filler-9999-filler")).toBe("[secret]");
  });

  it("are ten thousand at most", () => {
    rememberSecret("the-oldest-of-them-all-0002");
    for (let i = 1; i < 10_000; i++) rememberSecret(`other-${i}-other`);
    expect(scrub("the-oldest-of-them-all-0002")).toBe("[secret]");
    rememberSecret("other-10000-other");
    expect(scrub("the-oldest-of-them-all-0002")).toBe("the-oldest-of-them-all-0002");
  });

  it("have eight characters at least: a shorter one would hide ordinary words", () => {
    rememberSecret("ordinar");
    rememberSecret("eightchr");
    expect(scrub("an ordinary text with eightchrs in it")).toBe("an ordinary text with [secret]s in it");
  });
});
