import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { acme, acmeOAuth } from "../accounts/harness.ts";
import { agree, makeGoogle } from "./browser.ts";
import { makeApi } from "./compose.ts";

const TEN_MINUTES = 10 * 60_000;
const EXPIRED = "This link has expired or was used before. Go back and connect again.";
const ANOTHER_BROWSER = "This authorization was begun in another browser.";

describe("the page of an authorizeUrl", () => {
  it("says what is connected to what for whom, and is used up by nobody who only looks", async () => {
    const { begin, browser, statusOf, url } = await makeGoogle({ productName: "Acme CRM" });
    const { id, authorizeUrl } = await begin();
    const previewer = browser();
    expect((await fetch(authorizeUrl, { method: "HEAD" })).status).toBe(200);
    await previewer.open(authorizeUrl);
    const page = await previewer.open(`${authorizeUrl}?utm_source=mail`);
    expect(page.text).toContain("<title>Connect your Google Contacts account to Acme CRM for u_1</title>");
    expect(page.text).toContain("If you are not <bdi>u_1</bdi>, or did not ask for this, close this page");
    expect(page.headers["set-cookie"]).toBeUndefined();
    const person = browser();
    const finished = await person.open(await person.leave(authorizeUrl));
    expect(finished.text).toContain("alex.morgan@example.com (Google Contacts) is connected to Acme CRM for u_1");
    expect(await statusOf(id)).toBe("active");
    expect(url).toBe(authorizeUrl.slice(0, url.length));
  });

  it("runs no script, stands in nobody's frame, is kept nowhere, and tells the vendor nothing of its address", async () => {
    const { begin, browser } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const { headers, text } = await browser().open(authorizeUrl);
    const policy = headers["content-security-policy"]!.split("; ");
    expect(policy).toEqual([
      "default-src 'none'",
      expect.stringMatching(/^style-src 'sha256-[\w+/]{43}='$/),
      "form-action 'self' https: http:",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
    });
    expect(text).not.toMatch(/<script|javascript:|\son\w+=/i);
    expect(text).not.toContain(authorizeUrl.split("/").at(-1));
    const begun = await browser().press(authorizeUrl);
    expect(begun.headers["referrer-policy"]).toBe("no-referrer");
  });

  it("shows names as text, whatever is in them", async () => {
    const title = `<i>Evil</i> & "Sons'`;
    const { must, url } = await makeApi({
      connectors: [{ ...acme({ authentication: acmeOAuth }), title }],
      servers: {},
      clients: { acme: { clientId: "client-1" } },
      productName: "<b>Product</b>",
    });
    const user = `<img-src=x-onerror="alert('1')">`;
    const { authorizeUrl } = await must("POST", "/v1/connections", { body: { connector: "acme", user } });
    expect(authorizeUrl).toContain(url);
    const text = await (await fetch(authorizeUrl)).text();
    expect(text).not.toMatch(/<img|<i>|<b>/);
    expect(text).toContain("&lt;img-src=x-onerror=&quot;alert(&#39;1&#39;)&quot;&gt;");
    expect(text).toContain("&lt;i&gt;Evil&lt;/i&gt; &amp; &quot;Sons&#39;");
    expect(text).toContain("&lt;b&gt;Product&lt;/b&gt;");
  });

  it("is there for ten minutes", async () => {
    const clock = new ManualClock(Date.now());
    const { begin, browser } = await makeGoogle({ clock, sandbox: { clock } });
    const { authorizeUrl } = await begin();
    clock.advance(TEN_MINUTES);
    expect((await browser().open(authorizeUrl)).status).toBe(200);
    clock.advance(1);
    for (const late of [await browser().open(authorizeUrl), await browser().press(authorizeUrl)]) {
      expect([late.status, late.headers["set-cookie"]]).toEqual([400, undefined]);
      expect(late.text).toContain(EXPIRED);
    }
  });

  it("is gone once an account was connected, and never was under another token", async () => {
    const { begin, browser, url } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const person = browser();
    await person.open(await person.leave(authorizeUrl));
    for (const address of [authorizeUrl, `${url}/v1/oauth/start/${"x".repeat(43)}`]) {
      const again = await browser().open(address);
      expect(again.status).toBe(400);
      expect(again.text).toContain(EXPIRED);
    }
  });

  it("begins only by its own button, not by another site's form", async () => {
    const { begin, browser, url } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const { origin } = new URL(url);
    const foreigners: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site", origin: "null" },
      { "sec-fetch-site": "same-site", origin: "https://other.app.example" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin", origin: "https://evil.example" },
    ];
    for (const foreign of foreigners) {
      const { status, headers, text } = await browser().press(authorizeUrl, foreign);
      expect([foreign, status, headers["set-cookie"]]).toEqual([foreign, 403, undefined]);
      expect(text).toContain("Open the link itself, and use its button.");
    }
    const owns: Record<string, string>[] = [
      {},
      { origin },
      { "sec-fetch-site": "same-origin", origin },
      { "sec-fetch-site": "same-origin", origin: "null" },
    ];
    for (const own of owns) {
      expect((await browser().press(authorizeUrl, own)).status).toBe(303);
    }
  });
});

