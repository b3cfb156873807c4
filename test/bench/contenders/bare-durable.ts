/**
 * The floor of what keeps a promise: the same as bare, with an outbox and hashes against duplicates in SQLite at full
 * durability, and signed bodies. No retries, no recovery, no features.
 */
import { createHmac, createSecretKey, hash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { contend } from "../contender.ts";
import { Plain, type Webhook } from "./plain.ts";

const MARKS = 100;

contend(async (places) => {
  const plain = new Plain(places);
  const key = createSecretKey(randomBytes(32));
  const db = new DatabaseSync(join(places.folder, "bare.db"));
  db.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table outbox (id integer primary key, body text not null, sent integer not null);
    create table seen (key text primary key, hash text not null) without rowid;
    create table cursor (token text not null);`);
  const see = db.prepare(
    `insert into seen values (?, ?) on conflict do update set hash = excluded.hash where hash <> excluded.hash`,
  );
  const keep = db.prepare("insert into outbox (body, sent) values (?, 0)");
  const mark = db.prepare("update outbox set sent = 1 where id = ?");
  const move = db.prepare("insert into cursor values (?)");
  const inTransaction = (work: () => void): void => {
    db.exec("begin immediate");
    work();
    db.exec("commit");
  };

  const sign = (id: string, body: string): Webhook => {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
    const signed = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
    return { id, body, headers: { "content-type": "application/json", ...signed } };
  };

  let token: string | undefined;
  const read = async (): Promise<void> => {
    const sent: string[] = [];
    const flush = (): void => inTransaction(() => sent.splice(0).forEach((id) => mark.run(id)));
    const poster = plain.poster(({ id }) => void (sent.push(id) === MARKS && flush()));
    for await (const { connections = [], nextSyncToken } of plain.pages(token)) {
      const kept: { id: string; body: string }[] = [];
      const changed = nextSyncToken !== undefined && nextSyncToken !== token;
      if (connections.length === 0 && !changed) continue;
      inTransaction(() => {
        for (const record of connections) {
          if (see.run(record["resourceName"] as string, hash("sha256", JSON.stringify(record), "base64")).changes === 0)
            continue;
          const body = plain.body(record);
          kept.push({ id: String(keep.run(body).lastInsertRowid), body });
        }
        if (changed) move.run(nextSyncToken);
      });
      token = nextSyncToken ?? token;
      for (const { id, body } of kept) poster.put(sign(id, body));
    }
    await poster.done();
    if (sent.length > 0) flush();
  };
  return {
    prepare: read,
    run: read,
    idle: read,
    close: async () => {
      await plain.close();
      db.close();
    },
  };
});
