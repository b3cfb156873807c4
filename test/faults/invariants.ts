import { DatabaseSync } from "node:sqlite";
import { createLog } from "../../runtime/core/log.ts";
import { shortHash } from "../../runtime/read/records.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import type { BookVendor } from "../fixtures/book-vendor.ts";
import type { Post } from "../fixtures/receiver.ts";

/** What one record's last event says of it. */
interface Reported {
  change: "created" | "updated" | "deleted";
  record: object | undefined;
}

export interface StoredEvent {
  id: string;
  stream: number;
  key: string;
  sequence: number;
  told: Reported;
}

interface StreamRow {
  id: number;
  stream: string;
  cursor: string | null;
  checkpoint: string | null;
}

const QUERIES = [
  "select id, stream, cursor, checkpoint from streams",
  "select stream, key, version from known",
  "select id, stream, record_key, sequence, data from events where stream is not null order by stream, sequence",
  "select id, event, endpoint, status, attempts from deliveries",
  "select data from jobs where queue = 'deliver'",
];

/** The parts of a store that must agree with each other whenever its process dies. */
export class StoreState {
  readonly streams: StreamRow[];
  /** By stream id: the version of each record that is known. */
  readonly known: Map<number, Map<string, string>>;
  /** In the order of their sequence. */
  readonly events: StoredEvent[];
  readonly deliveries: { id: string; event: string; endpoint: string; status: string; attempts: string }[];
  /** Deliveries that have one. */
  readonly jobs: Set<string>;

  /** Reads a store as it is at a moment, whether or not it is in use. */
  static async read(location: string): Promise<StoreState> {
    const rows = location.startsWith("sqlite:")
      ? readFile(location.slice("sqlite:".length))
      : await readServer(location);
    return new StoreState(...(rows as ConstructorParameters<typeof StoreState>));
  }

  constructor(
    streams: StreamRow[],
    known: { stream: number; key: string; version: string }[],
    events: { id: string; stream: number; record_key: string; sequence: number; data: string }[],
    deliveries: StoreState["deliveries"],
    jobs: { data: string }[],
  ) {
    this.streams = streams;
    this.known = new Map(
      this.streams.map(({ id }) => [
        id,
        new Map(known.filter(({ stream }) => stream === id).map(({ key, version }) => [key, version])),
      ]),
    );
    this.events = events.map(({ id, stream, record_key: key, sequence, data }) => {
      const { change, record } = JSON.parse(data) as Reported;
      return { id, stream, key, sequence, told: { change, record } };
    });
    this.deliveries = deliveries;
    this.jobs = new Set(jobs.map(({ data }) => (JSON.parse(data) as { delivery: string }).delivery));
  }

  /** Whether a stream knows each record as the vendor has it now, and no other. */
  isUpToDate(stream: number, vendor: BookVendor): boolean {
    const [known, now] = [this.known.get(stream)!, vendor.recordsAt(vendor.book.bound)];
    return known.size === now.size && [...now].every(([key, record]) => known.get(key) === versionOf(record));
  }

  /**
   * Deliveries that were given up because the process ended again and again while they were in hand. Not each such end
   * is an attempt in their list: a process can die before it writes one.
   */
  interrupted(): StoreState["deliveries"] {
    return this.deliveries.filter(({ status, attempts }) => {
      const last = (JSON.parse(attempts) as { error: string | null }[]).at(-1);
      return status === "dead" && last?.error === "interrupted";
    });
  }

  /** The newest event of each record of a stream. */
  lastReported(stream: number): Map<string, Reported> {
    return new Map(this.events.filter((event) => event.stream === stream).map(({ key, told }) => [key, told]));
  }

