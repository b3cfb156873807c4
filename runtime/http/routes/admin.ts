import { newUserToken } from "../../accounts/user-tokens.ts";
import { apiKeyQuery, newApiKey, type NewApiKey } from "../../model/api-keys.ts";
import { statsQuery } from "../../deliver/stats.ts";
import type { InputOf } from "../../model/input.ts";
import { created, noContent, ok, routesOf, type Route } from "../../model/route.ts";
import { pageSchema, ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const tag = "access";
const { adminRoute, userRoute } = routesOf<Services>();

export const adminRoutes: Route[] = [
  adminRoute<NewApiKey>({
    method: "post",
    path: "/v1/api-keys",
    operationId: "createApiKey",
    summary: "Creates an admin key; it is shown here and never again",
    tag,
    body: newApiKey,
    responses: { 201: { description: "The key.", schema: ref("NewApiKey") } },
    handler: async ({ services, body, base }) => {
      const key = await services.apiKeys.create(body);
      return created(`${base}/v1/api-keys/${key.id}`, key);
    },
  }),
  adminRoute<unknown, InputOf<typeof apiKeyQuery>>({
    method: "get",
    path: "/v1/api-keys",
    operationId: "listApiKeys",
    summary: "Admin keys, revoked ones too, oldest first",
    tag,
    query: apiKeyQuery,
    responses: { 200: { description: "A page.", schema: pageSchema("ApiKey") } },
    handler: async ({ services, query }) => ok(await services.apiKeys.list(query)),
  }),
  adminRoute({
    method: "delete",
    path: "/v1/api-keys/{id}",
    operationId: "revokeApiKey",
    summary: "Revokes an admin key at once",
    tag,
    params: { id: "Id of the key" },
    responses: { 204: { description: "The key is no longer valid." } },
    handler: async ({ services, params }) => {
      await services.apiKeys.revoke(params["id"]!);
      return noContent;
    },
  }),
  adminRoute<InputOf<typeof newUserToken>>({
    method: "post",
    path: "/v1/users/{user}/tokens",
    operationId: "createUserToken",
    summary: "Mints a short-lived token by which a browser acts for one user",
    tag,
    params: { user: "Id of the user, as the embedding product calls them" },
    body: newUserToken,
    responses: { 201: { description: "The token.", schema: ref("UserToken") } },
    handler: async ({ services, params, body }) => ({
      status: 201,
      body: await services.userTokens.create(params["user"]!, body),
    }),
  }),
  userRoute({
    method: "delete",
    path: "/v1/users/{user}",
    operationId: "eraseUser",
    summary: "Erases a user at once, with all that is stored of them; for an admin, and users themselves",
    tag,
    params: { user: "Id of the user" },
    responses: {
      202: {
        description: "All work of the user has ended; large amounts are deleted within minutes.",
        schema: ref("Erasure"),
      },
    },
    handler: async ({ services, params, scope }) => ({
      status: 202,
      body: await services.accounts.erase(params["user"]!, scope),
    }),
  }),
  userRoute({
    method: "delete",
    path: "/v1/users/{user}/tokens",
    operationId: "revokeUserTokens",
    summary: "Revokes all tokens of a user at once; later ones are valid. Users may revoke their own",
    tag,
    params: { user: "Id of the user" },
    responses: { 204: { description: "No token made so far is valid." } },
    handler: async ({ services, params, scope }) => {
      await services.userTokens.revoke(params["user"]!, scope);
      return noContent;
    },
  }),
  userRoute<unknown, InputOf<typeof statsQuery>>({
    method: "get",
    path: "/v1/stats",
    operationId: "getStats",
    summary: "Counts of connections, events, deliveries and polls",
    tag,
    query: statsQuery,
    responses: { 200: { description: "The counts.", schema: ref("Stats") } },
    handler: async ({ services, query, scope }) => ok(await services.stats(query, scope)),
  }),
];
