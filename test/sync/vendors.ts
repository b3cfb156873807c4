import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf, TestServer } from "../fixtures/listen.ts";

export interface Labelled {
  value: string;
  type?: string;
}

/** A contact as a vendor keeps it, whatever it looks like outside. */
export interface Card {
  first: string;
  last: string;
  emails: Labelled[];
  phones: Labelled[];
  note: string;
}

interface Kept extends Card {
  id: string;
  /** Ids of the contacts it was made of. */
  was?: string[];
  /** Milliseconds since the epoch. */
  updated: number;
}

type Wire = Record<string, unknown>;

/** How a vendor shows contacts: nested with lists, or flat with one of each. */
export interface Face {
  name: string;
  toWire(card: Kept): Wire;
  /** What a body sets. */
  fromWire(body: Wire): Partial<Card>;
  manifest: { actions: Record<string, object>; resources: { contact: Record<string, unknown> } };
}

/** The same vendor again under another name. */
export function named(face: Face, name: string): Face {
  const server = { url: `https://${name}.example` };
  return {
    ...face,
    name,
    manifest: Object.assign({ ...face.manifest }, { name, server, allowedHosts: [`${name}.example`] }),
  };
}

const labelled = (list: unknown): Labelled[] =>
  ((list ?? []) as { at: string; label?: string }[]).map(({ at, label }) => ({
    value: at,
    ...(label && { type: label }),
  }));
const nestedList = (list: Labelled[]) => list.map(({ value, type }) => ({ at: value, ...(type && { label: type }) }));
const defined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Partial<T>;

const text = { type: "string" };
const actionsOf = (properties: object, body: object): Record<string, object> => {
  const input = { type: "object", additionalProperties: false };
  const byId = { ...input, required: ["id"], properties: { id: text } };
  return {
    create_contact: {
      title: "Create",
      kind: "create",
      input: { ...input, properties },
      request: { method: "POST", path: "/contacts", body },
      idempotency: "none",
    },
    update_contact: {
      title: "Update",
      kind: "update",
      input: { ...input, required: ["id"], properties: { id: text, ...properties } },
      request: { method: "PATCH", path: "/contacts/{id}", body },
      idempotency: "natural",
    },
    delete_contact: {
      title: "Delete",
      kind: "delete",
      input: byId,
      request: { method: "DELETE", path: "/contacts/{id}" },
      idempotency: "natural",
      accept: ["notFound"],
      result: { deleted: true },
    },
    get_contact: { title: "Get", kind: "get", input: byId, request: { method: "GET", path: "/contacts/{id}" } },
    find_contact: {
      title: "Find",
      kind: "search",
      input: { ...input, required: ["email"], properties: { email: text } },
      request: { method: "GET", path: "/search", query: { email: "$input.email" } },
      result: { contacts: "$response.body#/people" },
    },
  };
};

const manifestOf = (
  name: string,
  parts: { stream: object; map: object; actions: Record<string, object>; from: object },
): Face["manifest"] & Record<string, unknown> => ({
  manifestVersion: 1,
  name,
  version: "1.0.0",
  title: name,
  description: "A vendor for tests.",
  server: { url: `https://${name}.example` },
  allowedHosts: [`${name}.example`],
  authentication: { type: "none" },
  errors: [],
  streams: {
    contacts: {
      title: "Contacts",
      request: { method: "GET", path: "/contacts" },
      pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
      resource: { type: "contact", map: { id: "$record#/id", updatedAt: "$record#/updated", ...parts.map } },
      ...parts.stream,
    },
  },
  triggers: {
    contact_changed: {
      title: "Contact changed",
      stream: "contacts",
      on: "any",
      event: "contact.changed",
      schedule: { default: "*/5 * * * *", minSeconds: 1 },
    },
  },
  actions: parts.actions,
  resources: {
    contact: {
      stream: "contacts",
      create: "create_contact",
      update: "update_contact",
      delete: "delete_contact",
      find: "find_contact",
      key: "email",
      id: "id",
      from: parts.from,
    },
  },
});

