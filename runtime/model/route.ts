import type { Request } from "express";
import type { JsonSchema } from "../core/json.ts";
import type { Input } from "./input.ts";
import type { ListQuery } from "./page.ts";
import type { Principal, Scope } from "./principal.ts";
import { pageSchema, ref } from "./schema.ts";

/** A request of anybody, as a handler sees it. */
export interface PublicCall<Services = unknown, Query = unknown> {
  /**
   * The open services of the module that the route belongs to.
   * @throws HooklineError `stopped` while the runtime is not started
   */
  open(): Promise<Services>;
  params: Record<string, string>;
  query: Query;
  headers: Request["headers"];
  /** The URL before `/v1`, without a trailing slash. */
  base: string;
  /** The request itself, for a handler that passes it on as it is. */
  request: Request;
  /**
   * The body as it came, for a route with `rawBody`; default at most 1 MB.
   * @throws HooklineError `too_large`, `invalid_input` for compressed bytes
   */
  bytes(maxBytes?: number): Promise<Buffer>;
}

export interface Call<Services = unknown, Body = unknown, Query = unknown> extends Omit<
  PublicCall<Services, Query>,
  "open"
> {
  services: Services;
  /** As it came: the service checks it. */
  body: Body;
  principal: Principal;
  /** Whose things the principal may see and touch. */
  scope: Scope;
}

export interface Reply {
  status: number;
  /** JSON, unless `headers` say another content-type; a stream goes out as it comes, with exactly these headers. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer {
  description: string;
  schema?: JsonSchema;
  contentType?: string;
}

/** One operation of the API: everything that serving and describing it needs. */
export interface Operation {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** OpenAPI form: `/v1/connections/{id}`; a last `{+path}` takes all that is left. */
  path: string;
  operationId: string;
  summary: string;
  tag: string;
  /** What each parameter in the path is. */
  params?: Record<string, string>;
  /** What the service checks as well, or the JSON Schema of each parameter. Unknown parameters are refused. */
  query?: Input<unknown> | Record<string, JsonSchema>;
  /** Parameters others choose come along in the query. */
  openQuery?: boolean;
  /** Request headers that mean something, and what. */
  requestHeaders?: Record<string, string>;
  /** What is given, which the service checks. A body that requires nothing may be left out; without this, none is taken. */
  body?: Input<unknown>;
  /** Largest body, in bytes; default 1 MB. */
  bodyBytes?: number;
  /** A body is taken in and forgotten: browsers send forms. */
  ignoresBody?: boolean;
  /** Instead of `body`: what the bytes are for, which the handler reads itself. */
  rawBody?: string;
  /** What is answered, by status: its meaning, and the schema of its JSON or the type of anything else. */
  responses: { [status: number]: Answer; default?: Answer };
  /** Statuses of problems it can answer besides those that all can. */
  problems?: number[];
}

/** A route of any module; who serves it hands the services of that module to the handler. */
export type Route = Operation &
  (
    | { auth: "public"; handler(call: PublicCall<never, never>): Promise<Reply> | Reply }
    | { auth: "user" | "admin"; handler(call: Call<never, never, never>): Promise<Reply> | Reply }
  );

/** A reply with status 200. */
export const ok = (body: unknown): Reply => ({ status: 200, body });
/** A reply with status 201 and the place of what was made. */
export const created = (location: string, body: unknown): Reply => ({ status: 201, body, headers: { location } });
export const noContent: Reply = { status: 204 };

/** Aborts when nobody waits for the answer any more. */
export function goneSignal(request: Request): AbortSignal {
  const gone = new AbortController();
  request.res!.once("close", () => gone.abort());
  return gone.signal;
}

type Handled<C> = Operation & { handler(call: C): Promise<Reply> | Reply };

/** The ways to declare routes whose handlers get these services. */
export function routesOf<Services>() {
  return {
    /** For a user about their own things, or an admin about everybody's. */
    userRoute: <Body = unknown, Query = unknown>(route: Handled<Call<Services, Body, Query>>): Route => ({
      ...route,
      auth: "user",
    }),
    /** For admins only. */
    adminRoute: <Body = unknown, Query = unknown>(route: Handled<Call<Services, Body, Query>>): Route => ({
      ...route,
      auth: "admin",
    }),
    /** For anybody. */
    publicRoute: <Query = unknown>(route: Handled<PublicCall<Services, Query>>): Route => ({
      ...route,
      auth: "public",
    }),
    resource: (noun: Noun) => new Resource<Services>(noun),
  };
}

/** How the routes of a noun are called and described. */
export interface Noun {
  /** Of the list: `/v1/endpoints`. */
  path: string;
  /** "endpoint", with its article: "an endpoint" in descriptions. */
  name: string;
  tag: string;
  /** Component of its view; default the name in upper camel case. */
  schema?: string;
}

interface Verb {
  summary: string;
  /** Default: the noun's view. */
  answers?: Answer;
  /** Of a success; default 200. 202 says that the work is still to be done. */
  status?: 200 | 202;
  problems?: number[];
}

/** The operations that most nouns have, each in one line. Their ids follow from the noun: `listEndpoints`, `getEndpoint`. */
export class Resource<Services> {
  readonly #noun: Noun;
  /** "Endpoint" */
  readonly #one: string;
  /** "Endpoints" */
  readonly #many: string;

