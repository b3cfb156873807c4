import { createServer, type ServerResponse } from "node:http";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../runtime/store/open.ts";
import { listen } from "../fixtures/listen.ts";
import { createTestStore } from "../postgres.ts";
import { ContactsVendor, flat, nested } from "../sync/vendors.ts";
import { makeApi, soon, type ApiOptions } from "./compose.ts";
import { notesManifest, NotesVendor } from "./notes-vendor.ts";

const VICTIM = "victim|Zoë@canary.example";
const CANARY = "canary-of-a-victim";

interface Row {
  table: string;
  text: string;
}

/** A store that a test may look into, and write to, beside the runtime. */
interface OpenStore {
  url: string;
  /** Every row of every table, those of the jobs too. */
  rows(): Promise<Row[]>;
  tables(): Promise<string[]>;
  run(sql: string, ...params: string[]): Promise<void>;
  /** Whether no job is at work. */
  isIdle(): Promise<boolean>;
  /** The names of the files of the store that hold one of these texts, where it has files. */
  filesWith(texts: readonly string[]): Promise<string[]>;
}

const textOf = (row: object): string =>
  JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
  );

function sqliteStore(): OpenStore & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "store.db");
  const using = <T>(work: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(file, { timeout: 5000 });
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  const tables = (db: DatabaseSync): string[] =>
    (
      db.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'").all() as {
        name: string;
      }[]
    ).map(({ name }) => name);
  return {
    url: `sqlite:${file}`,
    folder,
    tables: async () => using(tables),
    rows: async () =>
      using((db) =>
        tables(db).flatMap((table) =>
          db
            .prepare(`select * from ${table}`)
            .all()
            .map((row) => ({ table, text: textOf(row) })),
        ),
      ),
    run: async (sql, ...params) => using((db) => void db.prepare(sql).run(...params)),
    isIdle: async () =>
      using((db) => db.prepare("select 1 from jobs where claimed_by is not null").get() === undefined),
    filesWith: async (texts) =>
      readdirSync(folder).filter((name) => {
        const bytes = readFileSync(join(folder, name));
        return texts.some((text) => bytes.includes(text));
      }),
  };
}

async function postgresStore(): Promise<OpenStore> {
  const { url, drop } = await createTestStore("real");
  const db = await openDatabase(url);
  onTestFinished(async () => {
    await db.close();
    await drop();
  });
  const all = async (): Promise<{ schema: string; name: string }[]> =>
    db.all(
      `select table_schema as schema, table_name as name from information_schema.tables
       where table_schema in ('public', 'hookline_jobs') and table_type = 'BASE TABLE'`,
    );
  return {
    url,
    tables: async () => (await all()).map(({ name }) => name),
    rows: async () => {
      const rows: Row[] = [];
      for (const { schema, name } of await all()) {
        const found = await db.all<object>(`select * from ${schema}."${name}"`);
        rows.push(...found.map((row) => ({ table: name, text: textOf(row) })));
      }
      return rows;
    },
    run: async (sql, ...params) => void (await db.run(sql, params)),
    isIdle: async () => (await db.get("select 1 as one from job_claims where claim is not null")) === undefined,
    filesWith: async () => [],
  };
}

/** A receiver that never works: deliveries to it wait. */
async function brokenReceiver(): Promise<string> {
  const { url, stop } = await listen(
    createServer((request, response) => {
      request.resume();
      response.writeHead(500).end(CANARY);
    }),
  );
  onTestFinished(stop);
  return url;
}

async function world(store: OpenStore, options: ApiOptions = {}) {
  const left = await new ContactsVendor(nested).start();
  const right = await new ContactsVendor(flat).start();
  onTestFinished(async () => void (await Promise.all([left.stop(), right.stop()])));
  left.add({ first: CANARY, last: "Left", emails: [{ value: "ada@example.com" }] });
  right.add({ first: "Ada", last: CANARY, emails: [{ value: "ADA@example.com" }] });
  const notes = new NotesVendor();
  const stop = await notes.start();
  onTestFinished(stop);
  const api = await makeApi({
    store: store.url,
    connectors: ["google-contacts", notesManifest, nested.manifest, flat.manifest],
    servers: { rolo: { url: left.url }, crm: { url: right.url }, notes: { url: notes.url } },
    clients: { "google-contacts": { clientId: "client", clientSecret: "client-secret" } },
    ...options,
  });
  return { api, notes, left, right };
}

type World = Awaited<ReturnType<typeof world>>;

