import { createServer } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNetwork } from "../../../runtime/core/network.ts";
import { createHttpTransport } from "../../../runtime/vendor/transports/http.ts";
import { listen } from "../../fixtures/listen.ts";
import { WAIT_MS } from "../../fixtures/limits.ts";

const MOST = 32 * 1024 * 1024;

/** Asks a vendor that answers so many bytes. */
async function answerOf(bytes: number) {
  const { url, stop } = await listen(createServer((_request, response) => void response.end(Buffer.alloc(bytes, "1"))));
  onTestFinished(stop);
  const network = createNetwork({ allowPrivate: true, trusted: [], allow: [] });
  const transport = createHttpTransport({ url, assertHost: () => undefined, network });
  const credentials = { headers: {}, query: {} };
  return transport.request(
    { method: "GET", path: "/", answer: "text" },
    { credentials, headers: {}, deadlineMs: WAIT_MS },
  );
}

describe("a response over HTTP", () => {
  it("may have 32 mebibytes", async () => {
    const { body } = await answerOf(MOST);
    expect(body).toHaveLength(MOST);
  });

  it("is too_large with one byte more", async () => {
    const outcome = await answerOf(MOST + 1).then(
      ({ status }) => status,
      ({ code }: { code: string }) => code,
    );
    expect(outcome).toBe("too_large");
  });
});
