import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer, text } from "node:stream/consumers";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import express from "express";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { listen } from "../fixtures/listen.ts";
import { IS_LARGE } from "../fixtures/tier.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { pressButton } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness } from "../accounts/harness.ts";
import { ADMIN, makeApi, soon, type ApiOptions } from "../http/compose.ts";
import { notesManifest } from "../http/notes-vendor.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An API with a connection to a vendor whose answers the test gives; its base URL has a path of its own. */
async function makePassthrough(answer: Answer, manifest: object = {}, options: ApiOptions = {}) {
  const seen: string[] = [];
  const vendor = await listen(
    createServer((request, response) => {
      if (request.url === "/api/me") return void response.setHeader("content-type", "application/json").end("{}");
      seen.push(`${request.method} ${request.url}`);
      answer(request, response);
    }),
  );
  onTestFinished(() => vendor.stop());
  const api = await makeApi({
    connectors: [{ ...notesManifest, ...manifest }],
    servers: { notes: { url: `${vendor.url}/api` } },
    ...options,
  });
  const id = await api.connect("u_1");
  return { ...api, id, seen, at: `${api.url}/v1/connections/${id}/passthrough` };
}

const asAdmin = { authorization: `Bearer ${ADMIN}` };
const ok: Answer = (request, response) =>
  void request.resume().on("end", () => response.setHeader("content-type", "text/plain").end("ok"));

/**
 * A request whose path leaves as it is written: `fetch` would tidy it first. With chunks of a body given, it never says that
 * they were all.
 */
async function asWritten(base: string, path: string, method = "GET", headers: object = {}, chunks?: Buffer[]) {
  const { hostname, port, pathname } = new URL(base);
  const sent = httpRequest({ hostname, port, method, path: pathname + path, headers: { ...asAdmin, ...headers } });
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  if (chunks === undefined) sent.end();
  else sent.flushHeaders();
  for (const chunk of chunks ?? []) if (!sent.write(chunk)) await once(sent, "drain");
  const [response] = await answered;
  return { status: response.statusCode!, body: await text(response) };
}

