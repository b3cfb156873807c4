import { describe, expect, it } from "vitest";
import { findConnection } from "../../../runtime/model/connections.ts";
import { vendorServer } from "../harness.ts";
import { faultsOf, fixture, fixtureWith, kindWith } from "./kind.ts";

const API_KEY = "api-key-canary-0123456789";
const APP_KEY = "application key/canary&9876543210";
const account = () => ({ json: { id: "a_1", name: "Ada" } });
const given = { apiKey: API_KEY, applicationKey: APP_KEY };
const inputs = { account_id: "42" };
const SEND = { scope: "action", kind: "read", retry: { max: 0, on: [] } } as const;

async function connected(answer: Parameters<typeof kindWith>[1] = account, credentials: object = given) {
  const h = await kindWith(await fixture("custom"), answer);
  const made = await h.accounts.create({
    connector: "custom-kind",
    user: "u_1",
    credentials: { ...credentials },
    inputs,
  });
  return { ...h, made };
}

describe("custom authentication", () => {
  it("has a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("custom"))).toEqual([]);
  });

  it("sends each secret in its place, and leaves out what was not given", async () => {
    const { vendor, made } = await connected();
    expect(made).toMatchObject({ status: "active", label: "Ada", account: { id: "a_1" }, authType: "custom" });
    const { url, headers } = vendor.seen[0]!;
    expect(headers.authorization).toBe(`Token token=${API_KEY}, account="42"`);
    expect("x-region" in headers).toBe(false);
    expect(new URL(url, "http://x").searchParams.get("app_key")).toBe(APP_KEY);
    const withRegion = await connected(account, { ...given, region: "eu" });
    expect(withRegion.vendor.seen[0]!.headers["x-region"]).toBe("eu");
  });

  it("sends them through the passthrough too, in place of a caller's own", async () => {
    const h = await connected();
    const headers = { "hookline-forward-x-region": "us", authorization: "Bearer of-the-caller" };
    const request = { method: "GET", target: "things?app_key=of-the-caller", headers };
    (await h.actions.passthrough(h.made.id, request)).body.destroy();
    const seen = h.vendor.seen.at(-1)!;
    expect(seen.headers.authorization).toContain(API_KEY);
    expect(new URL(seen.url, "http://x").searchParams.getAll("app_key")).toEqual([APP_KEY]);
  });

  it("never shows them: not in the store, the log, errors or views", async () => {
    const echo = (request: { headers: object; url: string }) => ({
      status: 422,
      json: { message: `wrong: ${JSON.stringify(request.headers)} ${request.url}` },
    });
    let isWrong = false;
    const h = await connected((request) => (isWrong ? echo(request) : account()));
    isWrong = true;
    const client = await h.accounts.client(h.made.id);
    const error = await client.send({ method: "GET", path: "/things" }, SEND).catch((thrown: unknown) => thrown);
    const rows = await h.db.all("select * from connections");
    const texts = [rows, error, (error as Error).message, (error as Error & { data: object }).data, h.logged, h.made];
    const shown = JSON.stringify([...texts, await h.accounts.get(h.made.id)]) + String(error);
    for (const secret of [API_KEY, APP_KEY, encodeURIComponent(APP_KEY), Buffer.from(API_KEY).toString("base64")])
      expect(shown).not.toContain(secret);
    expect(
      h.vault.open((await findConnection(h.db, h.made.id))!.credentials!, {
        table: "connections",
        row: h.made.id,
        field: "credentials",
        user: h.made.user,
      }),
    ).toContain(API_KEY);
  });

  it.each([301, 302, 303, 307, 308])("does not follow a %i to another host with them", async (status) => {
    const stranger = await vendorServer(account);
    let isMoved = false;
    const h = await connected(() =>
      isMoved ? { status, headers: { location: `${stranger.url}/v1/things` }, json: {} } : account(),
    );
    isMoved = true;
    const client = await h.accounts.client(h.made.id);
    await expect(client.send({ method: "GET", path: "/things" }, SEND)).rejects.toMatchObject({ code: "vendor_error" });
    (await h.actions.passthrough(h.made.id, { method: "GET", target: "things" })).body.destroy();
    expect(stranger.seen).toEqual([]);
  });

  it("needs a new secret once the vendor refuses it", async () => {
    let isRefused = false;
    const h = await connected(() => (isRefused ? { status: 401, json: {} } : account()));
    isRefused = true;
    const client = await h.accounts.client(h.made.id);
    await expect(client.send({ method: "GET", path: "/things" }, SEND)).rejects.toMatchObject({ class: "authExpired" });
    expect((await h.accounts.get(h.made.id)).status).toBe("reauth_required");
  });

  it.each<[string, Record<string, unknown>, { pointer: string; message: string }[]]>([
    [
      "a secret that is missing",
      { apiKey: API_KEY },
      [{ pointer: "/credentials/applicationKey", message: "is required, as text" }],
    ],
    [
      "one that is too short, and another region",
      { ...given, apiKey: "short", region: "ap" },
      [
        { pointer: "/credentials/apiKey", message: "must have at least 16 characters" },
        { pointer: "/credentials/region", message: 'must be one of "eu", "us"; did you mean "eu"?' },
      ],
    ],
    [
      "a line break",
      { ...given, apiKey: `${API_KEY}\r\nX: y` },
      [{ pointer: "/credentials/apiKey", message: "must not contain line breaks or other control characters" }],
    ],
    [
      "one that nobody asked for",
      { ...given, token: "x" },
      [{ pointer: "/credentials/token", message: "unknown property; custom takes apiKey, applicationKey, region" }],
    ],
  ])("refuses %s", async (_what, credentials, faults) => {
    await expect(connected(account, credentials)).rejects.toMatchObject({ code: "invalid_input", faults });
  });

  it("refuses what no header can carry, before any call", async () => {
    const h = await kindWith(await fixture("custom"), account);
    const credentials = { ...given, apiKey: `${API_KEY}\u2603` };
    await expect(h.accounts.create({ connector: "custom-kind", user: "u", credentials, inputs })).rejects.toMatchObject(
      {
        code: "invalid_input",
        message:
          "custom-kind: Authorization: the credentials have characters that no header carries; check them, and connect again",
      },
    );
    expect(h.vendor.seen).toEqual([]);
  });

  const secret = (more: object = {}) => ({ type: "string", title: "Key", writeOnly: true, ...more });
  const credentials = (properties: object, required = Object.keys(properties)) => ({
    credentials: { type: "object", required, properties },
  });
  const present = (value: string) => ({ present: { headers: { "X-Key": value } } });
  it.each<[string, object, RegExp]>([
    [
      "a secret that nobody declared",
      { ...credentials({ apiKey: secret() }), ...present("{$credentials.apikey} {$credentials.apiKey}") },
      /^#\/authentication\/present\/headers\/X-Key: there is no credential "apikey"; did you mean "apiKey"\?/,
    ],
    [
      "a secret that is sent nowhere",
      { ...credentials({ apiKey: secret(), other: secret() }), ...present("$credentials.apiKey") },
      /^#\/authentication\/credentials\/properties\/other: is asked for and sent nowhere; read it as \$credentials\.other/,
    ],
    [
      "half a header",
      {
        ...credentials({ apiKey: secret(), id: secret() }, ["id"]),
        ...present("{$credentials.id}:{$credentials.apiKey}"),
      },
      /^#\/authentication\/present\/headers\/X-Key: "apiKey" may be left out, and half a text would be sent/,
    ],
    [
      "nothing that is secret",
      { ...credentials({ apiKey: { type: "string", title: "Key" } }), ...present("$credentials.apiKey") },
      /^#\/authentication\/credentials\/properties: has no secret; mark each with "writeOnly": true/,
    ],
    [
      "a key of several lines in a header",
      { ...credentials({ apiKey: secret({ multiline: true }) }), ...present("$credentials.apiKey") },
      /^#\/authentication\/present\/headers\/X-Key: "apiKey" may have line breaks/,
    ],
    [
      "a header of the message's frame",
      { ...credentials({ apiKey: secret() }), present: { headers: { Host: "$credentials.apiKey" } } },
      /^#\/authentication\/present\/headers\/Host: belongs to the frame of the message/,
    ],
    [
      "a requirement of nothing",
      { ...credentials({ apiKey: secret() }, ["apiKey", "apikey"]), ...present("$credentials.apiKey") },
      /^#\/authentication\/credentials\/required\/1: there is no property "apikey"; did you mean "apiKey"\?/,
    ],
    [
      "a property that chooses the way",
      { ...credentials({ type: secret() }), ...present("$credentials.type") },
      /^#\/authentication\/credentials\/properties\/type: "type" says which way of authentication is meant/,
    ],
    [
      "an answer where none is",
      { ...credentials({ apiKey: secret() }), ...present("{$response.body#/a}{$credentials.apiKey}") },
      /^#\/authentication\/present\/headers\/X-Key: .*unknown root "\$response".*Allowed here: \$credentials, \$connection$/,
    ],
  ])("is a fault in a manifest with %s", async (_what, parts, fault) => {
    expect(await faultsOf(await fixtureWith("custom", parts))).toEqual([expect.stringMatching(fault)]);
  });
});
