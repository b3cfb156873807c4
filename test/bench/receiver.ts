/** The webhook consumer of the bench in a process of its own: counts what arrives, and checks nothing. */
import { createServer } from "node:http";
import { listen } from "../fixtures/listen.ts";

const ids = new Set<string>();
let [posts, bytes] = [0, 0];

const server = createServer((request, response) => {
  request.on("data", (chunk: Buffer) => (bytes += chunk.length));
  request.on("end", () => {
    posts++;
    ids.add(request.headers["webhook-id"] as string);
    response.writeHead(204).end();
  });
});
const { url } = await listen(server);
process.on("message", () => {
  process.send!({ posts, distinct: ids.size, bytes });
  [posts, bytes] = [0, 0];
  ids.clear();
});
process.send!({ url });
