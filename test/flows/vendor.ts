import type { IncomingMessage, ServerResponse } from "node:http";
import { TestServer } from "../fixtures/listen.ts";

/** A request that changed something, as the vendor saw it. */
export interface Effect {
  path: string;
  body: Record<string, unknown>;
  key: string | undefined;
}

/** A vendor with people to poll and things to do, which counts what was done, and for keys it knows does it once. */
export class DeskVendor extends TestServer {
  readonly people = new Map<string, { id: string; firstName: string; email?: string; tags: string[] }>();
  pageSize = 100;
  /** Every request that was carried out. */
  readonly effects: Effect[] = [];
  /** What it did for each key, once. */
  readonly byKey = new Map<string, number>();
  /** Answers the next request that changes something instead of the vendor, unless it returns false. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean | void = () => false;
  /** Called once an effect has happened, before the answer. */
  onEffect: (effect: Effect, response: ServerResponse) => boolean | void = () => false;

  put(id: string, firstName: string, more: { email?: string; tags?: string[] } = {}): void {
    this.people.set(id, { id, firstName, tags: [], ...more });
  }

  #page(start: number): object {
    const end = start + this.pageSize;
    const people = [...this.people.values()].slice(start, end);
    return { people, ...(end < this.people.size && { next: String(end) }) };
  }

  /** The bodies of what was done at a path. */
  done(path: string): Record<string, unknown>[] {
    return this.effects.filter((effect) => effect.path === path).map(({ body }) => body);
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, "http://desk.example");
    const send = (status: number, body: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    let text = "";
    try {
      for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
    } catch {
      return; // The sender was killed while it wrote.
    }
    if (pathname === "/people") return send(200, this.#page(Number(searchParams.get("page") ?? 0)));
    if (pathname === "/find") {
      const found = [...this.people.values()].find(({ email }) => email === searchParams.get("email"));
      return send(200, { person: found ?? null });
    }
    if (this.intercept(request, response)) return;
    const key = request.headers["idempotency-key"] as string | undefined;
    const effect = { path: pathname, body: JSON.parse(text || "{}") as Record<string, unknown>, key };
    if (pathname !== "/keyed" || !this.byKey.has(key!)) this.effects.push(effect);
    if (key !== undefined) this.byKey.set(key, (this.byKey.get(key) ?? 0) + 1);
    if (this.onEffect(effect, response)) return;
    send(200, { id: `made-${this.effects.length}`, ...effect.body });
  }
}

const text = { type: "string" };
const write = (path: string, idempotency: string, input: object, more: object = {}) => ({
  title: path,
  kind: "create",
  idempotency,
  retry: { max: 0 },
  input: { type: "object", additionalProperties: false, ...input },
  output: {
    type: "object",
    additionalProperties: false,
    properties: { id: text, name: text, text, tags: { type: "array", items: text } },
  },
  request: { method: "POST", path: `/${path}`, body: { $expr: "input" }, headers: { "idempotency-key": "$run.key" } },
  ...more,
});

/** Speaks to {@link DeskVendor}. */
export const deskManifest = {
  manifestVersion: 1,
  name: "desk",
  version: "1.0.0",
  title: "Desk",
  server: { url: "https://desk.example" },
  allowedHosts: ["desk.example"],
  authentication: { type: "none" },
  streams: {
    people: {
      title: "People",
      request: { method: "GET", path: "/people" },
      records: { select: "$response.body#/people", primaryKey: "/id" },
      pagination: { type: "token", from: "$response.body#/next", to: "query.page" },
      cursor: { type: "snapshot" },
      schema: {
        type: "object",
        additionalProperties: false,
        properties: { id: text, firstName: text, email: text, tags: { type: "array", items: text } },
      },
      resource: {
        type: "contact",
        map: {
          id: "$record#/id",
          firstName: "$record#/firstName",
          tags: "$record#/tags",
          emails: { $expr: "email && [{value: email}]" },
        },
      },
    },
  },
  triggers: Object.fromEntries(
    ["created", "updated"].map((on) => [
      `person_${on}`,
      {
        title: `Person ${on}`,
        stream: "people",
        on,
        event: `contact.${on}`,
        input: { type: "object", additionalProperties: false, properties: { team: text } },
        schedule: { default: "*/5 * * * *", minSeconds: 1 },
        sample: { id: "p0", firstName: "Sam", email: "sam@example.com", tags: ["vip", "new"] },
      },
    ]),
  ),
  actions: {
    create_note: write("note", "none", {
      required: ["text"],
      properties: { text, title: text, urgent: { type: "boolean" } },
    }),
    put_label: write(
      "label",
      "natural",
      { required: ["name"], properties: { name: text, tags: { type: "array", items: text } } },
      { sample: { input: { name: "Sample" }, output: { id: "sample-label", name: "Sample" } } },
    ),
    post_keyed: write("keyed", "key", { required: ["name"], properties: { name: text } }),
    find_person: {
      title: "Find person",
      kind: "search",
      input: { type: "object", additionalProperties: false, required: ["email"], properties: { email: text } },
      output: { type: "object", additionalProperties: false, properties: { person: { type: ["object", "null"] } } },
      request: { method: "GET", path: "/find", query: { email: "$input.email" } },
    },
  },
};
