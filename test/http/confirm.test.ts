import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { makeGoogle } from "./browser.ts";

const TEN_MINUTES = 10 * 60_000;
const RETURN_TO = "https://app.example/settings?tab=1";

type World = Awaited<ReturnType<typeof makeGoogle>>;

/** Goes to the vendor and back in a new browser; gives the code that `returnTo` got. */
async function walk({ browser }: World, authorizeUrl: string, account?: string): Promise<string> {
  const person = browser();
  const { status, headers } = await person.open(await person.leave(authorizeUrl, { account }));
  expect([status, headers["location"]]).toEqual([303, expect.stringContaining(`${RETURN_TO}&hookline_code=`)]);
  return new URL(headers["location"]!).searchParams.get("hookline_code")!;
}

/** A user's connection that waits to be confirmed. */
async function waiting(options: Parameters<typeof makeGoogle>[0] = {}) {
  const world = await makeGoogle(options);
  const token = await world.tokenOf("u_1");
  const { id, authorizeUrl } = await world.begin({ confirm: true, returnTo: RETURN_TO }, token);
  const code = await walk(world, authorizeUrl);
  const confirm = (given: string, as: string = token) =>
    world.ask("POST", `/v1/connections/${id}/confirm`, { token: as, body: { code: given } });
  /** Grants that the vendor still knows. */
  const grants = () => (world.sandbox.google.oauth.toJSON() as { email: string }[]).map(({ email }) => email);
  return { ...world, token, id, authorizeUrl, code, confirm, grants };
}

/** Another code of the same form. */
const wrong = (code: string): string => code.replaceAll(/\w/g, (letter) => (letter === "7" ? "8" : "7"));