/** Lists of addresses and numbers, a note; changes by a sync token that tells of deletions. */
export const nested: Face = {
  name: "rolo",
  toWire: ({ id, was, updated, first, last, emails, phones, note }) => ({
    id,
    was,
    updated: new Date(updated).toISOString(),
    name: { given: first, family: last },
    mails: nestedList(emails),
    numbers: nestedList(phones),
    about: note,
  }),
  fromWire: ({ name, mails, numbers, about }) => {
    const { given, family } = (name ?? {}) as { given?: string; family?: string };
    return defined({
      first: given,
      last: family,
      emails: mails === undefined ? undefined : labelled(mails),
      phones: numbers === undefined ? undefined : labelled(numbers),
      note: about as string | undefined,
    });
  },
  manifest: manifestOf("rolo", {
    stream: {
      records: { select: "$response.body#/people", primaryKey: "/id", versionKey: "/updated", previousKeys: "/was" },
      cursor: { type: "syncToken", from: "$response.body#/token", to: "query.since" },
      deleted: "gone",
    },
    map: {
      firstName: { $expr: "name.given || `null`" },
      lastName: { $expr: "name.family || `null`" },
      emails: { $expr: "mails[].from_items(items({value: at, type: label})[?[1] != `null`])" },
      phones: { $expr: "numbers[].from_items(items({value: at, type: label})[?[1] != `null`])" },
      notes: { $expr: "about || `null`" },
    },
    actions: actionsOf(
      { given: text, family: text, mails: { type: "array" }, numbers: { type: "array" }, about: text },
      {
        name: { given: "$input.given", family: "$input.family" },
        mails: "$input.mails",
        numbers: "$input.numbers",
        about: "$input.about",
      },
    ),
    from: {
      given: "$resource.firstName",
      family: "$resource.lastName",
      mails: { $expr: "resource.emails[].from_items(items({at: value, label: type})[?[1] != `null`])" },
      numbers: { $expr: "resource.phones[].from_items(items({at: value, label: type})[?[1] != `null`])" },
      about: "$resource.notes",
    },
  }),
};

/** One address, in lower case, and one number, in digits alone; no notes; no changes told: everything is listed each time. */
export const flat: Face = {
  name: "crm",
  toWire: ({ id, updated, first, last, emails, phones }) => ({
    id,
    updated: new Date(updated).toISOString(),
    first,
    last,
    mail: emails[0]?.value ?? "",
    tel: phones[0]?.value ?? "",
  }),
  fromWire: ({ first, last, mail, tel }) =>
    defined({
      first: first as string | undefined,
      last: last as string | undefined,
      emails: mail === undefined ? undefined : mail === "" ? [] : [{ value: (mail as string).toLowerCase() }],
      phones: tel === undefined ? undefined : tel === "" ? [] : [{ value: (tel as string).replaceAll(/[^+\d]/g, "") }],
    }),
  manifest: manifestOf("crm", {
    stream: {
      records: { select: "$response.body#/people", primaryKey: "/id", versionKey: "/updated" },
      cursor: { type: "snapshot" },
    },
    map: {
      firstName: { $expr: "first || `null`" },
      lastName: { $expr: "last || `null`" },
      emails: { $expr: "mail && [{value: mail, primary: `true`}] || `[]`" },
      phones: { $expr: "tel && [{value: tel, primary: `true`}] || `[]`" },
    },
    actions: actionsOf(
      { first: text, last: text, mail: text, tel: text },
      { first: "$input.first", last: "$input.last", mail: "$input.mail", tel: "$input.tel" },
    ),
    from: {
      first: "$resource.firstName",
      last: "$resource.lastName",
      mail: "$resource.emails#/0/value",
      tel: "$resource.phones#/0/value",
    },
  }),
};