describe("the passthrough", () => {
  it("sends path, query and body as they are, with the connection's credentials", async () => {
    let got: Record<string, unknown> = {};
    const { at, seen } = await makePassthrough((request, response) => {
      const chunks: Buffer[] = [];
      request
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("end", () => {
          got = { ...request.headers, body: Buffer.concat(chunks).toString() };
          response.writeHead(201, { "content-type": "application/vnd.notes+xml", "x-page": "2" }).end("<made/>");
        });
    });
    const response = await fetch(`${at}/notes/a%20b;c=1/d%2Fe?q=%2B1&q=2&empty=`, {
      method: "PATCH",
      headers: { ...asAdmin, "content-type": "text/plain; charset=latin1" },
      body: "as it is",
    });
    expect([response.status, await response.text()]).toEqual([201, "<made/>"]);
    expect(response.headers.get("content-type")).toBe("application/vnd.notes+xml");
    expect(response.headers.get("x-page")).toBe("2");
    expect(seen).toEqual(["PATCH /api/notes/a%20b;c=1/d%2Fe?q=%2B1&q=2&empty="]);
    expect(got).toMatchObject({
      authorization: "Bearer token-of-u_1",
      "content-type": "text/plain; charset=latin1",
      "content-length": "8",
      body: "as it is",
    });
  });

  it("keeps the caller's own headers here, but those named for the vendor, and never its login", async () => {
    let got: IncomingMessage["headers"] = {};
    const { at } = await makePassthrough(
      (request, response) => {
        got = request.headers;
        ok(request, response);
      },
      { server: { url: "https://notes.example", headers: { "Notes-Version": "7" } } },
    );
    await fetch(`${at}/notes`, {
      headers: {
        ...asAdmin,
        cookie: "session=of-the-host",
        "x-session": "of-the-host",
        "if-none-match": '"1"',
        "hookline-forward-x-field-mask": "title",
        "hookline-forward-notes-version": "1",
        "hookline-forward-authorization": "Bearer another",
        "hookline-forward-cookie": "a=b",
        "hookline-forward-host": "evil.example",
        "hookline-forward-x-forwarded-for": "10.0.0.1",
        "hookline-forward-connection": "upgrade",
      },
    });
    expect(got).toMatchObject({
      authorization: "Bearer token-of-u_1",
      "if-none-match": '"1"',
      "x-field-mask": "title",
      "notes-version": "7",
    });
    expect(JSON.stringify(got)).not.toMatch(/of-the-host|evil|another|a=b|10\.0\.0\.1|upgrade|hookline-forward/);
  });

  it("gives back the vendor's errors and redirects unchanged, without cookies and what holds for a connection or an origin", async () => {
    const { at, seen } = await makePassthrough((request, response) => {
      request.resume();
      const redirect = request.url!.endsWith("/moved");
      response.writeHead(redirect ? 302 : 418, {
        "content-type": "text/html",
        ...(redirect ? { location: "https://elsewhere.example/" } : {}),
        "set-cookie": ["a=1", "b=2"],
        "strict-transport-security": "max-age=1",
        "access-control-allow-origin": "*",
        "content-security-policy": "default-src *",
        connection: "keep-alive, x-hop",
        "x-hop": "1",
        "x-request-id": "r1",
      });
      response.end("<p>teapot</p>");
    });
    const teapot = await fetch(`${at}/tea`, { headers: asAdmin });
    expect([teapot.status, await teapot.text(), teapot.headers.get("x-request-id")]).toEqual([
      418,
      "<p>teapot</p>",
      "r1",
    ]);
    for (const name of ["set-cookie", "strict-transport-security", "access-control-allow-origin", "x-hop"]) {
      expect([name, teapot.headers.get(name)]).toEqual([name, null]);
    }
    expect(teapot.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(teapot.headers.get("cache-control")).toBe("no-store");
    const moved = await fetch(`${at}/moved`, { headers: asAdmin, redirect: "manual" });
    expect([moved.status, moved.headers.get("location")]).toEqual([302, "https://elsewhere.example/"]);
    expect(seen).toEqual(["GET /api/tea", "GET /api/moved"]);
  });

  it("streams 20 MB of bytes there and back, packed as they are, without keeping them", async () => {
    const bytes = randomBytes(20 * 1024 * 1024);
    const { at } = await makePassthrough((request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      request.pipe(response);
    });
    const response = await fetch(`${at}/files`, { method: "PUT", headers: asAdmin, body: bytes });
    const back = Buffer.from(await response.arrayBuffer());
    expect(createHash("sha256").update(back).digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("begins to answer before the vendor has ended", async () => {
    let end: () => void = () => {};
    const { at } = await makePassthrough((_request, response) => {
      response.write("first");
      end = () => response.end("last");
    });
    const reader = (await fetch(`${at}/slow`, { headers: asAdmin })).body!.getReader();
    expect(Buffer.from((await reader.read()).value).toString()).toBe("first");
    end();
    expect(Buffer.from((await reader.read()).value).toString()).toBe("last");
  });

  it("does not unpack what the vendor packed", async () => {
    const packed = gzipSync("hello");
    const { at } = await makePassthrough((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length }).end(packed);
    });
    const response = await fetch(`${at}/packed`, { headers: asAdmin });
    expect([response.headers.get("content-encoding"), response.headers.get("content-length")]).toEqual([
      "gzip",
      `${packed.length}`,
    ]);
    expect(await response.text()).toBe("hello");
  });

  it("refuses bodies over 100 MB, told or not, and answers of such a size", async () => {
    const { at, seen, ask, id } = await makePassthrough((request, response) => {
      request.on("error", () => {}).resume();
      if (request.method === "GET") response.writeHead(200, { "content-length": String(101 * 1024 * 1024) }).write("x");
    });
    const big = await ask("GET", `/v1/connections/${id}/passthrough/big`);
    expect([big.status, big.body.code]).toEqual([413, "too_large"]);
    expect(big.body.detail).toMatch(/the answer is longer than 104857600 bytes; ask for less at once$/);
    const refusal = { code: "too_large", detail: "Body: it is larger than 104857600 bytes; send less at once" };
    const told = await asWritten(at, "/told", "POST", { "content-length": "104857601" }, []);
    expect([told.status, JSON.parse(told.body)]).toEqual([413, expect.objectContaining(refusal)]);
    const chunks = [...Array.from({ length: 100 }, () => Buffer.alloc(1024 * 1024)), Buffer.alloc(1)];
    const untold = await asWritten(at, "/untold", "POST", {}, chunks);
    expect([untold.status, JSON.parse(untold.body)]).toEqual([413, expect.objectContaining(refusal)]);
    expect(seen).toEqual(["GET /api/big", "POST /api/untold"]);
  });

  it.runIf(IS_LARGE)("takes a body of 100 MB", async () => {
    const { at, seen } = await makePassthrough(ok);
    const body = Buffer.alloc(100 * 1024 * 1024);
    expect((await fetch(`${at}/big`, { method: "POST", headers: asAdmin, body })).status).toBe(200);
    expect(seen).toEqual(["POST /api/big"]);
  });

  it.each([
    "//evil.example/x",
    "/../../other",
    "/notes/../../other",
    "/..%2f..%2fother",
    "/%2e%2e/other",
    "/notes/%2e%2e/%2e%2e/other",
    "/%252e%252e/other",
    "/.",
    "/..;/other",
    "/.;a=b/other",
    "/https://evil.example/x",
    "/https:%2f%2fevil.example/x",
    "/%68ttps://evil.example/x",
    "/\\evil.example/x",
    "/%5cevil.example",
    "/%2fevil.example",
    "/%09//evil.example",
    "/@evil.example/../..",
  ])("refuses %s, which could lead out of the vendor's API", async (path) => {
    const { at, seen } = await makePassthrough(ok);
    const { status, body } = await asWritten(at, path);
    expect([status, JSON.parse(body).code]).toEqual([400, "invalid_url"]);
    expect(JSON.parse(body).detail).toMatch(/a path of the vendor's API is needed/);
    expect(seen).toEqual([]);
  });

  it.each(["/@evil.example", "/evil.example:80/x", "/.evil.example", "/notes/a..b", "/100%25", "/:8080/x"])(
    "takes %s for the path it is, at the vendor's host",
    async (path) => {
      const { at, seen } = await makePassthrough(ok);
      expect(await asWritten(at, path)).toEqual({ status: 200, body: "ok" });
      expect(seen).toEqual([`GET /api${path}`]);
    },
  );

  it("passes the methods of resources, and no other", async () => {
    const { at, seen } = await makePassthrough(ok);
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]) {
      expect((await fetch(`${at}/x`, { method, headers: asAdmin })).status).toBe(200);
    }
    for (const method of ["OPTIONS", "TRACE", "PROPFIND"]) {
      const { status, body } = await asWritten(at, "/x", method);
      expect([status, JSON.parse(body).code]).toEqual([405, "method_not_allowed"]);
    }
    expect(seen.map((line) => line.split(" ")[0])).toEqual(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
  });

  it("is not there for another user's connection", async () => {
    const { ask, tokenOf, id, seen } = await makePassthrough(ok);
    const { status, body } = await ask("GET", `/v1/connections/${id}/passthrough/notes`, {
      token: await tokenOf("u_2"),
    });
    expect([status, body.code]).toEqual([404, "not_found"]);
    expect(seen).toEqual([]);
  });

  it("counts against the vendor's limits, and heeds one the vendor reports", async () => {
    const rateLimits = [{ points: 2, seconds: 60, per: "connection" }];
    const { ask, id, seen } = await makePassthrough(ok, { rateLimits });
    const get = () => ask("GET", `/v1/connections/${id}/passthrough/notes`);
    expect([(await get()).status, (await get()).status]).toEqual([200, 200]);
    const third = await get();
    expect([third.status, third.body.code]).toEqual([429, "rate_limited"]);
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(50);
    expect(seen).toHaveLength(2);
  });

  it.each([
    ["for as long as the vendor says", { "retry-after": "30" }, "30"],
    ["for ten seconds when the vendor does not say for how long", {}, "10"],
  ])("leaves a vendor alone that limits it, %s", async (_how, headers, seconds) => {
    const clock = new ManualClock(Date.now());
    const answer: Answer = (_request, response) => void response.writeHead(429, headers).end("slow down");
    const { at, ask, id, seen } = await makePassthrough(answer, {}, { clock });
    const first = await fetch(`${at}/x`, { headers: asAdmin });
    expect([first.status, await first.text()]).toEqual([429, "slow down"]);
    const second = await ask("GET", `/v1/connections/${id}/passthrough/x`);
    expect([second.status, second.body.code, second.headers.get("retry-after")]).toEqual([
      429,
      "rate_limited",
      seconds,
    ]);
    expect(seen).toHaveLength(1);
  });

  it("puts a key that belongs into the query in the place of the caller's", async () => {
    const authentication = { type: "apiKey", in: "query", name: "key", test: { method: "GET", path: "/me" } };
    const vendor = await listen(
      createServer((request, response) => {
        seen.push(request.url!);
        response.setHeader("content-type", "application/json").end("{}");
      }),
    );
    const seen: string[] = [];
    onTestFinished(() => vendor.stop());
    const { must } = await makeApi({
      connectors: [{ ...notesManifest, authentication }],
      servers: { notes: { url: vendor.url } },
    });
    const { id } = await must("POST", "/v1/connections", {
      body: { connector: "notes", user: "u_1", credentials: { apiKey: "the-real-key" } },
    });
    await must("GET", `/v1/connections/${id}/passthrough/notes?key=mine&q=1`);
    expect(seen.at(-1)).toBe("/notes?key=the-real-key&q=1");
  });

  it("works after a host's own parser has read the body", async () => {
    let body = "";
    const { at } = await makePassthrough(
      (request, response) => {
        request.on("data", (chunk) => (body += String(chunk))).on("end", () => response.end("ok"));
      },
      {},
      { mount: (app, router) => app.use("/integrations", express.json(), router) },
    );
    const headers = { ...asAdmin, "content-type": "application/json" };
    expect((await fetch(`${at}/notes`, { method: "POST", headers, body: '{ "title": "é" }' })).status).toBe(200);
    expect(body).toBe('{"title":"é"}');
  });

  it("ends the vendor's request when the caller has gone", async () => {
    let ended = false;
    const { at } = await makePassthrough((_request, response) => {
      response.on("close", () => (ended = true)).write("first");
    });
    const controller = new AbortController();
    const response = await fetch(`${at}/slow`, { headers: asAdmin, signal: controller.signal });
    await response.body!.getReader().read();
    controller.abort();
    await soon(() => expect(ended).toBe(true));
  });

  it("says with a problem of its own that the vendor cannot be reached", async () => {
    const { ask, id } = await makePassthrough((request) => void request.socket.destroy());
    const { status, body } = await ask("GET", `/v1/connections/${id}/passthrough/x`);
    expect([status, body.code, body.type]).toEqual([502, "network", "urn:hookline:error:network"]);
  });
});

describe("a refusal that the vendor has packed", () => {
  const packings: [string, (text: string) => Buffer][] = [
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
    ["zstd", zstdCompressSync],
    ["br, gzip", (text) => gzipSync(brotliCompressSync(text))],
  ];

  it.each(packings)(
    "by %s is judged by what it says, and reaches the caller as it was packed",
    async (encoding, pack) => {
      // A 401 that says so is about a scope: no renewal of the token helps.
      const said = JSON.stringify({ message: "The token is not authorized for this scope", more: "x".repeat(2_000) });
      const tokenCalls: string[] = [];
      const vendor = await listen(
        createServer((request, response) => {
          if (request.url === "/token") tokenCalls.push(request.url);
          if (request.url === "/me") return void response.setHeader("content-type", "application/json").end("{}");
          response.writeHead(401, { "content-type": "application/json", "content-encoding": encoding }).end(pack(said));
        }),
      );
      onTestFinished(() => vendor.stop());
      const h = await harness(
        [
          acme({
            authentication: acmeOAuth,
            errors: [
              {
                class: "scopeMissing",
                status: [401],
                when: "contains(to_string(body.message || ''), 'for this scope')",
              },
            ],
          }),
        ],
        {
          servers: { acme: { url: vendor.url, tokenUrl: `${vendor.url}/token`, authorizationUrl: `${vendor.url}/a` } },
          network: { allowPrivate: true, allow: [] },
        },
      );
      const credentials = { accessToken: "access", refreshToken: "refresh", expiresAt: h.clock.now() + 3_600_000 };
      const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
      const answer = await h.actions.passthrough(id, { method: "GET", target: "things" });
      expect([answer.status, tokenCalls]).toEqual([401, []]);
      expect(await buffer(answer.body)).toEqual(pack(said));
    },
  );
});

describe("the passthrough to Google", () => {
  it("renews a token that the vendor refuses, and reaches the API of a googleapis connector", async () => {
    const sandbox = await createSandbox({ contacts: 3 });
    onTestFinished(() => sandbox.stop());
    const { must, runtime, url } = await makeApi({
      connectors: ["google-contacts"],
      servers: { "google-contacts": sandbox.servers["google-contacts"] },
      clients: { "google-contacts": sandbox.client },
    });
    const wanted = { connector: "google-contacts", user: "u_1", actions: ["list_contacts"] };
    const { id, authorizeUrl } = await runtime.connections.create(wanted);
    const begun = await pressButton(authorizeUrl!);
    const headers = { cookie: begun.cookie };
    await fetch(`${url}/v1/oauth/callback?${await consent(begun.url)}`, { headers });
    const path = `/v1/connections/${id}/passthrough/v1/people/me/connections?personFields=names`;
    expect((await must("GET", path)).connections).toHaveLength(3);
    await fetch(`${sandbox.url}/control/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "unauthorized" }),
    });
    expect((await must("GET", path)).connections).toHaveLength(3);
  });
});