/** Something of a user in every table. */
async function furnish(
  { api, notes }: World,
  store: OpenStore,
  user: string,
): Promise<{ connection: string; token: string }> {
  const { must } = api;
  const url = await brokenReceiver();
  notes.further.push({ id: `key-${CANARY}`, title: CANARY });
  const create = async (connector: string, credentials?: object): Promise<string> =>
    (await must("POST", "/v1/connections", { body: { connector, user, ...(credentials && { credentials }) } })).id;
  const connection = await create("notes", { token: `token-${CANARY}` });
  const { authorizeUrl } = await must("POST", "/v1/connections", { body: { connector: "google-contacts", user } });
  expect(authorizeUrl).toContain("/v1/oauth/start/");
  await must("POST", "/v1/endpoints", { body: { url, user, ordered: true, headers: { "x-canary": CANARY } } });
  await must("POST", "/v1/endpoints", { body: { url, ordered: true } });
  await must("PUT", `/v1/users/${encodeURIComponent(user)}/variables/secret`, {
    body: { value: CANARY, secret: true },
  });

  const step = { id: "note", connection, action: "create_note", input: { title: "$trigger.title" } };
  const flow = await must("POST", "/v1/flows", {
    body: { name: CANARY, user, triggers: [{ call: {} }, { hook: {} }], steps: [step, { id: "nap", delay: "PT12H" }] },
  });
  await must("POST", `/v1/flows/${flow.id}/runs`, { body: { title: CANARY } });
  await must("POST", flow.hook, {
    token: null,
    headers: { "x-hook-secret": flow.hookSecret },
    body: { title: CANARY },
  });
  // A flow of the workspace that is about the user, and fails with the vendor's words.
  notes.write = (_request, response) => void response.writeHead(422).end(JSON.stringify({ message: CANARY }));
  const triggers = [{ connection, trigger: "note_created" }];
  await must("POST", "/v1/flows", {
    body: { name: "All", triggers, steps: [{ ...step, input: { title: "$trigger.resource.title" } }] },
  });
  await must("POST", "/v1/subscriptions", { body: { connection, trigger: "note_created", firstPoll: "emitAll" } });
  await soon(async () => expect((await must("GET", "/v1/events?type=note.created")).data.length).toBeGreaterThan(3));
  notes.further.push({ id: `later-${CANARY}`, title: CANARY });
  for (const { id } of (await must("GET", "/v1/subscriptions")).data)
    await must("POST", `/v1/subscriptions/${id}/poll`);
  await soon(async () => expect((await must("GET", "/v1/events?type=flow.failed")).data.length).toBeGreaterThan(0));
  notes.write = undefined;

  const act = `/v1/connections/${connection}/actions/create_note`;
  await must("POST", act, { body: { title: CANARY }, headers: { "idempotency-key": "an-admin-key" } });
  const token = await api.tokenOf(user);
  await must("POST", act, { token, body: { title: CANARY }, headers: { "idempotency-key": "a-users-key" } });
  const batch = await must("POST", `${act}/batch`, { body: { inputs: [{ title: CANARY }] } });
  await soon(async () => expect((await must("GET", `/v1/batches/${batch.id}`)).status).toBe("done"));

  const sides = { left: await create("rolo"), right: await create("crm") };
  const sync = await must("POST", "/v1/syncs", { body: { resource: "contact", ...sides, conflicts: "left" } });
  await soon(async () => expect((await must("GET", `/v1/syncs/${sync.id}`)).links.synced).toBeGreaterThan(0));

  // What takes a module left out, records that cannot be had, and a proved grant.
  await store.run(
    "insert into parked_events (id, target, position) select id, 'plan_1', position from events where user_id = ?",
    user,
  );
  await store.run(
    `insert into quarantine (stream, key, record, listed_by, tries, set_aside, error, failed_at)
     select id, '${CANARY}', '"${CANARY}"', '{}', 0, 1, '{}', 0 from streams`,
  );
  await store.run(`insert into sync_keys (sync, side, key, link) select id, 'left', '${CANARY}', 'lnk_1' from syncs`);
  await store.run(`insert into connection_grants (connection, name, hash, place) values (?, 'id', 'x', 0)`, connection);
  // Tokens that wait to be confirmed and do not open any more.
  await store.run("update oauth_states set tries = 0, sealed = substr(sealed, 2)");
  await store.run(
    `insert into held_grants (state, name, hash, place) select state_hash, '${CANARY}', 'x', 0 from oauth_states`,
  );
  return { connection, token };
}

/** These hold nothing of any user, or only while something is being done. */
const OF_NOBODY = new Set(
  [
    "api_keys meta rate_limits schema_version flow_templates revocations erasures leftovers user_generations job_claims",
    // pg-boss's own; the jobs are in a table for each queue.
    "version queue schedule subscription bam job_dependency warning queue_stats",
  ].flatMap((names) => names.split(" ")),
);