/** An address book behind HTTP. What people do in it is not counted; what comes over HTTP is. */
export class ContactsVendor extends TestServer {
  readonly face: Face;
  readonly cards = new Map<string, Kept>();
  /** Successful writes over HTTP, as `POST c1`. */
  readonly writes: string[] = [];
  /** How often its list was read. */
  reads = 0;
  pageSize = 50;
  /** Asked before each request is done, and again after it; one that answers true has taken the request over. */
  before: (request: IncomingMessage, response: ServerResponse, body: string) => boolean | void = () => false;
  after: (request: IncomingMessage, response: ServerResponse) => boolean | void = () => false;
  readonly #now: () => number;
  readonly #moved = new Map<string, string>();
  #made = 0;
  #last = 0;
  readonly #log: { revision: number; id: string }[] = [];

  constructor(face: Face, now: () => number = Date.now) {
    super();
    this.face = face;
    this.#now = now;
  }

  /** A person makes a contact. */
  add(card: Partial<Card>): string {
    const id = `${this.face.name}${++this.#made}`;
    this.#put(id, { first: "", last: "", emails: [], phones: [], note: "", ...card });
    return id;
  }

  /** A person changes one. */
  edit(id: string, changes: Partial<Card>): void {
    this.#put(id, { ...this.cards.get(id)!, ...changes });
  }

  /** Makes one contact of several, under a new id; the old ids lead to it. */
  merge(id: string, changes: Partial<Card>, was: string[]): void {
    this.#put(id, { ...this.cards.get(was[0]!)!, ...changes });
    this.cards.get(id)!.was = was;
    for (const old of was) {
      this.remove(old);
      this.#moved.set(old, id);
    }
  }

  remove(id: string): void {
    this.cards.delete(id);
    this.#log.push({ revision: this.#log.length + 1, id });
  }

  /** What is shown of all contacts, as JSON text, sorted. */
  contents(show: (card: Kept) => unknown): unknown[] {
    return [...this.cards.values()].map((card) => JSON.stringify(show(card))).sort();
  }

  #put(id: string, card: Card): void {
    // Two changes never have the same time: it is the version.
    this.#last = Math.max(this.#last + 1, this.#now());
    this.cards.set(id, { ...card, id, updated: this.#last });
    this.#log.push({ revision: this.#log.length + 1, id });
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (this.before(request, response, body)) return;
    const { status, answer } = this.#do(request.method!, new URL(request.url!, this.url), body);
    if (this.after(request, response)) return;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  #do(method: string, url: URL, body: string): { status: number; answer: unknown } {
    const asked = url.pathname.split("/")[2];
    const id = asked === undefined ? undefined : (this.#moved.get(asked) ?? asked);
    if (method === "GET" && id === undefined) {
      this.reads++;
      return { status: 200, answer: url.pathname === "/search" ? this.#search(url) : this.#list(url) };
    }
    const before = id === undefined ? undefined : this.cards.get(id);
    if (id !== undefined && !before) return { status: 404, answer: { error: "no such contact" } };
    if (method === "GET") return { status: 200, answer: this.face.toWire(before!) };
    if (method === "DELETE") this.remove(id!);
    const set = method === "DELETE" ? {} : this.face.fromWire(JSON.parse(body) as Wire);
    const made = id ?? this.add(set);
    if (method === "PATCH") this.edit(made, set);
    this.writes.push(`${method} ${made}`);
    const card = this.cards.get(made);
    return { status: 200, answer: card ? this.face.toWire(card) : {} };
  }

  #search(url: URL): unknown {
    const email = url.searchParams.get("email")!.toLowerCase();
    const found = [...this.cards.values()].filter((card) =>
      card.emails.some(({ value }) => value.toLowerCase() === email),
    );
    return { people: found.map((card) => this.face.toWire(card)) };
  }

  #list(url: URL): unknown {
    const since = url.searchParams.get("since");
    const ids =
      since === null
        ? [...this.cards.keys()]
        : [...new Set(this.#log.filter(({ revision }) => revision > Number(since)).map((entry) => entry.id))];
    const start = Number(url.searchParams.get("page") ?? 0);
    const people = ids.slice(start, start + this.pageSize).map((id) => {
      const card = this.cards.get(id);
      return card ? this.face.toWire(card) : { id, gone: true };
    });
    const end = start + this.pageSize;
    return end < ids.length ? { people, page: String(end) } : { people, token: String(this.#log.length) };
  }
}