  /** Every violation found, in words; `endpoints` is how many take each event. */
  violations(vendor: BookVendor, endpoints: number): string[] {
    return [...this.#cursors(vendor), ...this.#knowledge(), ...this.#deliveries(endpoints)];
  }

  /** A sync token that is stored stands for exactly what is known: neither is ahead of the other. */
  *#cursors(vendor: BookVendor): Generator<string> {
    for (const { id, stream, cursor, checkpoint } of this.streams) {
      if (stream !== "sync" || cursor === null || checkpoint !== null) continue;
      const listed = vendor.recordsAt(vendor.boundOf(JSON.parse(cursor) as string));
      const expected = new Map([...listed].map(([key, record]) => [key, versionOf(record)]));
      for (const key of new Set([...expected.keys(), ...this.known.get(id)!.keys()])) {
        const known = this.known.get(id)!.get(key);
        if (known !== expected.get(key))
          yield `${stream}/${key}: known as ${known}, but the cursor has ${expected.get(key)}`;
      }
    }
  }

  /** What is known was told: the last event of a record is about the version that is known. */
  *#knowledge(): Generator<string> {
    for (const { id, stream } of this.streams) {
      const known = this.known.get(id)!;
      const told = this.lastReported(id);
      for (const [key, { change, record }] of told) {
        const version = change === "deleted" ? undefined : versionOf(record!);
        if (known.get(key) !== version)
          yield `${stream}/${key}: last told ${change} ${version}, known as ${known.get(key)}`;
      }
      if (stream !== "sync") continue; // The other's first read is silent.
      for (const key of known.keys()) if (!told.has(key)) yield `${stream}/${key}: known, but never told`;
      yield* this.#lives(id);
    }
  }

  /** A record is created before it changes, and after it was deleted; a creation told twice is a change told wrongly. */
  *#lives(stream: number): Generator<string> {
    const alive = new Set<string>();
    for (const { key, sequence, told } of this.events.filter((event) => event.stream === stream)) {
      if ((told.change === "created") === alive.has(key))
        yield `${stream}/${key}: ${told.change} out of place (${sequence})`;
      if (told.change === "deleted") alive.delete(key);
      else alive.add(key);
    }
  }

  /** Each event has a delivery for each endpoint, and each delivery has ended or has the job that goes on with it. */
  *#deliveries(endpoints: number): Generator<string> {
    const perEvent = Map.groupBy(this.deliveries, ({ event }) => event);
    for (const { id } of this.events) {
      const count = perEvent.get(id)?.length ?? 0;
      if (count !== endpoints) yield `event ${id}: ${count} deliveries for ${endpoints} endpoints`;
    }
    for (const { id, status } of this.deliveries) {
      const waiting = this.jobs.has(id);
      if (!["pending", "delivered", "dead", "cancelled"].includes(status)) yield `delivery ${id}: status ${status}`;
      if ((status === "pending") !== waiting) yield `delivery ${id}: ${status}, ${waiting ? "with" : "without"} a job`;
    }
  }
}

/** Without the lock of whoever uses it. */
function readFile(file: string): unknown[][] {
  const db = new DatabaseSync(file);
  try {
    db.exec("begin");
    return QUERIES.map((sql) => db.prepare(sql).all());
  } finally {
    db.close();
  }
}

async function readServer(url: string): Promise<unknown[][]> {
  const db = await openDatabase(url, { log: createLog({ level: "silent" }) });
  try {
    return await db.transaction(async (tx) => {
      const rows: unknown[][] = [];
      for (const sql of QUERIES) rows.push(await tx.all(sql));
      return rows;
    });
  } finally {
    await db.close();
  }
}

const versionOf = (record: object): string => shortHash(JSON.stringify(record));

/** What is wrong with what a receiver saw: an id that stands for two bodies, or a record whose changes came in disorder. */
export function receiptViolations(posts: readonly Post[], orderedPath: string): string[] {
  const violations: string[] = [];
  const bodies = new Map<string, string>();
  const reached = new Map<string, number>();
  for (const { id, path, body, event } of posts) {
    if ((bodies.get(id) ?? body) !== body) violations.push(`${id}: two bodies`);
    bodies.set(id, body);
    if (path !== orderedPath) continue;
    const { subscription, sequence, resource } = event.data as {
      subscription: string;
      sequence: number;
      resource: { id: string };
    };
    const record = `${subscription} ${resource.id}`;
    if (sequence < (reached.get(record) ?? 0))
      violations.push(`${record}: ${sequence} came after ${reached.get(record)}`);
    reached.set(record, sequence);
  }
  return violations;
}