  constructor(noun: Noun) {
    this.#noun = noun;
    this.#one = upperCamel(noun.name);
    this.#many = upperCamel(noun.path.split("/").at(-1)!);
  }

  list<Filters>(
    { summary, answers, problems }: Verb,
    query: ListQuery<Filters>,
    find: (call: Call<Services, unknown, Filters>) => Promise<unknown>,
  ): Route {
    const { path, tag } = this.#noun;
    const page = { description: "A page.", schema: pageSchema(this.#schema) };
    return {
      auth: "user",
      method: "get",
      path,
      operationId: `list${this.#many}`,
      summary,
      tag,
      query,
      problems,
      responses: { 200: answers ?? page },
      handler: async (call: Call<Services, unknown, Filters>) => ok(await find(call)),
    } as const;
  }

  create<Body>(
    { summary, answers, problems }: Verb,
    body: Input<Body>,
    make: (call: Call<Services, Body>) => Promise<{ id: string }>,
  ): Route {
    const { path, tag, name } = this.#noun;
    return {
      auth: "user",
      method: "post",
      path,
      operationId: `create${this.#one}`,
      summary,
      tag,
      body,
      problems,
      responses: {
        201: answers ?? {
          description: `The new ${name}.`,
          schema: ref(this.#schema),
        },
      },
      handler: async (call: Call<Services, Body>) => {
        const made = await make(call);
        return created(`${call.base}${path}/${made.id}`, made);
      },
    } as const;
  }

  get(verb: Verb, read: (call: Call<Services>, id: string) => Promise<unknown>): Route {
    return this.#byId("get", `get${this.#one}`, verb, read);
  }

  update<Body>(
    verb: Verb,
    body: Input<Body>,
    change: (call: Call<Services, Body>, id: string) => Promise<unknown>,
  ): Route {
    return { ...this.#byId("patch", `update${this.#one}`, verb, change), body };
  }

  /** `answers`: with 200, what there is to be said of the removal; `remove` gives it, or undefined for 204. */
  remove<Query = unknown>(
    { summary, problems, answers }: Verb,
    remove: (call: Call<Services, unknown, Query>, id: string) => Promise<object | undefined | void>,
  ): Route {
    const gone = async (call: Call<Services, unknown, Query>, id: string): Promise<Reply> => {
      const said = await remove(call, id);
      return said === undefined ? noContent : ok(said);
    };
    return {
      ...this.#byId("delete", `delete${this.#one}`, { summary, problems }, gone as never),
      responses: { ...(answers && { 200: answers }), 204: { description: `The ${this.#noun.name} is gone.` } },
      handler: async (call: Call<Services, unknown, Query>) => gone(call, call.params["id"]!),
    } as Route;
  }

  /** `POST <path>/{id}/<verb>`. */
  post<Body = unknown>(
    name: string,
    operationId: string,
    { body, ...verb }: Verb & { body?: Input<Body> },
    act: (call: Call<Services, Body>, id: string) => Promise<unknown>,
  ): Route {
    return { ...this.#byId("post", operationId, verb, act, `/${name}`), ...(body && { body }) };
  }

  /** `GET <path>/{id}/<part>`: a list of another noun, `schema`, that belongs to one of this. */
  listPart<Filters>(
    name: string,
    operationId: string,
    { schema, ...verb }: Verb & { schema: string },
    query: ListQuery<Filters>,
    find: (call: Call<Services, unknown, Filters>, id: string) => Promise<unknown>,
  ): Route {
    const answers = { description: "A page.", schema: pageSchema(schema) };
    return { ...this.#byId("get", operationId, { answers, ...verb }, find as never, `/${name}`), query };
  }

  /** `GET <path>/{id}/<part>`. */
  part(
    name: string,
    operationId: string,
    verb: Verb & { answers: Answer },
    read: (call: Call<Services>, id: string) => Promise<unknown>,
  ): Route {
    return this.#byId("get", operationId, verb, read, `/${name}`);
  }

  get #schema(): string {
    return this.#noun.schema ?? this.#one;
  }

  #byId<Body>(
    method: Operation["method"],
    operationId: string,
    { summary, answers, status = 200, problems }: Verb,
    handle: (call: Call<Services, Body>, id: string) => Promise<unknown>,
    rest = "",
  ): Route {
    const { path, tag, name } = this.#noun;
    return {
      auth: "user",
      method,
      path: `${path}/{id}${rest}`,
      operationId,
      summary,
      tag,
      problems,
      params: { id: `Id of the ${name}` },
      responses: {
        [status]: answers ?? {
          description: `The ${name}.`,
          schema: ref(this.#schema),
        },
      },
      handler: async (call: Call<Services, Body>) => ({ status, body: await handle(call, call.params["id"]!) }),
    } as const;
  }
}

function upperCamel(words: string): string {
  return words.replaceAll(/(?:^|[\s-])(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
