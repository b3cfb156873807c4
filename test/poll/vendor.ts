import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Item {
  id: string;
  name: string;
  tags: string[];
  status: string;
  /** Milliseconds since the epoch. */
  updated: number;
  previousIds?: string[];
}

interface Entry {
  revision: number;
  item: Item | undefined;
  id: string;
}

/**
 * A vendor with one kind of record and every way to list it: sync token, snapshot, updated-since, keyset, sequence, window.
 * Faults are functions put in front of the next answers.
 */
export class Vendor {
  readonly items = new Map<string, Item>();
  readonly requests: string[] = [];
  /** Each is asked in turn; one that answers true has answered the request, and is used up. */
  readonly faults: ((request: IncomingMessage, response: ServerResponse) => boolean)[] = [];
  /** Asked for every request; true when it has answered. */
  refuses: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** Asked before every answer; true has answered the request. */
  instead: (url: URL, response: ServerResponse) => boolean = () => false;
  pageSize = 2;
  now = Date.parse("2026-01-01T00:00:00Z");
  /** Sync tokens and sequence numbers below this have expired. */
  expiredBelow = 0;
  #revision = 0;
  #log: Entry[] = [];
  #server = createServer((request, response) => void this.#answer(request, response));
  url = "";

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  put(id: string, changes: Partial<Item> = {}): void {
    this.now += 1000;
    const before = this.items.get(id) ?? { id, name: id, tags: [], status: "open", updated: 0 };
    const item = { ...before, ...changes, id, updated: changes.updated ?? this.now };
    this.items.set(id, item);
    this.#log.push({ revision: ++this.#revision, item, id });
  }

  remove(id: string): void {
    this.now += 1000;
    this.items.delete(id);
    this.#log.push({ revision: ++this.#revision, item: undefined, id });
  }

  expire(): void {
    this.expiredBelow = ++this.#revision;
  }

  fail(status: number, body: unknown = {}, headers: Record<string, string> = {}): void {
    this.faults.push((_request, response) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
      return true;
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    if (this.instead(url, response)) return;
    const fault = this.faults[0];
    if (fault) {
      this.faults.shift();
      if (fault(request, response)) return;
    }
    if (this.refuses(request, response)) return;
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const send = (status: number, body: unknown): void => {
      response
        .writeHead(status, { "content-type": "application/json", date: new Date(this.now).toUTCString() })
        .end(JSON.stringify(body));
    };
    const query = url.searchParams;
    switch (url.pathname) {
      case "/sync":
        return this.#sync(query, send);
      case "/snapshot":
        return this.#page([...this.items.values()], query, send, {});
      case "/since": {
        const min = Date.parse(query.get("updatedMin") ?? "1970-01-01T00:00:00Z");
        return this.#page(
          [...this.items.values()].filter((item) => item.updated >= min),
          query,
          send,
          {},
        );
      }
      case "/recent": {
        const since = Number(query.get("since")) * 1000;
        return this.#page(
          [...this.items.values()].filter((item) => item.updated >= since),
          query,
          send,
          {},
        );
      }
      case "/search": {
        const { after } = JSON.parse(text || "{}") as { after?: [number, string] };
        const sorted = [...this.items.values()].sort((a, b) => a.updated - b.updated || (a.id < b.id ? -1 : 1));
        const found = sorted.filter(
          (i) => !after || i.updated > after[0] || (i.updated === after[0] && i.id > after[1]),
        );
        return send(200, { items: found.slice(0, this.pageSize) });
      }
      case "/profile":
        return send(200, { number: String(this.#revision) });
      case "/history": {
        const start = Number(query.get("start"));
        if (start < this.expiredBelow) return send(404, { error: "gone" });
        const found = this.#log.filter((entry) => entry.revision > start && entry.item).map((entry) => entry.item);
        return this.#page(found, query, send, { number: String(this.#revision) });
      }
      case "/window": {
        const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
        return this.#page(
          [...this.items.values()].filter((i) => i.updated >= from && i.updated <= to),
          query,
          send,
          {},
        );
      }
      case "/one": {
        const item = this.items.get(query.get("id")!);
        return item ? send(200, item) : send(404, { error: "no such item" });
      }
      default:
        return send(404, { error: "no such path" });
    }
  }

  #sync(query: URLSearchParams, send: (status: number, body: unknown) => void): void {
    const token = query.get("syncToken");
    if (token === null) {
      return this.#page([...this.items.values()], query, send, { next: String(this.#revision) });
    }
    if (Number(token) < this.expiredBelow) return send(400, { error: { reason: "EXPIRED" } });
    const latest = new Map(
      this.#log.filter((entry) => entry.revision > Number(token)).map((entry) => [entry.id, entry]),
    );
    const records = [...latest.values()].map(({ id, item }) => item ?? { id, deleted: true });
    return this.#page(records, query, send, { next: String(this.#revision) });
  }

