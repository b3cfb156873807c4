import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  verify,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { auth } from "googleapis/build/src/apis/people/index.js";
import { describe, expect, it } from "vitest";
import { BACKDATED_SECONDS } from "../../../runtime/accounts/jwt-bearer.ts";
import { credentialsForm } from "../../../runtime/accounts/form.ts";
import { ManualClock } from "../../../runtime/core/clock.ts";
import type { Reply, Seen } from "../harness.ts";
import { faultsOf, fixture, fixtureWith } from "./kind.ts";
import { HOUR, issuesByRound, ONCE_EACH, reissuing, storeOf, STORES, type Reissued } from "./reissued.ts";

const NAME = "jwt-kind";
const AUDIENCE = "https://oauth2.jwt.example/token";
/** A new key pair as people have it: the private half in PEM, and the public one. */
const pem = (
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  type: "pkcs8" | "pkcs1" = "pkcs8",
) => ({
  privateKey: privateKey.export({ type, format: "pem" }).toString(),
  publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
});
const rsa = pem(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const EMAIL = "sync@acme.iam.example";
const file = (privateKey: string = rsa.privateKey): string =>
  JSON.stringify(
    { type: "service_account", private_key_id: "key-1", private_key: privateKey, client_email: EMAIL },
    null,
    2,
  );

interface Statement {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signed: string;
  signature: Buffer;
}

function statementOf({ body }: Pick<Seen, "body">): Statement {
  const [header = "", claims = "", signature = ""] = new URLSearchParams(body).get("assertion")!.split(".");
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  return {
    header: read(header),
    claims: read(claims),
    signed: `${header}.${claims}`,
    signature: Buffer.from(signature, "base64url"),
  };
}

const issued = (n: number): Reply => ({
  json: { access_token: `access-token-${n}`, token_type: "Bearer", expires_in: 3600 },
});
const isToken = ({ url }: Seen): boolean => url === "/token";
const playing = async (more: Partial<Reissued> = {}): Promise<Reissued> => ({
  manifest: await fixture("jwt-bearer"),
  credentials: { keyFile: file() },
  issue: (request, n) => (isToken(request) ? issued(n) : undefined),
  carries: ({ headers }, n) => headers.authorization === `Bearer access-token-${n}`,
  ...more,
});

describe("a service account", () => {
  it("has a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("jwt-bearer"))).toEqual([]);
  });

  it("states who it is and for whom it acts, signed with its key", async () => {
    const h = await reissuing(await playing({ inputs: { subject: "ada@acme.example" } }));
    expect(h.made).toMatchObject({ status: "active", authType: "jwtBearer", scopes: ["contacts.readonly", "tasks"] });
    const [request] = h.vendor.calls("/token");
    expect([...new URLSearchParams(request!.body).keys()].toSorted()).toEqual(["assertion", "grant_type"]);
    expect(new URLSearchParams(request!.body).get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const { header, claims, signed, signature } = statementOf(request!);
    const seconds = Math.floor(h.clock.now() / 1000);
    expect(header).toEqual({ alg: "RS256", typ: "JWT", kid: "key-1" });
    expect(claims).toEqual({
      iss: EMAIL,
      sub: "ada@acme.example",
      aud: AUDIENCE,
      scope: "contacts.readonly tasks",
      iat: seconds - BACKDATED_SECONDS,
      exp: seconds - BACKDATED_SECONDS + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(verify("RSA-SHA256", Buffer.from(signed), rsa.publicKey, signature)).toBe(true);
  });

  it("states what Google's own library states", async () => {
    const theirs = new auth.JWT({
      email: EMAIL,
      key: rsa.privateKey,
      scopes: ["contacts.readonly", "tasks"],
      subject: "ada@acme.example",
    });
    let body = "";
    const request = async ({ data }: { data: unknown }) => {
      body = String(data);
      return { data: { access_token: "t", token_type: "Bearer", expires_in: 3600 } };
    };
    theirs.transporter = { request } as never;
    await theirs.authorize();
    const manifest = await fixtureWith("jwt-bearer", { lifetimeSeconds: 3600 });
    const h = await reissuing(await playing({ manifest, inputs: { subject: "ada@acme.example" } }));
    const ours = statementOf(h.vendor.calls("/token")[0]!);
    const googles = statementOf({ body });
    const facts = ({ claims: { iat, exp, jti: _jti, aud: _aud, ...rest } }: Statement) => ({
      ...rest,
      seconds: Number(exp) - Number(iat),
    });
    expect(facts(ours)).toEqual(facts(googles));
    expect(ours.header).toMatchObject(googles.header);
    expect(new URLSearchParams(body).get("grant_type")).toBe(
      new URLSearchParams(h.vendor.calls("/token")[0]!.body).get("grant_type"),
    );
  });

  const published: [string, "ES256" | "EdDSA", JsonWebKey][] = [
    [
      "RFC 7515 A.3",
      "ES256",
      {
        kty: "EC",
        crv: "P-256",
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
      },
    ],
    [
      "RFC 8037 A.1",
      "EdDSA",
      {
        kty: "OKP",
        crv: "Ed25519",
        x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
      },
    ],
  ];
  const pasted = (algorithm: string) => ({
    algorithm,
    credentials: {
      type: "object",
      required: ["key"],
      properties: { key: { type: "string", title: "Key", writeOnly: true, multiline: true } },
    },
    key: "$credentials.key",
    header: undefined,
    claims: { iss: "client-7", aud: ["https://a.example", "https://b.example"] },
  });

  it.each(published)("signs with the key of %s by %s as its public half verifies", async (_where, algorithm, jwk) => {
    const manifest = await fixtureWith("jwt-bearer", pasted(algorithm));
    const h = await reissuing(await playing({ manifest, credentials: { key: JSON.stringify(jwk) } }));
    const { header, claims, signed, signature } = statementOf(h.vendor.calls("/token")[0]!);
    expect([header.alg, claims.aud]).toEqual([algorithm, ["https://a.example", "https://b.example"]]);
    const { d: _d, ...half } = jwk;
    const key = createPublicKey({ key: half, format: "jwk" });
    const [digest, how] = algorithm === "EdDSA" ? [null, key] : ["sha256", { key, dsaEncoding: "ieee-p1363" as const }];
    expect(verify(digest, Buffer.from(signed), how as never, signature)).toBe(true);
  });

  it.each([
    ["PKCS #1", "pkcs1", (text: string) => text],
    ["PKCS #8 with its line breaks written out", "pkcs8", (text: string) => text.replaceAll("\n", "\\n")],
    ["PEM with blanks before it", "pkcs8", (text: string) => `\n  ${text}`],
    ["PEM that is indented", "pkcs8", (text: string) => text.replaceAll("\n", "\r\n    ")],
    ["PEM on one line", "pkcs8", (text: string) => text.trim().replaceAll("\n", " ")],
    ["PEM in quotes", "pkcs8", (text: string) => JSON.stringify(text)],
    [
      "PEM after a certificate",
      "pkcs1",
      (text: string) => `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n${text}`,
    ],
    [
      "a JWK with blanks before it",
      "pkcs8",
      (text: string) => `\n  ${JSON.stringify(createPrivateKey(text).export({ format: "jwk" }))}`,
    ],
  ] as const)("takes a key as %s", async (_form, type, written) => {
    const { privateKey } = pem(generateKeyPairSync("rsa", { modulusLength: 2048 }), type);
    const manifest = await fixtureWith("jwt-bearer", pasted("PS256"));
    const h = await reissuing(await playing({ manifest, credentials: { key: written(privateKey) } }));
    expect(h.made.status).toBe("active");
  });

  it.each(STORES)("signs once for each expiry for many callers in several processes, on %s", async (kind) => {
    const h = await reissuing(await playing({ options: { db: await storeOf(kind) } }));
    expect(await issuesByRound(h, () => h.clock.advance(HOUR))).toEqual(ONCE_EACH);
    const ids = h.vendor.calls("/token").map((request) => statementOf(request).claims.jti);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(STORES)("signs once for each token that the vendor refuses, on %s", async (kind) => {
    let refused = 0;
    const carries = ({ headers }: Seen, n: number) =>
      n > refused && headers.authorization === `Bearer access-token-${n}`;
    const h = await reissuing(await playing({ options: { db: await storeOf(kind) }, carries }));
    expect(await issuesByRound(h, () => void (refused = h.state.issued))).toEqual(ONCE_EACH);
  });

  const refusal = (date: number): Reply => ({
    status: 400,
    headers: { date: new Date(date).toUTCString() },
    json: { error: "invalid_grant", error_description: "Invalid JWT: check your iat and exp values" },
  });
  /** A vendor that takes statements of its own time only. */
  async function atVendorTime(ahead: number) {
    const clock = new ManualClock("2026-01-01T00:00:00Z");
    const iats: number[] = [];
    const answer = (request: Seen, n: number): Reply => {
      const now = clock.now() + ahead;
      const { iat, exp } = statementOf(request).claims as { iat: number; exp: number };
      iats.push(iat);
      return iat * 1000 > now || exp * 1000 <= now ? refusal(now) : issued(n);
    };
    const issue = (request: Seen, n: number) => (isToken(request) ? answer(request, n) : undefined);
    const made = reissuing(await playing({ issue, options: { clock } }));
    return { made, iats };
  }

  it.each([-3600, -31, 280, 3600].map((seconds) => seconds * 1000))(
    "takes the vendor's time, once, where its clock is %i ms away",
    async (ahead) => {
      const { made, iats } = await atVendorTime(ahead);
      expect((await made).made.status).toBe("active");
      expect(iats).toHaveLength(2);
      expect((iats[1]! - iats[0]!) * 1000).toBe(ahead);
    },
  );

  it.each([-28, 0, 200].map((seconds) => seconds * 1000))(
    "needs no second call with a clock that is %i ms away",
    async (ahead) => {
      const { made, iats } = await atVendorTime(ahead);
      await made;
      expect(iats).toHaveLength(1);
    },
  );

  it("that is refused at the right time needs another key, and is not asked again", async () => {
    let isRefused = false;
    const issue = (request: Seen, n: number) =>
      !isToken(request) ? undefined : isRefused ? refusal(h.clock.now()) : issued(n);
    const h = await reissuing(await playing({ issue }));
    isRefused = true;
    h.clock.advance(2 * HOUR);
    for (let i = 0; i < 2; i++) await expect(h.send()).rejects.toMatchObject({ code: "reauth_required" });
    expect(h.state.issued).toBe(2);
    isRefused = false;
    await h.accounts.update(h.id, { credentials: { keyFile: file() } });
    expect((await h.send()).status).toBe(200);
  });

  it("that the vendor does not know connects nothing", async () => {
    const clock = new ManualClock("2026-01-01T00:00:00Z");
    const issue = (request: Seen) => (isToken(request) ? refusal(clock.now()) : undefined);
    await expect(reissuing(await playing({ issue, options: { clock } }))).rejects.toMatchObject({
      code: "connection_rejected",
      data: { vendor: { error: "invalid_grant" } },
    });
  });

  const ec = pem(generateKeyPairSync("ec", { namedCurve: "P-384" }));
  it.each<[string, string, object]>([
    [
      "no file",
      rsa.privateKey,
      { faults: [{ pointer: "/credentials/keyFile", message: "must be the whole JSON file, from { to }" }] },
    ],
    [
      "a file without a key",
      JSON.stringify({ client_email: EMAIL }),
      {
        message: `${NAME}: credentials.keyFile#/private_key is not a private key in PEM or JWK without a passphrase; RS256 needs a private key of rsa`,
      },
    ],
    [
      "a public key",
      file(rsa.publicKey),
      { message: expect.stringMatching(/is not a private key in PEM or JWK without a passphrase/) },
    ],
    [
      "a key that is too short",
      file(pem(generateKeyPairSync("rsa", { modulusLength: 1024 })).privateKey),
      { message: expect.stringMatching(/is a key of 1024 bits, which is too short; make one of 2048 or more/) },
    ],
    [
      "a key of another kind",
      file(ec.privateKey),
      { message: expect.stringMatching(/is a key of another kind \(secp384r1\)/) },
    ],
  ])("is refused with %s, before any call", async (_what, keyFile, error) => {
    const refused = reissuing(await playing({ credentials: { keyFile } }));
    await expect(refused).rejects.toMatchObject({ code: "invalid_input", ...error });
  });

  it("never shows its key, its statements or its token", async () => {
    const issue = (request: Seen, n: number) =>
      !isToken(request) ? undefined : n === 1 ? issued(1) : { status: 500, json: { message: request.body } };
    const h = await reissuing(await playing({ issue }));
    h.clock.advance(2 * HOUR);
    const error = await h.send().catch((thrown: unknown) => thrown);
    const rows = await h.db.all("select * from connections");
    const shown = JSON.stringify([
      error,
      (error as { data: object }).data,
      String(error),
      h.logged,
      rows,
      await h.accounts.get(h.id),
    ]);
    const assertions = h.vendor.calls("/token").map(({ body }) => new URLSearchParams(body).get("assertion")!);
    for (const secret of [...assertions, rsa.privateKey.split("\n")[3]!, "access-token-1"])
      expect(shown).not.toContain(secret);
    expect(shown).toContain("500");
  });

  it("shows forms what to ask for", async () => {
    const { authentication } = await fixture("jwt-bearer");
    expect(credentialsForm(authentication as never).properties.keyFile).toMatchObject({
      title: "JSON key file of the service account",
      contentMediaType: "application/json",
      writeOnly: true,
    });
  });

  it.each<[string, object, RegExp]>([
    ["a shared secret", { algorithm: "HS256" }, /^#\/authentication\/algorithm: must be one of "RS256"/],
    [
      "times of its own",
      { claims: { iss: "x", exp: 1 } },
      /^#\/authentication\/claims\/exp: "exp" is not allowed here; remove it/,
    ],
    ["nobody who vouches", { claims: { sub: "x" } }, /^#\/authentication\/claims\/iss: is required/],
    ["a key that people show", { key: "$connection.key" }, /^#\/authentication\/key: must match/],
    [
      "a key that is not asked for",
      { key: "$credentials.keyfile" },
      /^#\/authentication\/key: there is no credential "keyfile"; did you mean "keyFile"\?/,
    ],
    [
      "claims from an answer",
      { claims: { iss: "$response.body#/a" } },
      /^#\/authentication\/claims\/iss: .*Allowed here: \$credentials, \$connection, \$scopes$/,
    ],
    ["59 seconds", { lifetimeSeconds: 59 }, /^#\/authentication\/lifetimeSeconds: must be at least 60/],
    ["3601 seconds", { lifetimeSeconds: 3601 }, /^#\/authentication\/lifetimeSeconds: must be at most 3600/],
  ])("is a fault in a manifest with %s", async (_what, parts, fault) => {
    expect(await faultsOf(await fixtureWith("jwt-bearer", parts))).toContainEqual(expect.stringMatching(fault));
  });
});