describe("the cookie of a browser that begins", () => {
  it("goes to the callback alone, for ten minutes, and is no script's", async () => {
    const { begin, browser } = await makeGoogle();
    const { headers } = await browser().press((await begin()).authorizeUrl);
    expect(headers["set-cookie"]).toEqual([
      expect.stringMatching(
        /^hookline-oauth-[0-9a-f]{12}=[\w-]{43}; Path=\/integrations\/v1\/oauth\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect(headers["location"]).not.toContain(/=([\w-]{43});/.exec(headers["set-cookie"]![0]!)![1]!);
  });

  it("is secure where browsers use https", async () => {
    const { begin, browser, url } = await makeGoogle({ baseUrl: "https://app.example/hooks" });
    const { authorizeUrl } = await begin();
    expect(authorizeUrl).toMatch(/^https:\/\/app\.example\/hooks\/v1\/oauth\/start\//);
    const here = authorizeUrl.replace("https://app.example/hooks", url);
    const { headers } = await browser().press(here);
    expect(headers["set-cookie"]).toEqual([
      expect.stringMatching(
        /^__Secure-hookline-oauth-[0-9a-f]{12}=[\w-]{43}; Path=\/hooks\/v1\/oauth\/callback; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ]);
    const policy = (await browser().open(here)).headers["content-security-policy"];
    expect(policy).toContain("form-action 'self' https:;");
  });

  it("of one tab does not disturb that of another", async () => {
    const { begin, browser, statusOf } = await makeGoogle();
    const [one, two] = [await begin(), await begin()];
    const person = browser();
    const callbacks = [
      await person.leave(one.authorizeUrl),
      await person.leave(two.authorizeUrl),
      await person.leave(two.authorizeUrl),
    ];
    for (const callback of callbacks.toReversed()) expect((await person.open(callback)).status).toBe(200);
    expect([await statusOf(one.id), await statusOf(two.id)]).toEqual(["active", "active"]);
  });
});

describe("a callback", () => {
  it("in the browser of a victim, who got the vendor's page from the one who began, connects nothing", async () => {
    const { begin, browser, statusOf, sandbox } = await makeGoogle();
    const { id, authorizeUrl } = await begin({ user: "u_mallory" });
    const [mallory, victim] = [browser(), browser()];
    const vendorsPage = (await mallory.press(authorizeUrl)).headers["location"]!;
    const callback = await agree(vendorsPage);
    const page = await victim.open(callback);
    expect([page.status, page.headers["content-type"]]).toEqual([403, "text/html; charset=utf-8"]);
    expect(page.text).toContain(ANOTHER_BROWSER);
    expect(await statusOf(id)).toBe("pending");
    expect(sandbox.requests.get("oauth.token.authorization_code")).toBe(0);
  });

  it("in another browser leaves the right one its chance", async () => {
    const { begin, browser, statusOf } = await makeGoogle();
    const { id, authorizeUrl } = await begin();
    const [right, other] = [browser(), browser()];
    // The other one has a cookie as well: of an authorization of its own.
    await other.press((await begin()).authorizeUrl);
    const callback = await right.leave(authorizeUrl);
    expect((await other.open(callback)).status).toBe(403);
    expect((await right.open(callback)).status).toBe(200);
    expect(await statusOf(id)).toBe("active");
  });

  it("that is replayed answers the same in the same browser, and nothing in another or with another code", async () => {
    const { begin, browser, sandbox } = await makeGoogle();
    const person = browser();
    const callback = await person.leave((await begin()).authorizeUrl);
    const pages = [await person.open(callback), await person.open(callback)];
    expect(pages.map(({ status, text }) => [status, text])).toEqual([
      [200, pages[0]!.text],
      [200, pages[0]!.text],
    ]);
    expect((await browser().open(callback)).status).toBe(403);
    const another = new URL(callback);
    another.searchParams.set("code", "another");
    const refused = await person.open(another.href);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain(EXPIRED);
    expect(sandbox.requests.get("oauth.token.authorization_code")).toBe(1);
  });

  it("takes no link's token for a state, and a link no state for a token", async () => {
    const { begin, browser, url } = await makeGoogle();
    const { authorizeUrl } = await begin();
    const token = authorizeUrl.split("/").at(-1);
    expect((await browser().open(`${url}/v1/oauth/callback?state=${token}&code=x`)).status).toBe(400);
    const vendorsPage = (await browser().press(authorizeUrl)).headers["location"]!;
    const start = `${url}/v1/oauth/start/${new URL(vendorsPage).searchParams.get("state")}`;
    expect([(await browser().open(start)).status, (await browser().press(start)).status]).toEqual([400, 400]);
  });

  it("leaves no code, state, token or cookie on its page or in the log", async () => {
    const { begin, browser, logged } = await makeLogged();
    const { authorizeUrl } = await begin();
    const person = browser();
    const begun = await person.press(authorizeUrl);
    const callback = await agree(begun.headers["location"]!);
    const texts = [await browser().open(callback), await person.open(callback), await person.open(`${callback}x`)].map(
      ({ text, headers }) => text + JSON.stringify(headers),
    );
    const { searchParams } = new URL(callback);
    const [, session] = /=([\w-]{43});/.exec(begun.headers["set-cookie"]![0]!)!;
    expect(logged()).toContain("could not be begun or finished");
    for (const secret of [searchParams.get("code")!, searchParams.get("state")!, session!, authorizeUrl.slice(-43)]) {
      expect(texts.join("") + logged()).not.toContain(secret);
    }
  });
});

describe("a victim who opens the link of somebody else", () => {
  it("reads for whom it is; without a login or a confirmation, the button still connects", async () => {
    const { begin, browser, statusOf } = await makeGoogle();
    const { id, authorizeUrl } = await begin({ user: "u_mallory" });
    const victim = browser();
    expect((await victim.open(authorizeUrl)).text).toContain("whoever sent you the link would get access");
    const end = await victim.open(await victim.leave(authorizeUrl));
    expect(end.text).toContain("is connected to this product for u_mallory");
    expect(await statusOf(id)).toBe("active");
  });
});

describe("with the host's own login", () => {
  const authenticate = ({ headers }: { headers: Record<string, unknown> }) => {
    const name = headers["x-login"];
    if (typeof name !== "string") return null;
    return name === "admin" ? ({ role: "admin" } as const) : ({ role: "user", user: name } as const);
  };
  const as = (login: string) => ({ "x-login": login });
  const OTHERS = "This link is for another user.";
  const NOBODY = "You are not signed in.";

  it("page, button and callback work for the connection's user alone", async () => {
    const { begin, browser, statusOf } = await makeGoogle({ authenticate });
    const { id, authorizeUrl } = await begin({ user: "u_mallory" });
    for (const [visitor, words] of [
      [browser(as("u_1")), OTHERS],
      [browser(), NOBODY],
    ] as const) {
      for (const page of [await visitor.open(authorizeUrl), await visitor.press(authorizeUrl)]) {
        expect([page.status, page.headers["set-cookie"]]).toEqual([403, undefined]);
        expect(page.text).toContain(words);
        expect(page.text).not.toContain("u_mallory");
      }
    }
    const owner = browser(as("u_mallory"));
    expect((await owner.open(authorizeUrl)).status).toBe(200);
    expect((await owner.open(await owner.leave(authorizeUrl))).status).toBe(200);
    expect(await statusOf(id)).toBe("active");
  });

  it("a callback under another login in the right browser connects nothing, and leaves the right one its chance", async () => {
    const { begin, url, statusOf } = await makeGoogle({ authenticate });
    const { id, authorizeUrl } = await begin();
    const begun = await fetch(authorizeUrl, { method: "POST", redirect: "manual", headers: as("u_1") });
    const cookie = begun.headers.getSetCookie()[0]!.split(";")[0]!;
    const callback = await agree(begun.headers.get("location")!);
    const come = async (headers: Record<string, string>) => {
      const answer = await fetch(callback, { headers: { cookie, ...headers } });
      return [answer.status, await answer.text()] as const;
    };
    expect(await come(as("u_2"))).toEqual([403, expect.stringContaining(OTHERS)]);
    expect(await come({})).toEqual([403, expect.stringContaining(NOBODY)]);
    expect(await statusOf(id)).toBe("pending");
    expect((await come(as("u_1")))[0]).toBe(200);
    expect(await statusOf(id)).toBe("active");
    expect(callback).toContain(url);
  });

  it("an admin may as well", async () => {
    const { begin, browser } = await makeGoogle({ authenticate });
    const { authorizeUrl } = await begin();
    const admin = browser(as("admin"));
    expect((await admin.open(await admin.leave(authorizeUrl))).status).toBe(200);
  });
});

/** With what the log says. */
async function makeLogged() {
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  return { ...(await makeGoogle({ logger })), logged: () => lines.join("") };
}