describe("a connection that was begun with confirm", () => {
  it("is active once the user who began returns the code that only returnTo got", async () => {
    const { code, id, confirm, statusOf, must } = await waiting();
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(await statusOf(id)).toBe("pending");
    const { status, body } = await confirm(code);
    expect([status, body.status, body.label]).toEqual([200, "active", "alex.morgan@example.com"]);
    const { data } = await must("GET", `/v1/connections/${id}/triggers/contact_created/sample?live=true`);
    expect(data).toHaveLength(3);
  });

  it("takes the code as a person types it", async () => {
    const { code, confirm } = await waiting();
    const typed = ` ${code.toLowerCase().replace("-", " ").replaceAll("0", "o").replaceAll("1", "l")}`;
    expect((await confirm(typed)).status).toBe(200);
  });

  it("shows the code on the last page where there is no returnTo", async () => {
    const { begin, browser, must, tokenOf } = await makeGoogle({ productName: "Acme CRM" });
    const token = await tokenOf("u_1");
    const { id, authorizeUrl } = await begin({ confirm: true }, token);
    const person = browser();
    const { status, text } = await person.open(await person.leave(authorizeUrl));
    expect(status).toBe(200);
    expect(text).toContain(
      "<title>Confirm that alex.morgan@example.com (Google Contacts) is connected to Acme CRM for u_1</title>",
    );
    const [, code] = /<strong><bdi>([^<]+)</.exec(text)!;
    expect((await must("POST", `/v1/connections/${id}/confirm`, { token, body: { code } })).status).toBe("active");
  });

  it("gives the same code to a callback that is loaded again, in the same browser only", async () => {
    const world = await makeGoogle();
    const { authorizeUrl } = await world.begin({ confirm: true, returnTo: RETURN_TO });
    const person = world.browser();
    const callback = await person.leave(authorizeUrl);
    const [first, second] = [await person.open(callback), await person.open(callback)];
    expect(second.headers["location"]).toBe(first.headers["location"]);
    expect((await world.browser().open(callback)).status).toBe(403);
  });

  it("is confirmed once", async () => {
    const { code, confirm, statusOf, id } = await waiting();
    const answers = await Promise.all([confirm(code), confirm(code)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    const again = await confirm(code);
    expect([again.status, again.body.code]).toEqual([409, "conflict"]);
    expect(again.body.detail).toContain("no authorization waits to be confirmed");
    expect(await statusOf(id)).toBe("active");
  });

  it("is confirmed by nobody else: not by another user, nor by an admin who did not begin", async () => {
    const { code, confirm, tokenOf, statusOf, id } = await waiting();
    const other = await confirm(code, await tokenOf("u_2"));
    expect([other.status, other.body.code]).toEqual([404, "not_found"]);
    const admin = await confirm(code, "an-admin-key-of-this-test");
    expect([admin.status, admin.body.code]).toEqual([403, "forbidden"]);
    expect(await statusOf(id)).toBe("pending");
    expect((await confirm(code)).status).toBe(200);
  });

  it("that an admin began is confirmed by an admin, not by the user", async () => {
    const world = await makeGoogle();
    const { id, authorizeUrl } = await world.begin({ confirm: true, returnTo: RETURN_TO });
    const body = { code: await walk(world, authorizeUrl) };
    const path = `/v1/connections/${id}/confirm`;
    expect((await world.ask("POST", path, { body, token: await world.tokenOf("u_1") })).status).toBe(403);
    expect((await world.ask("POST", path, { body })).body.status).toBe("active");
  });

  it("survives two wrong codes, and not the third", async () => {
    const survivor = await waiting();
    const answers = [await survivor.confirm(wrong(survivor.code)), await survivor.confirm(wrong(survivor.code))];
    expect(answers.map(({ status, body }) => [status, body.code, body.detail])).toEqual([
      [400, "invalid_input", `${survivor.id}: the code is wrong; 2 more tries`],
      [400, "invalid_input", `${survivor.id}: the code is wrong; 1 more try`],
    ]);
    expect((await survivor.confirm(survivor.code)).status).toBe(200);

    const ended = await waiting();
    expect(ended.grants()).toEqual(["alex.morgan@example.com"]);
    for (let count = 0; count < 2; count++) await ended.confirm(wrong(ended.code));
    const third = await ended.confirm(wrong(ended.code));
    expect([third.status, third.body.detail]).toEqual([409, `${ended.id}: the code was wrong 3 times; connect again`]);
    expect((await ended.confirm(ended.code)).status).toBe(409);
    expect(ended.grants()).toEqual([]);
    expect(await ended.statusOf(ended.id)).toBe("pending");
  });

  it("lets no more than three codes through, however many come at once", async () => {
    const { code, confirm } = await waiting();
    const answers = await Promise.all(Array.from({ length: 12 }, () => confirm(wrong(code))));
    expect(answers.filter(({ status }) => status === 400).length).toBeLessThanOrEqual(3);
    expect((await confirm(code)).status).toBe(409);
  });

  it("waits for ten minutes after the callback; then its tokens are revoked and gone", async () => {
    const clock = new ManualClock(Date.now());
    const inTime = await waiting({ clock, sandbox: { clock } });
    clock.advance(TEN_MINUTES);
    expect((await inTime.confirm(inTime.code, await inTime.tokenOf("u_1"))).status).toBe(200);

    const late = await waiting({ clock, sandbox: { clock } });
    clock.advance(TEN_MINUTES + 1);
    expect(late.grants()).toEqual(["alex.morgan@example.com"]);
    expect((await late.confirm(late.code, await late.tokenOf("u_1"))).status).toBe(409);
    expect(late.grants()).toEqual([]);
  });

  it("that is removed while it waits gives its grant back", async () => {
    const { ask, id, grants, token } = await waiting();
    expect((await ask("DELETE", `/v1/connections/${id}`, { token })).status).toBe(204);
    expect(grants()).toEqual([]);
  });

  it("leaves its code in no log", async () => {
    const lines: string[] = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
    const { code, confirm } = await waiting({ logger });
    await confirm(wrong(code));
    await confirm(code);
    expect(lines.join("")).not.toContain(code);
  });
});

describe("with requireConfirmation", () => {
  it("every authorization has to be confirmed, whatever a user asks for", async () => {
    const world = await makeGoogle({ requireConfirmation: true });
    const token = await world.tokenOf("u_1");
    const { id, authorizeUrl } = await world.begin({ confirm: false, returnTo: RETURN_TO }, token);
    const code = await walk(world, authorizeUrl);
    expect(await world.statusOf(id)).toBe("pending");
    const path = `/v1/connections/${id}`;
    expect((await world.must("POST", `${path}/confirm`, { token, body: { code } })).status).toBe("active");
    const again = await world.must("POST", `${path}/reconnect`, { token, body: { returnTo: RETURN_TO } });
    expect(await walk(world, again.authorizeUrl)).toMatch(/^\w{4}-\w{4}$/);
  });
});

describe("a reconnection that was begun with confirm", () => {
  async function reconnecting(options: Parameters<typeof makeGoogle>[0] = {}) {
    const world = await makeGoogle(options);
    const { id, authorizeUrl } = await world.begin();
    const person = world.browser();
    await person.open(await person.leave(authorizeUrl));
    const again = await world.must("POST", `/v1/connections/${id}/reconnect`, {
      body: { confirm: true, returnTo: RETURN_TO },
    });
    const reads = async (): Promise<number> =>
      (await world.must("GET", `/v1/connections/${id}/triggers/contact_created/sample?live=true`)).data.length;
    const confirm = (code: string) => world.ask("POST", `/v1/connections/${id}/confirm`, { body: { code } });
    return { ...world, id, authorizeUrl: again.authorizeUrl as string, reads, confirm };
  }

  it("goes on with the old credentials until it is confirmed", async () => {
    const world = await reconnecting();
    const code = await walk(world, world.authorizeUrl);
    expect([await world.statusOf(world.id), await world.reads()]).toEqual(["active", 3]);
    // The old token may be renewed meanwhile.
    world.sandbox.google.oauth.expireAccessTokens();
    expect(await world.reads()).toBe(3);
    expect((await world.confirm(code)).body.status).toBe("active");
    expect(await world.reads()).toBe(3);
  });

  it("does not end the grant of the old credentials when nobody confirms it", async () => {
    const clock = new ManualClock(Date.now());
    const world = await reconnecting({ clock, sandbox: { clock } });
    const code = await walk(world, world.authorizeUrl);
    clock.advance(TEN_MINUTES + 1);
    expect((await world.confirm(code)).status).toBe(409);
    expect([await world.statusOf(world.id), await world.reads()]).toEqual(["active", 3]);
  });
});
