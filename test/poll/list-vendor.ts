import { onTestFinished } from "vitest";
import type { NewSubscription } from "../../runtime/model/subscriptions.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest, type Vendor } from "./vendor.ts";

/** What a list answers in place of what it has. */
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

interface Thing {
  id: string;
  name: string;
  list: string;
  updated: number;
  deleted: boolean;
  revision: number;
}

const each = {
  request: { method: "GET", path: "/lists" },
  select: "$response.body#/items",
  into: "list",
};
const common = {
  each,
  request: { method: "GET", path: "/things", query: { list: "$item#/id" } },
  records: { select: "$response.body#/items", primaryKey: "/id", fingerprint: { $expr: "[name, list.id]" } },
  pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
  resource: { type: "item", map: { id: "$record#/id" } },
};
const syncToken = { type: "syncToken", from: "$response.body#/next", to: "query.token" };
const updatedSince = { type: "updatedSince", from: "$record#/updated", to: "query.since", format: "epochMillis" };

/** Streams that read several lists: of a cursor each, of one together, and of none. */
export const LIST_STREAMS: Record<string, object> = {
  whole: { ...common, title: "Whole", cursor: { type: "snapshot" } },
  tokens: { ...common, title: "Tokens", cursor: { ...syncToken, per: "item" }, deleted: "deleted" },
  times: { ...common, title: "Times", cursor: { ...updatedSince, per: "item" }, deleted: "deleted" },
  shared: { ...common, title: "Shared", cursor: updatedSince, deleted: "deleted" },
};

/** Lists of one vendor: what they have, and what they answer instead. */
export class Lists {
  names = ["x", "y", "z"];
  readonly things = new Map<string, Thing>();
  /** What a list answers in its place, by its name. */
  readonly wrong = new Map<string, (query: URLSearchParams) => Answer | undefined>();
  /** What was asked of lists, as `y`, `y token=3`. */
  asked: string[] = [];
  pageSize = 10;
  #revision = 0;
  readonly #vendor: Vendor;

  constructor(vendor: Vendor) {
    this.#vendor = vendor;
    vendor.instead = (url, response) => {
      const { status, body = {}, headers = {} } = this.#answer(url);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
      return true;
    };
  }

  put(list: string, id: string, name = id): void {
    this.#save(list, id, name, false);
  }

  remove(id: string): void {
    const { list, name } = this.#of(id);
    this.#save(list, id, name, true);
  }

  /** Leaves a deletion in the list where it was. */
  move(id: string, to: string): void {
    const { name } = this.#of(id);
    this.remove(id);
    this.#save(to, id, name, false);
  }

  fail(list: string, answer: Answer): void {
    this.wrong.set(list, () => answer);
  }

  #of(id: string): Thing {
    return [...this.things.values()].findLast((thing) => thing.id === id && !thing.deleted)!;
  }

  #save(list: string, id: string, name: string, deleted: boolean): void {
    this.#vendor.now += 1000;
    const updated = this.#vendor.now;
    this.things.delete(`${list} ${id}`);
    this.things.set(`${list} ${id}`, { id, name, list, deleted, updated, revision: ++this.#revision });
  }

  #answer({ pathname, searchParams: query }: URL): Answer {
    if (pathname === "/lists") return { status: 200, body: { items: this.names.map((id) => ({ id })) } };
    const list = query.get("list")!;
    const rest = ["token", "since", "page"].flatMap((name) => (query.has(name) ? [`${name}=${query.get(name)}`] : []));
    this.asked.push([list, ...rest].join(" "));
    const wrong = this.wrong.get(list)?.(query);
    if (wrong) return wrong;
    if (!this.names.includes(list)) return { status: 404, body: { message: "no such list" } };
    const token = query.get("token");
    const since = query.get("since");
    const hasCursor = token !== null || since !== null;
    const found = [...this.things.values()].filter(
      (thing) =>
        thing.list === list &&
        (hasCursor || !thing.deleted) &&
        thing.revision > Number(token ?? 0) &&
        thing.updated >= Number(since ?? 0),
    );
    const from = Number(query.get("page") ?? 0);
    const items = found
      .slice(from, from + this.pageSize)
      .map(({ id, name, updated, deleted }) => (deleted ? { id, updated, deleted } : { id, name, updated }));
    const next = from + this.pageSize < found.length ? { page: String(from + this.pageSize) } : {};
    return { status: 200, body: { items, ...next, ...(!("page" in next) && { next: String(this.#revision) }) } };
  }
}

export interface ListBench {
  bench: Bench;
  lists: Lists;
  subscription: string;
  /** Events since the last look, as `created a`, `updated b`, or the type of an operational one with its reason. */
  told(): Promise<string[]>;
  /** A poll, five minutes after the one before. */
  poll(): Promise<void>;
}

/** A subscription of one of {@link LIST_STREAMS}, after its first poll; lists x, y and z have one record each. */
export async function withLists(
  stream: string,
  options: {
    more?: Partial<NewSubscription>;
    streams?: Record<string, object>;
    before?: (lists: Lists) => void;
  } = {},
): Promise<ListBench> {
  let lists!: Lists;
  const bench = await createBench({
    manifest: vendorManifest({ streams: { ...LIST_STREAMS, ...options.streams } }),
    before: (vendor) => {
      lists = new Lists(vendor);
      for (const list of lists.names) lists.put(list, `${list}1`);
      options.before?.(lists);
    },
  });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe(`${stream}_any`, { everySeconds: 300, ...options.more });
  const told = async (): Promise<string[]> =>
    (await bench.events())
      .map(({ type, data }) => {
        const { change, resource, reason, backfill } = data as Record<string, unknown> & { resource?: { id: string } };
        if (!resource) return type === "stream.gap" ? `gap ${String(reason)}` : type;
        return `${backfill ? "backfill" : String(change)} ${resource.id}`;
      })
      .toSorted();
  const poll = async (): Promise<void> => {
    lists.asked = [];
    bench.clock.advance(299_000);
    await bench.poll(subscription);
  };
  return { bench, lists, subscription, told, poll };
}
