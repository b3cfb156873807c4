import eventSchema from "../../schemas/event.schema.json" with { type: "json" };
import { ERROR_CODES } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { JsonSchema } from "../core/json.ts";
import type { Route } from "../model/route.ts";
import { queryOf } from "./serve.ts";

/** Version of the API behind `/v1`, not of the package. */
const API_VERSION = "1.0.0";

/** What the tags of the core mean. */
export const TAGS: Record<string, string> = {
  connectors: "What can be connected.",
  connections: "Accounts of users at vendors, and what can be done with them.",
  subscriptions: "Triggers of connections, wired to targets.",
  endpoints: "Where webhooks go.",
  variables: "Named values that manifests and flows read.",
  events: "Changes, as they were found.",
  deliveries: "Events on their way to endpoints.",
  access: "Keys, tokens and numbers.",
  system: "The service itself.",
};

export interface Described {
  routes: readonly Route[];
  /** JSON Schemas of what is answered, by name. */
  nouns: Readonly<Record<string, JsonSchema>>;
  tags: Readonly<Record<string, string>>;
}

/** OpenAPI 3.1 of exactly these routes, and of the webhooks that endpoints get. `base` is the API's address. */
export function describeApi({ routes, nouns, tags }: Described, base: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path.replace("{+", "{")] ??= {})[route.method] = describeRoute(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "Hookline",
      version: API_VERSION,
      summary: "Connects users' accounts at vendors, and reports what changes there.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: base === "" ? "/" : base }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ bearer: [] }],
    paths,
    webhooks: {
      recordEvent: webhook("recordEvent", "A record changed"),
      operationalEvent: webhook("operationalEvent", "News of the integration"),
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key (`hl_…`), or a user token from `POST /v1/users/{user}/tokens`.",
        },
      },
      schemas: { ...nouns, ...eventComponents() },
    },
  };
}

function describeRoute(route: Route): object {
  const { operationId, summary, tag, auth, rawBody } = route;
  const body = route.body?.schema;
  const parameters = describeParameters(route);
  const content = body && { "application/json": { schema: body } };
  const raw = rawBody && { requestBody: { description: rawBody, content: { "*/*": {} } } };
  return {
    operationId,
    summary,
    tags: [tag],
    ...(auth === "public" ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(content ? { requestBody: { required: "required" in body, content } } : raw),
    responses: describeAnswers(route),
  };
}

function describeParameters(route: Route): object[] {
  const { params = {}, requestHeaders = {} } = route;
  const { properties, required = [] } = queryOf(route) as {
    properties: Record<string, JsonSchema>;
    required?: string[];
  };
  const inPath = Object.entries(params).map(([name, description]) => ({
    name,
    in: "path",
    required: true,
    description,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    description,
    schema,
  }));
  const inHead = Object.entries(requestHeaders).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHead];
}

/** A status of both a problem and an answer of the route's own has the content of both. */
function describeAnswers(route: Route): object {
  const problems: Record<string, { content?: object }> = describeProblems(route);
  const own = Object.entries(describeResponses(route)).map(([status, answer]) => {
    const problem = problems[status];
    return [status, problem ? { ...answer, content: { ...problem.content, ...answer.content } } : answer] as const;
  });
  return { ...problems, ...Object.fromEntries(own) };
}

function describeResponses({ responses }: Route): Record<string, { content?: object }> {
  const entries = Object.entries(responses).map(([status, { description, schema, contentType }]) => {
    const content = schema
      ? { "application/json": { schema } }
      : contentType && { [contentType]: contentType === "*/*" ? {} : { schema: { type: "string" } } };
    const location = { Location: { description: "URL of the new object.", schema: { type: "string" } } };
    const headers = status === "303" || (status === "201" && schema !== undefined) ? { headers: location } : {};
    return [status, { description, ...headers, ...(content ? { content } : {}) }] as const;
  });
  return Object.fromEntries(entries);
}

/** Every operation can meet a wrong method, and what it does not take; the rest follows from what it takes. */
function describeProblems({ auth, params, body, rawBody, problems = [] }: Route): Record<string, { content?: object }> {
  const statuses = new Set([400, 405, ...problems]);
  if (params !== undefined) statuses.add(404);
  if (body !== undefined || rawBody !== undefined) statuses.add(413);
  if (auth !== "public") for (const status of [401, 403, 429, 500, 503]) statuses.add(status);
  const entries = [...statuses].sort((a, b) => a - b).map((status) => [status, describeProblem(status)] as const);
  return Object.fromEntries(entries);
}

function describeProblem(status: number): object {
  const meanings = Object.entries(ERROR_CODES).filter(([, code]) => code.status === status);
  const description = status === 405 ? "`method_not_allowed`: `Allow` names the methods of this path." : undefined;
  return {
    description: description ?? meanings.map(([code, { meaning }]) => `\`${code}\`: ${meaning}`).join("\n"),
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

const WEBHOOK_HEADERS: Record<string, string> = {
  "webhook-id": "Stable over retries, replays and a restored backup: the idempotency key.",
  "webhook-timestamp": "Of this attempt, seconds since the epoch.",
  "webhook-signature":
    "`v1,` and the base64 HMAC-SHA256 of id.timestamp.body; several, space-separated, while a secret rotates.",
};

function webhook(schema: string, summary: string): object {
  return {
    post: {
      operationId: schema,
      summary,
      tags: ["events"],
      security: [],
      parameters: Object.entries(WEBHOOK_HEADERS).map(([name, description]) => ({
        name,
        in: "header",
        required: true,
        description,
        schema: { type: "string" },
      })),
      requestBody: {
        required: true,
        content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
      },
      responses: {
        "2XX": { description: "Received. Anything else, and no answer within 15 s, is tried again." },
        "410": { description: "Turns the endpoint off." },
        "429": { description: "Tried again after `Retry-After`." },
      },
    },
  };
}

/** The definitions of the event's schema, as components. */
function eventComponents(): Record<string, JsonSchema> {
  return toComponents(eventSchema.$defs) as Record<string, JsonSchema>;
}

function toComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toComponents);
  if (!isObject(value)) return value;
  const entries = Object.entries(value)
    .filter(([name]) => name !== "x-antiExamples")
    .map(([name, inner]) => [
      name,
      name === "$ref" ? String(inner).replace("#/$defs/", "#/components/schemas/") : toComponents(inner),
    ]);
  return Object.fromEntries(entries);
}
