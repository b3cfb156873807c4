/**
 * The world of the bench in a process of its own: an address book in which nothing changes, and consumers of webhooks.
 * Each answer comes after the milliseconds it was told.
 */
import { createServer } from "node:http";
import { listen } from "../../fixtures/listen.ts";

// Nothing goes on without the bench.
process.once("disconnect", () => process.exit());
process.once("message", ({ latencyMs }: { latencyMs: number }) => void serve(latencyMs));

async function serve(latencyMs: number): Promise<void> {
  const nothing = Buffer.from(
    JSON.stringify({ nextSyncToken: "a-token-of-the-usual-length-of-some-forty-characters" }),
  );
  const server = createServer((request, response) => {
    request.resume();
    setTimeout(() => {
      if (request.method === "POST") response.writeHead(204).end();
      else
        response.writeHead(200, { "content-type": "application/json", "content-length": nothing.length }).end(nothing);
    }, latencyMs);
  });
  server.keepAliveTimeout = 60_000;
  const { url } = await listen(server);
  process.send!({ url });
}
