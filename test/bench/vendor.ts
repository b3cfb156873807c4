/**
 * The vendor of the bench in a process of its own: an address book that was empty, then holds `count` contacts, then
 * changes no more. Pages are made before they are asked for, so that serving them costs the contenders nothing.
 */
import { createServer } from "node:http";
import { listen } from "../fixtures/listen.ts";
import { contact } from "./contacts.ts";

const PAGE = 1000;

process.once("message", (count: number) => void serve(count));

async function serve(count: number): Promise<void> {
  const pages = Array.from({ length: Math.ceil(count / PAGE) }, (_, page) => {
    const connections = Array.from({ length: PAGE }, (_, i) => contact(page * PAGE + i));
    const last = (page + 1) * PAGE >= count;
    return Buffer.from(
      JSON.stringify({ connections, ...(last ? { nextSyncToken: "full" } : { nextPageToken: String(page + 1) }) }),
    );
  });
  const [empty, nothing] = ["empty", "full"].map((token) => Buffer.from(JSON.stringify({ nextSyncToken: token })));
  let watched = false;
  const server = createServer((request, response) => {
    if (watched) process.send!({ requestAt: performance.timeOrigin + performance.now() });
    watched = false;
    const { searchParams } = new URL(request.url!, "http://bench");
    const token = searchParams.get("syncToken");
    const body =
      token === null ? empty! : token === "empty" ? pages[Number(searchParams.get("pageToken") ?? 0)]! : nothing!;
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
  });
  const { url } = await listen(server);
  process.on("message", () => (watched = true)); // Tells when the next request comes.
  process.send!({ url });
}
