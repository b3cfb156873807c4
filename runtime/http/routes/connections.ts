import { HooklineError } from "../../core/errors.ts";
import type { ConnectionFilter } from "../../model/connections.ts";
import { pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { anyObject, name, object, oneOf, pageSchema, ref, text } from "../../model/schema.ts";

const tag = "connections";
const params = { id: "Id of the connection" };
const returnTo = text("Where the person goes after OAuth; its origin must be allowed.", "https://app.example/settings");
const inputs = anyObject("Answers to the manifest's `connectionInput`.");

export const connectionRoutes: Route[] = [
  userRoute<{ connector: string; user?: string; credentials?: object; inputs?: object; returnTo?: string }>({
    method: "post",
    path: "/v1/connections",
    operationId: "createConnection",
    summary: "Connects an account: by OAuth, or at once with credentials that are tested",
    tag,
    body: object(
      "An account to connect.",
      {
        connector: name("Name of the connector.", "google-contacts"),
        user: name("Whose account it is; a user token's own user when not given.", "u_1"),
        credentials: anyObject(
          "By type of authentication: `{token}`, `{apiKey}`, `{username, password}` or OAuth tokens held already.",
        ),
        inputs,
        returnTo,
      },
      ["user", "credentials", "inputs", "returnTo"],
    ),
    responses: { 201: { description: "Pending with `authorizeUrl`, or active.", schema: ref("NewConnection") } },
    problems: [404, 422, 424, 502, 504],
    handler: async ({ services, principal, body, base }) => {
      const user = userNamed(principal, body.user);
      if (user === undefined) {
        const faults = [{ pointer: "/user", message: "is required" }];
        throw new HooklineError(
          "invalid_input",
          "createConnection /user: is required; name the user the account belongs to",
          { faults },
        );
      }
      const connection = await services.accounts.create({ ...(body as { connector: string }), user });
      return created(`${base}/v1/connections/${connection.id}`, connection);
    },
  }),
  userRoute<unknown, PageQuery & ConnectionFilter>({
    method: "get",
    path: "/v1/connections",
    operationId: "listConnections",
    summary: "Connections, oldest first",
    tag,
    query: {
      ...pageQuery,
      user: name("Only this user's."),
      connector: name("Only of this connector."),
      status: oneOf(["pending", "active", "reauth_required"], "Only in this state."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Connection") } },
    handler: async ({ services, principal, query: { limit, cursor, user, ...filter } }) =>
      ok(
        pageOf(
          await services.accounts.list({ ...filter, user: userNamed(principal, user) }, readPage({ limit, cursor })),
        ),
      ),
  }),
  userRoute({
    method: "get",
    path: "/v1/connections/{id}",
    operationId: "getConnection",
    summary: "A connection and what threatens it",
    tag,
    params,
    responses: { 200: { description: "The connection.", schema: ref("ConnectionDetails") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.accounts.get(params["id"]!, scopeOf(principal).user)),
  }),
  userRoute<{ label?: string; inputs?: Record<string, unknown> }>({
    method: "patch",
    path: "/v1/connections/{id}",
    operationId: "updateConnection",
    summary: "Changes a connection's label or inputs",
    tag,
    params,
    body: {
      ...object("What is to change.", { label: name("How the account is called."), inputs }, ["label", "inputs"]),
      minProperties: 1,
    },
    responses: { 200: { description: "The connection.", schema: ref("Connection") } },
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.accounts.update(params["id"]!, body, scopeOf(principal).user)),
  }),
  userRoute({
    method: "delete",
    path: "/v1/connections/{id}",
    operationId: "deleteConnection",
    summary: "Revokes the grant at the vendor, and forgets the connection and its subscriptions",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    handler: async ({ services, principal, params }) => {
      await services.accounts.remove(params["id"]!, scopeOf(principal).user);
      return noContent;
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/connections/{id}/test",
    operationId: "testConnection",
    summary: "Proves the credentials by a real request",
    tag,
    params,
    responses: { 200: { description: "They work.", schema: ref("Connection") } },
    problems: [409, 422, 424, 502, 504],
    handler: async ({ services, principal, params }) =>
      ok(await services.accounts.test(params["id"]!, scopeOf(principal).user)),
  }),
  userRoute<{ returnTo?: string }>({
    method: "post",
    path: "/v1/connections/{id}/reconnect",
    operationId: "reconnectConnection",
    summary: "Begins a new authorization; the connection keeps its id, subscriptions and cursors",
    tag,
    params,
    body: object("Where to go afterwards.", { returnTo }, ["returnTo"]),
    responses: {
      200: {
        description: "Where to send the person.",
        schema: object("The address.", { authorizeUrl: text("Valid for ten minutes, once.") }),
      },
    },
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.accounts.reconnect(params["id"]!, body, scopeOf(principal).user)),
  }),
];
