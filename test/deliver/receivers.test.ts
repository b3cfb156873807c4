import { createServer, type AddressInfo, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Attempt } from "../../runtime/model/deliveries.ts";
import { makeHarness, receiver, soon, status, type Answer, type HarnessOptions } from "./harness.ts";

/** What is recorded of one attempt at a URL. */
async function attemptAt(url: string, options: HarnessOptions = {}): Promise<Attempt> {
  const harness = await makeHarness(options);
  await harness.endpoints.create({ url });
  await harness.start();
  await harness.emit({});
  return soon(async () => {
    const [delivery] = await harness.made();
    expect(delivery!.attempts).toHaveLength(1);
    return delivery!.attempts[0]!;
  });
}

const attemptWith = async (answer: Answer, options?: HarnessOptions) =>
  attemptAt((await receiver(answer)).url, options);

/** A server below HTTP. */
async function rawServer(onRequest: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => onRequest(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe("a receiver that", () => {
  it.each([301, 302, 307, 308])("redirects with %i is a failure, and is not followed", async (code) => {
    const elsewhere = await receiver();
    const attempt = await attemptWith(status(code, { location: elsewhere.url }));
    expect(attempt).toMatchObject({ status: code, error: "redirect" });
    expect(elsewhere.requests).toHaveLength(0);
  });

  it("never answers is ended by the deadline", async () => {
    const attempt = await attemptWith(() => {}, { deadlineMs: 100 });
    expect(attempt).toMatchObject({ status: null, error: "timeout", answer: null });
    expect(attempt.durationMs).toBeGreaterThanOrEqual(95);
  });

  it("drips its answer byte by byte is ended by the deadline", async () => {
    const attempt = await attemptWith(
      (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write("."), 20);
        response.on("close", () => clearInterval(timer));
      },
      { deadlineMs: 150 },
    );
    expect(attempt).toMatchObject({ status: null, error: "timeout" });
  });

  it("answers without end has succeeded by its status; only the first kilobyte is kept", async () => {
    const attempt = await attemptWith((response) => {
      response.writeHead(200);
      const more = (): void =>
        void (
          response.destroyed || (response.write("é".repeat(8192)) ? setImmediate(more) : response.once("drain", more))
        );
      more();
    });
    expect(attempt).toMatchObject({ status: 200, error: null });
    expect(attempt.answer).toBe("é".repeat(512));
  });

  it("answers with a packed bomb does not have it unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const attempt = await attemptWith((response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    expect(attempt).toMatchObject({ status: 200, error: null, answer: "(gzip, not unpacked)" });
  });

  it("resets the connection is a failure", async () => {
    const attempt = await attemptAt(await rawServer((socket) => socket.resetAndDestroy()));
    expect(attempt).toMatchObject({ status: null, error: "connection" });
  });

  it("breaks off within its body is a failure", async () => {
    const url = await rawServer((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
    expect(await attemptAt(url)).toMatchObject({ status: null, error: "connection" });
  });

  it("does not speak HTTP is a failure", async () => {
    expect(await attemptAt(await rawServer((socket) => socket.end("220 mail.example ESMTP\r\n")))).toMatchObject({
      status: null,
      error: "connection",
    });
  });

  it("sends headers without measure is a failure", async () => {
    const url = await rawServer((socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(100_000)}\r\n\r\n`));
    expect(await attemptAt(url)).toMatchObject({ status: null, error: "connection" });
  });

  it("is not there is a failure", async () => {
    const url = await rawServer(() => {});
    const gone = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });
    expect(await attemptAt(url.replace(/:\d+/, `:${gone}`))).toMatchObject({ status: null, error: "refused" });
    expect(await attemptAt("http://nowhere.invalid/")).toMatchObject({ status: null, error: "dns" });
  });

  it("speaks plain HTTP where TLS is expected is a failure, never a downgrade", async () => {
    const consumer = await receiver();
    const attempt = await attemptAt(consumer.url.replace("http:", "https:"));
    expect(attempt).toMatchObject({ status: null, error: "tls" });
    expect(consumer.requests).toHaveLength(0);
  });

  it("echoes what it was sent does not bring secrets into the record", async () => {
    const harness = await makeHarness();
    const consumer = await receiver((response, { headers }) => response.end(JSON.stringify(headers)));
    await harness.endpoints.create({ url: consumer.url, headers: { "x-canary": "canary-4711-secret" } });
    await harness.start();
    await harness.emit({});
    await soon(async () => expect((await harness.made())[0]!.attempts[0]!.answer).toContain("[secret]"));
    expect(consumer.requests[0]!.headers["x-canary"]).toBe("canary-4711-secret");
    expect(JSON.stringify(await harness.made())).not.toContain("canary-4711");
  });

  it("hangs takes no slots from nineteen others", async () => {
    const harness = await makeHarness({ concurrency: 8, perEndpoint: 2 });
    const open = { now: 0, most: 0 };
    const dead = await receiver((response) => {
      open.most = Math.max(open.most, ++open.now);
      response.on("close", () => open.now--);
    });
    await harness.endpoints.create({ url: dead.url, events: ["contact.*"] });
    const others = await Promise.all(Array.from({ length: 19 }, () => receiver()));
    for (const { url } of others) await harness.endpoints.create({ url, events: ["contact.*"] });
    await harness.start();
    await harness.emit(...Array.from({ length: 50 }, () => ({})));
    await soon(() => expect(others.map(({ requests }) => requests.length)).toEqual(others.map(() => 50)));
    expect(open.most).toBe(2);
  });
});
