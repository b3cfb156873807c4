/** The floor of all: the same requests and bodies, nothing stored, nothing signed. */
import { contend } from "../contender.ts";
import { Plain } from "./plain.ts";

contend(async (places) => {
  const plain = new Plain(places);
  let token: string | undefined;
  let posted = 0;
  const read = async (): Promise<void> => {
    const poster = plain.poster(() => {});
    for await (const { connections = [], nextSyncToken } of plain.pages(token)) {
      token = nextSyncToken ?? token;
      for (const record of connections) {
        const id = `evt_${++posted}`;
        poster.put({ id, body: plain.body(record), headers: { "content-type": "application/json", "webhook-id": id } });
      }
    }
    await poster.done();
  };
  return { prepare: read, run: read, idle: read, close: () => plain.close() };
});