const hasVictim = ({ text }: Row, canaries: readonly string[]): boolean => canaries.some((one) => text.includes(one));

describe.each([
  ["SQLite", async () => sqliteStore()],
  ["PostgreSQL", postgresStore],
])("erasing a user, on %s", (_name, open) => {
  it("leaves no row with the user's id or data in any table, and nothing of others is touched", async () => {
    const store = await open();
    const all = await world(store);
    const { api } = all;
    const { connection, token } = await furnish(all, store, VICTIM);
    const { data: own } = await api.must("GET", `/v1/connections?user=${encodeURIComponent(VICTIM)}`);
    const ids = own.map(({ id }: { id: string }) => id);
    await api.must("POST", "/v1/endpoints", { body: { url: "https://other.example", user: "u_other" } });
    const others = await api.connect("u_other");
    const canaries = [VICTIM, JSON.stringify(VICTIM).slice(1, -1), CANARY, ...ids];

    const before = await store.rows();
    const filled = new Set(before.filter((row) => row.text.length > 2).map(({ table }) => table.replace(/_\d+$/, "")));
    const empty = (await store.tables())
      .map((table) => table.replace(/_\d+$/, ""))
      .filter((table) => !filled.has(table));
    expect(
      [...new Set(empty)].filter(
        (table) => !OF_NOBODY.has(table) && !/^j[0-9a-f]{20}|^job(_common)?$|^job_(lines|keyed)$/.test(table),
      ),
    ).toEqual([]);
    expect(before.filter((row) => hasVictim(row, canaries)).length).toBeGreaterThan(40);

    // The user themself, never another.
    const theirs = `/v1/users/${encodeURIComponent(VICTIM)}`;
    expect((await api.ask("DELETE", theirs, { token: await api.tokenOf("u_other") })).status).toBe(403);
    const { status, body } = await api.ask("DELETE", theirs, { token });
    expect(status).toBe(202);
    expect(body.counts).toMatchObject({ connections: 4, endpoints: 1, variables: 1, flows: 1, syncs: 1, batches: 1 });
    expect(body.counts.events).toBeGreaterThan(3);
    expect(body.counts.deliveries).toBeGreaterThan(3);
    expect(body.counts.runs).toBeGreaterThan(2);
    expect((await api.ask("GET", "/v1/connections", { token })).status).toBe(401);

    // What the workspace's flow says of the connection that it needs is no data of the user; only the id stands there.
    const isLeft = (row: Row): boolean =>
      hasVictim(row, canaries) &&
      !(
        ids.some((id: string) => row.text.includes(id)) &&
        !hasVictim(row, canaries.slice(0, 3)) &&
        /^(flows|flow_versions|events|deliveries)$/.test(row.table)
      );
    await soon(async () => expect((await store.rows()).filter(isLeft)).toEqual([]));
    expect(await api.must("GET", `/v1/connections/${others}`)).toMatchObject({ user: "u_other", status: "active" });
    expect((await api.must("GET", "/v1/endpoints?user=u_other")).data).toHaveLength(1);
    expect((await api.ask("GET", `/v1/connections/${connection}`)).status).toBe(404);

    const again = await api.must("DELETE", theirs);
    expect(Object.values(again.counts as Record<string, number>)).toEqual(Array.from({ length: 10 }, () => 0));
    // Who comes back begins anew.
    await api.connect(VICTIM);

    await api.must("DELETE", theirs);
    expect(await store.filesWith([CANARY, VICTIM])).toEqual([]);
  });

  it("has nothing come back from what was under way: a poll, deliveries, runs, batches, actions and new connections", async () => {
    const store = await open();
    const held: (() => void)[] = [];
    const hold = (body: object) => (_request: unknown, response: ServerResponse) =>
      held.push(() => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))) > 0;
    const all = await world(store);
    const { api, notes, left } = all;
    const { must } = api;
    const receiver = await listen(createServer((request, response) => void hold({})(request.resume(), response)));
    onTestFinished(receiver.stop);
    const connect = async (connector: string, credentials?: object): Promise<string> =>
      (
        await must("POST", "/v1/connections", {
          body: { connector, user: VICTIM, ...(credentials && { credentials }) },
        })
      ).id;
    const connection = await connect("notes", { token: CANARY });
    const rolo = await connect("rolo");
    await must("POST", "/v1/endpoints", { body: { url: receiver.url, user: VICTIM } });
    await must("POST", "/v1/endpoints", { body: { url: receiver.url } });
    await must("POST", "/v1/subscriptions", { body: { connection, trigger: "note_created", firstPoll: "emitAll" } });
    await soon(() => expect(held).toHaveLength(8));

    left.before = (request, response) => hold({ contacts: [] })(request, response);
    const trigger = "contact_changed";
    await must("POST", "/v1/subscriptions", { body: { connection: rolo, trigger, firstPoll: "emitAll" } });
    await soon(() => expect(held).toHaveLength(9));
    notes.before = hold({ id: CANARY, name: CANARY });
    const step = { id: "note", connection, action: "create_note", input: { title: "$trigger.title" } };
    const flow = await must("POST", "/v1/flows", {
      body: { name: "f", user: VICTIM, triggers: [{ call: {} }], steps: [step] },
    });
    await must("POST", `/v1/flows/${flow.id}/runs`, { body: { title: CANARY } });
    const act = `/v1/connections/${connection}/actions/create_note`;
    await must("POST", `${act}/batch`, { body: { inputs: [{ title: CANARY }, { title: CANARY }, { title: CANARY }] } });
    const underway = [
      api.ask("POST", act, { body: { title: CANARY }, headers: { "idempotency-key": "k" } }),
      api.ask("POST", "/v1/connections", {
        body: { connector: "notes", user: VICTIM, credentials: { token: "another" } },
      }),
    ];
    await soon(() => expect(held).toHaveLength(15));

    await must("DELETE", `/v1/users/${encodeURIComponent(VICTIM)}`);
    notes.before = () => false;
    left.before = () => false;
    for (const release of held) release();
    expect((await Promise.all(underway)).map(({ status }) => status)).toEqual([200, 409]);
    await soon(async () => {
      expect(await store.isIdle()).toBe(true);
      expect((await store.rows()).filter((row) => hasVictim(row, [CANARY, VICTIM]))).toEqual([]);
    });
  });
});