  #page(records: unknown[], query: URLSearchParams, send: (status: number, body: unknown) => void, last: object): void {
    const start = Number(query.get("page") ?? 0);
    const end = start + this.pageSize;
    const items = records.slice(start, end);
    send(200, end < records.length ? { items, page: String(end) } : { items, ...last });
  }
}

const records = { select: "$response.body#/items", primaryKey: "/id" };
const pagination = { type: "token", from: "$response.body#/page", to: "query.page" };
const watch = { tags: "tags", status: "status" };
const common = {
  title: "Items",
  records,
  pagination,
  watch,
  resource: { type: "item", map: { id: "$record#/id", name: "$record#/name" } },
};

const stream = (path: string, cursor: object, more: object = {}) => ({
  ...common,
  request: { method: "GET", path },
  cursor,
  ...more,
});

const triggersOf = (name: string) =>
  Object.fromEntries(
    ["created", "updated", "deleted", "any"].map((on) => [
      `${name}_${on}`,
      {
        title: `${name} ${on}`,
        stream: name,
        on,
        event: `item.${on}`,
        schedule: { default: "*/5 * * * *", minSeconds: 1 },
      },
    ]),
  );

/** A manifest for {@link Vendor}: a stream for each kind of cursor. */
export function vendorManifest(changes: { streams?: Record<string, object> } = {}): object {
  const streams: Record<string, object> = {
    sync: stream(
      "/sync",
      { type: "syncToken", from: "$response.body#/next", to: "query.syncToken", maxAge: "P6D" },
      {
        deleted: "deleted",
        records: { ...records, previousKeys: "/previousIds", timestamp: "$record#/updated" },
      },
    ),
    snapshot: stream("/snapshot", { type: "snapshot" }),
    since: stream("/since", {
      type: "updatedSince",
      from: "$record#/updated",
      to: "query.updatedMin",
      overlapSeconds: 5,
    }),
    search: stream(
      "/search",
      { type: "keyset", values: ["$record#/updated", "$record#/id"], to: "body.after", overlapSeconds: 2 },
      {
        request: { method: "POST", path: "/search", body: {} },
        pagination: { type: "keyset", from: ["$lastRecord#/updated", "$lastRecord#/id"], to: "body.after" },
      },
    ),
    history: stream("/history", {
      type: "sequence",
      baseline: { request: { method: "GET", path: "/profile" }, from: "$response.body#/number" },
      from: "$response.body#/number",
      to: "query.start",
      recover: { request: { method: "GET", path: "/snapshot" }, pagination },
    }),
    window: stream("/window", {
      type: "window",
      from: "query.from",
      to: "query.to",
      behindSeconds: 0,
      aheadSeconds: 3600,
      format: "epochMillis",
    }),
    ...changes.streams,
  };
  return {
    manifestVersion: 1,
    name: "acme",
    version: "1.0.0",
    title: "Acme",
    description: "A vendor for tests.",
    server: { url: "https://acme.example" },
    allowedHosts: ["acme.example"],
    authentication: { type: "none" },
    errors: [
      { class: "cursorExpired", status: [400], when: "body.error.reason == 'EXPIRED'" },
      { class: "cursorExpired", status: [404], when: "body.error == 'gone'", scope: "stream" },
    ],
    streams,
    triggers: {
      ...Object.fromEntries(Object.keys(streams).flatMap((name) => Object.entries(triggersOf(name)))),
      tag_added: {
        title: "Tag added",
        stream: "sync",
        on: { added: "tags" },
        event: "item.tag_added",
        schedule: { default: "*/5 * * * *", minSeconds: 1 },
      },
      tag_removed: {
        title: "Tag removed",
        stream: "sync",
        on: { removed: "tags" },
        event: "item.tag_removed",
        schedule: { default: "*/5 * * * *", minSeconds: 1 },
      },
      status_changed: {
        title: "Status changed",
        stream: "sync",
        on: { changed: "status" },
        event: "item.status_changed",
        where: "previous.status != 'draft'",
        schedule: { default: "*/5 * * * *", minSeconds: 1 },
      },
    },
    actions: {},
  };
}
