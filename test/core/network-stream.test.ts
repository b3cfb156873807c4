import { createServer, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNetwork } from "../../runtime/core/network.ts";
import { listen } from "../fixtures/listen.ts";

async function makeStream(answer: RequestListener) {
  const { url, stop } = await listen(createServer(answer));
  const network = createNetwork({ allowPrivate: true, allow: [], trusted: [] });
  onTestFinished(async () => {
    await stop();
    await network.close();
  });
  return { url, network };
}

const options = { method: "GET", deadlineMs: 5000, maxBytes: 1000 };

describe("a streamed answer", () => {
  it("is given as it comes, redirects too", async () => {
    const { url, network } = await makeStream((_request, response) => {
      response.writeHead(302, { location: "/other" }).end("moved");
    });
    const { status, headers, body } = await network.stream(url, options);
    expect([status, headers["location"], await text(body)]).toEqual([302, "/other", "moved"]);
  });

  it("fails at the deadline, even while bytes drip", async () => {
    const { url, network } = await makeStream((_request, response) => {
      const drip = setInterval(() => response.write("."), 10);
      response.on("close", () => clearInterval(drip));
    });
    const { body } = await network.stream(url, { ...options, deadlineMs: 1000 });
    await expect(text(body)).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringMatching(/no complete answer within 1000 ms; try again later$/),
    });
  });

  it("fails when it grows too long, or breaks off", async () => {
    const { url, network } = await makeStream((request, response) => {
      if (request.url === "/long") return void response.end("x".repeat(2000));
      response.writeHead(200, { "content-length": "500" }).write("half");
      setTimeout(() => response.destroy(), 10);
    });
    const unmeasured = await makeStream((_request, response) => {
      response.write("x".repeat(600));
      response.end("x".repeat(600));
    });
    await expect(network.stream(`${url}/long`, options)).rejects.toMatchObject({ code: "too_large" });
    const { body } = await unmeasured.network.stream(unmeasured.url, options);
    await expect(text(body)).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringMatching(/the answer is longer than 1000 bytes; ask for less at once$/),
    });
    const broken = await network.stream(`${url}/half`, options);
    await expect(text(broken.body)).rejects.toMatchObject({ code: "network" });
  });

  it("does not wait for a connection longer than it may take", async () => {
    const { url, network } = await makeStream(() => {});
    const stop = new AbortController();
    // As many as the agent has connections for one server.
    const hanging = Array.from({ length: 64 }, () =>
      network.stream(url, { ...options, deadlineMs: 600_000, signal: stop.signal }),
    );
    const settled = Promise.allSettled(hanging);
    await expect(network.stream(url, { ...options, deadlineMs: 20 })).rejects.toMatchObject({ code: "timeout" });
    stop.abort();
    await settled;
  });

  it("never comes from a private address that is not allowed", async () => {
    const { url } = await makeStream((_request, response) => response.end());
    const network = createNetwork({ allowPrivate: false, allow: [], trusted: [] });
    onTestFinished(() => network.close());
    await expect(network.stream(url, options)).rejects.toMatchObject({
      code: expect.stringMatching(/host_not_allowed|invalid_url/),
    });
  });
});