describe("removing a connection", () => {
  it.each([
    ["ends what waits and keeps the rest for now", "", 4, "cancelled", 1],
    ["erases its data at once when that is asked for, and no other's", "?erase=now", 0, undefined, 0],
    ["keeps its data when that is asked for", "?erase=retention", 4, "cancelled", 0],
  ] as const)("%s", async (_what, query, left, status, planned) => {
    const store = sqliteStore();
    const all = await world(store);
    const { ask, must, connect } = all.api;
    const url = await brokenReceiver();
    const [removed, kept] = [await connect("u_1"), await connect("u_1")];
    const endpoint = (await must("POST", "/v1/endpoints", { body: { url } })).id;
    for (const connection of [removed, kept])
      await must("POST", "/v1/subscriptions", { body: { connection, trigger: "note_created", firstPoll: "emitAll" } });
    const statusesOf = async (connection: string): Promise<string[]> =>
      (await must("GET", `/v1/deliveries?endpoint=${endpoint}&connection=${connection}`)).data.map(
        (one: { status: string }) => one.status,
      );
    await soon(async () => expect(await statusesOf(removed)).toEqual(Array.from({ length: 4 }, () => "pending")));
    await soon(async () => expect(await statusesOf(kept)).toHaveLength(4));

    expect((await ask("DELETE", `/v1/connections/${removed}${query}`)).status).toBe(204);
    expect(await statusesOf(removed)).toEqual(Array.from({ length: left }, () => status));
    expect((await must("GET", `/v1/events?type=note.created&connection=${removed}`)).data).toHaveLength(left);
    expect(await statusesOf(kept)).toEqual(Array.from({ length: 4 }, () => "pending"));
    expect((await store.rows()).filter(({ table }) => table === "erasures")).toHaveLength(planned);
    // The jobs of what has ended come, and end.
    await soon(async () => {
      const jobs = (await store.rows()).filter(({ table, text }) => table === "jobs" && text.includes(endpoint));
      expect(jobs).toHaveLength(4);
    });
    expect((await ask("DELETE", `/v1/connections/${kept}?erase=soon`)).body.errors).toMatchObject([
      { pointer: "/query/erase" },
    ]);
  });
});

describe("the file of a store", () => {
  it("is its owner's alone, with its log", async () => {
    const store = sqliteStore();
    await world(store);
    const modes = readdirSync(store.folder)
      .filter((file) => !file.endsWith(".lock"))
      .map((file) => [file, (statSync(join(store.folder, file)).mode & 0o777).toString(8)]);
    expect(modes).toEqual([
      ["store.db", "600"],
      ["store.db-shm", "600"],
      ["store.db-wal", "600"],
    ]);
  });
});
