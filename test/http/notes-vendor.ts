import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "../fixtures/listen.ts";

/** A connector whose accounts are told apart by their token, and whose vendor is {@link NotesVendor}. */
export const notesManifest = {
  manifestVersion: 1,
  name: "notes",
  version: "1.0.0",
  title: "Notes",
  server: { url: "https://notes.example" },
  allowedHosts: ["notes.example"],
  authentication: { type: "bearer", test: { method: "GET", path: "/me" }, label: "$response.body#/name" },
  streams: {
    notes: {
      title: "Notes",
      input: { type: "object", properties: { folder: { type: "string" } } },
      request: { method: "GET", path: "/notes" },
      records: { select: "$response.body#/notes", primaryKey: "/id" },
      cursor: { type: "snapshot" },
      resource: { type: "note", map: { id: "$record#/id", title: "$record#/title" } },
    },
  },
  triggers: {
    note_created: {
      title: "Note created",
      stream: "notes",
      on: "created",
      event: "note.created",
      input: {
        type: "object",
        additionalProperties: false,
        properties: {
          folder: { type: "string", dynamicValues: { action: "list_folders", value: "/id", label: "/title" } },
        },
      },
      sample: { id: "sample", title: "A sample" },
    },
  },
  actions: {
    create_note: {
      title: "Create note",
      kind: "create",
      idempotency: "none",
      input: {
        type: "object",
        additionalProperties: false,
        required: ["title"],
        properties: { title: { type: "string" }, text: { type: "string" } },
      },
      request: { method: "POST", path: "/notes", body: { title: "$input.title" } },
    },
    rename_note: {
      title: "Rename note",
      kind: "update",
      idempotency: "natural",
      retry: { max: 0 },
      input: {
        type: "object",
        additionalProperties: false,
        required: ["id"],
        properties: { id: { type: "string" } },
      },
      request: { method: "PUT", path: "/notes/{id}", body: {} },
    },
    list_folders: { title: "List folders", kind: "list", input: {}, request: { method: "GET", path: "/folders" } },
  },
};

/** A vendor of notes: every token is an account, and each has four notes. */
export class NotesVendor {
  /** What was asked of it: `POST /notes`. */
  readonly requests: string[] = [];
  /** Answers the next requests that write instead of the vendor; `undefined` lets them pass. */
  write: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Asked before each request is answered; one that answers true has taken the request over. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  url = "";
  /** What an account has besides its four notes. */
  readonly further: { id: string; title: string }[] = [];

  async start(): Promise<() => Promise<void>> {
    const { url, stop } = await listen(createServer((request, response) => this.#answer(request, response)));
    this.url = url;
    return stop;
  }

  count(request: string): number {
    return this.requests.filter((one) => one === request).length;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = request;
    this.requests.push(`${method} ${url}`);
    request.resume();
    const token = headers.authorization?.replace("Bearer ", "") ?? "";
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (token === "wrong") return void json(401, { message: "No such token" });
    if (this.before(request, response)) return;
    if (method !== "GET" && this.write) return this.write(request, response);
    if (url === "/me") return void json(200, { name: token });
    if (url === "/folders") return void json(200, { folders: [{ id: "f1", title: "Work" }] });
    if (method !== "GET") return void json(200, { id: `note-${this.requests.length}` });
    const own = [1, 2, 3, 4].map((n) => ({ id: `n${n}`, title: `${token} ${n}` }));
    return void json(200, { notes: [...own, ...this.further] });
  }
}
