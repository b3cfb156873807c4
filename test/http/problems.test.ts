import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, HooklineError } from "../../runtime/core/errors.ts";
import { problemOf } from "../../runtime/core/problem.ts";
import { problemHeaders } from "../../runtime/http/problem.ts";
import { ADMIN, makeApi } from "./compose.ts";

const URL = "https://consumer.example/hooks";

describe("an error", () => {
  it("is a problem with type, title, status, detail, a stable code, and every place that is wrong", async () => {
    const { ask } = await makeApi();
    const answer = await ask("POST", "/v1/endpoints", { body: { url: 7, evnts: ["*"] } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      type: "urn:hookline:error:invalid_input",
      title: ERROR_CODES.invalid_input.meaning,
      status: 400,
      detail: "endpoint/url: must be a string, not a number (and 1 more)",
      code: "invalid_input",
      errors: [
        { pointer: "/url", message: expect.stringContaining("must be a string, not a number") },
        { pointer: "/evnts", message: 'unknown property "evnts"; did you mean "events"?' },
      ],
    });
  });

  it("names what is missing", async () => {
    const { ask } = await makeApi();
    const { body } = await ask("POST", "/v1/subscriptions", { body: {} });
    expect(body.errors).toEqual([
      { pointer: "/connection", message: "is required" },
      { pointer: "/trigger", message: "is required" },
    ]);
  });

  it("names wrong and unknown query parameters", async () => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", "/v1/connections?limit=500&statsu=active&cursor=%21");
    expect(status).toBe(400);
    const pointers = body.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers).toEqual(["/query/limit", "/query/statsu", "/query/cursor"]);
  });

  it.each([
    ["is not JSON", '{"url":', "Body: it is not valid JSON; check its brackets and quotes"],
    [
      "has a __proto__",
      `{"url":"${URL}","headers":{"__proto__":{}}}`,
      'Body: it has a property named "__proto__"; remove it',
    ],
    [
      "names a property twice",
      `{"url":"${URL}","\\u0075rl":"x"}`,
      'Body: it names the property "url" twice; name it once',
    ],
    ["is too deep", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`, "Body: it is nested more than 64 deep; flatten it"],
  ])("is invalid_input for a body that %s", async (_what, body, detail) => {
    const { ask } = await makeApi();
    const answer = await ask("POST", "/v1/endpoints", { body });
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([400, "invalid_input", detail]);
  });

  it("is invalid_input for a body that is not UTF-8", async () => {
    const { url } = await makeApi();
    const headers = { "content-type": "application/json", authorization: `Bearer ${ADMIN}` };
    const body = Buffer.from('{"url":"\xff"}', "latin1");
    const answer = await fetch(`${url}/v1/endpoints`, { method: "POST", headers, body });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: "invalid_input", detail: "Body: it is not valid UTF-8; encode it as UTF-8" }),
    ]);
  });

  it("is invalid_input for a body that no page of another site has to ask for leave to send", async () => {
    const { ask } = await makeApi();
    const answer = await ask("POST", "/v1/endpoints", {
      body: JSON.stringify({ url: URL }),
      headers: { "content-type": "text/plain" },
    });
    expect([answer.status, answer.body.detail]).toEqual([
      400,
      "Body: its content-type is not JSON; send content-type: application/json",
    ]);
  });

  it("is too_large for a body over one megabyte, whether or not it says so before", async () => {
    const { ask, url } = await makeApi();
    const body = JSON.stringify({ url: URL, where: "x".repeat(1024 * 1024) });
    const answer = await ask("POST", "/v1/endpoints", { body });
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
      413,
      "too_large",
      "Body: it is larger than 1048576 bytes; send less at once",
    ]);
    expect(await chunked(`${url}/v1/endpoints`, body)).toBe(413);
  });

  it("takes a body of exactly one megabyte", async () => {
    const { ask } = await makeApi();
    const statusOf = async (length: number): Promise<number> =>
      (await ask("POST", "/v1/endpoints", { body: `{"url":"${"x".repeat(length - 10)}"}` })).status;
    expect([await statusOf(1024 * 1024), await statusOf(1024 * 1024 + 1)]).toEqual([400, 413]);
  });

  it("takes a body that is nested 64 deep, and none that is deeper", async () => {
    const { ask } = await makeApi();
    const detailOf = async (depth: number): Promise<string> =>
      (await ask("POST", "/v1/endpoints", { body: `{"url":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}` })).body
        .detail;
    expect(await detailOf(64)).toBe("endpoint/url: must be a string, not an array");
    expect(await detailOf(65)).toBe("Body: it is nested more than 64 deep; flatten it");
  });

  it("asks for 30 seconds when a limit does not say for how long", () => {
    const error = new HooklineError("rate_limited", "notes: too many requests");
    expect(problemHeaders(error, problemOf(error))).toEqual({ "retry-after": "30" });
  });

  it("is not_found with the nearest path for an unknown one", async () => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", "/v1/subscription/sub_1");
    expect([status, body.code, body.detail]).toEqual([
      404,
      "not_found",
      "This path does not exist; did you mean /v1/subscriptions/sub_1?",
    ]);
  });

  it("is not_found at once for an unknown path of any length", async () => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", `/v1/connections/${"x".repeat(12_000)}/nope`, { token: null });
    expect([status, body.detail]).toEqual([404, "This path does not exist; GET /openapi.json lists all"]);
  });

  it("is 405 with Allow for a method that a path does not have", async () => {
    const { ask } = await makeApi();
    const { status, headers, body } = await ask("PUT", "/v1/endpoints/ep_1");
    expect([status, headers.get("allow"), body.code]).toEqual([405, "GET, PATCH, DELETE, HEAD", "method_not_allowed"]);
  });

  it("is invalid_input for a path that does not decode", async () => {
    const { ask } = await makeApi();
    const { status, body } = await ask("GET", "/v1/endpoints/%zz");
    expect([status, body.code]).toEqual([400, "invalid_input"]);
  });

  it("says nothing of what went wrong inside, but a number under which the log does", async () => {
    const lines: string[] = [];
    const { ask } = await makeApi({
      logger: (await import("pino")).pino({ level: "error" }, { write: (line) => void lines.push(line) }),
      authenticate: () => {
        throw new Error("the host's database password is hunter2-and-more");
      },
    });
    const { status, body } = await ask("GET", "/v1/connections", { token: null });
    expect([status, body.code]).toEqual([500, "internal"]);
    expect(JSON.stringify(body)).not.toContain("hunter2");
    expect(lines.join()).toContain(body.requestId);
  });

  it("carries the vendor's status and message", async () => {
    const { ask, connect, vendor } = await makeApi();
    const id = await connect("u_1");
    vendor.write = (_request, response) =>
      void response.writeHead(422, { "content-type": "application/json" }).end('{"message":"Title taken"}');
    const { status, body } = await ask("POST", `/v1/connections/${id}/actions/create_note`, { body: { title: "a" } });
    expect([status, body.code, body.vendor]).toEqual([
      424,
      "vendor_error",
      { status: 422, class: "invalidInput", message: "Title taken", body: '{"message":"Title taken"}' },
    ]);
  });

  it("says when to try again after a vendor's limit", async () => {
    const { ask, connect, vendor } = await makeApi();
    const id = await connect("u_1");
    vendor.write = (_request, response) =>
      void response.writeHead(429, { "content-type": "application/json", "retry-after": "120" }).end("{}");
    const { status, body, headers } = await ask("POST", `/v1/connections/${id}/actions/create_note`, {
      body: { title: "a" },
    });
    expect([status, body.code, headers.get("retry-after")]).toEqual([429, "rate_limited", "120"]);
  });
});

/** Sends a body in pieces without its length; gives the status of the answer. */
function chunked(url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, {
      method: "POST",
      headers: { authorization: "Bearer an-admin-key-of-this-test", "content-type": "application/json" },
    });
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.on("error", reject);
    request.write(body.slice(0, 100));
    request.end(body.slice(100));
  });
}

describe("a body where none is taken", () => {
  const send = async (url: string, method: string, headers: Record<string, string>, body = ""): Promise<unknown[]> => {
    const sent = httpRequest(url, { method, headers: { authorization: `Bearer ${ADMIN}`, ...headers } }).end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    const text = Buffer.concat((await response.toArray()) as Buffer[]).toString();
    return [response.statusCode, (JSON.parse(text) as { detail?: string }).detail];
  };
  const json = { "content-type": "application/json", "content-length": "2" };
  const chunks = { "transfer-encoding": "chunked" };

  it.each([
    ["GET", "/v1/connections", "listConnections"],
    ["POST", "/v1/deliveries/dlv_1/retry", "retryDelivery"],
    ["DELETE", "/v1/endpoints/ep_1", "deleteEndpoint"],
    ["GET", "/healthz", "getLiveness"],
  ])("is refused: %s %s", async (method, path, operation) => {
    const { url } = await makeApi();
    const refused = [400, `Body: ${operation} takes none; leave it out`];
    expect(await send(url + path, method, json, "{}")).toEqual(refused);
    expect(await send(url + path, method, chunks, "hello")).toEqual(refused);
  });

  it("is none when it is announced and does not come", async () => {
    const { url } = await makeApi();
    expect(await send(`${url}/v1/connections`, "GET", chunks)).toEqual([200, undefined]);
  });
});

describe("a body that its reader leaves unread", () => {
  const MOST = 16 * 1024 * 1024;

  it.each([
    ["is taken in up to 16 MB, and the next request is answered", "POST /v1/nowhere", MOST, 2],
    ["beyond that ends the connection", "POST /v1/nowhere", MOST + 1, 1],
    ["is taken in where the method is wrong", "PUT /v1/connections", MOST, 2],
    ["beyond that ends the connection there as well", "PUT /v1/connections", MOST + 1, 1],
  ])("%s", async (_what, request, length, answers) => {
    const api = new globalThis.URL((await makeApi()).url);
    const socket = connect(Number(api.port), api.hostname);
    const [method, path] = request.split(" ") as [string, string];
    const head = (method: string, path: string, more: string): string =>
      `${method} ${api.pathname}${path} HTTP/1.1\r\nhost: ${api.host}\r\n${more}\r\n`;
    let answered = 0;
    socket.on("data", (data: Buffer) => (answered += data.toString("latin1").split("HTTP/1.1 ").length - 1));
    socket.on("error", () => {});
    socket.write(head(method, path, `content-length: ${length}\r\n`));
    socket.write(Buffer.alloc(length));
    socket.write(head("GET", "/healthz", "connection: close\r\n"));
    await once(socket, "close");
    expect(answered).toBe(answers);
  });

  it("does not hold up the next request of the same connection", async () => {
    const { url, connect, vendor } = await makeApi();
    const con = await connect("u_1");
    vendor.write = (request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      request.resume();
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = async (method: string, path: string, body = Buffer.alloc(0)): Promise<number> => {
      const headers = { authorization: `Bearer ${ADMIN}`, "content-length": body.length };
      const sent = httpRequest(url + path, { method, agent, headers }).end(body);
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      await response.toArray();
      return response.statusCode!;
    };
    expect(await send("POST", `/v1/connections/${con}/passthrough/notes`, Buffer.alloc(5_000_000))).toBe(200);
    expect(await send("GET", "/v1/connections")).toBe(200);
    agent.destroy();
  });
});
