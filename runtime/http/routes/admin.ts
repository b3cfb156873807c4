import { statsQuery } from "../../deliver/stats.ts";
import { HooklineError } from "../../core/errors.ts";
import { listApiKeys, revokeApiKey } from "../../model/api-keys.ts";
import { createApiKey } from "../api-keys.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { adminRoute, created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { parametersOf } from "../../model/page.ts";
import { name, object, pageSchema, ref } from "../../model/schema.ts";
import type { UserTokens } from "../user-tokens.ts";
import { apiKeyView, isoTime } from "../view.ts";

const TOKEN_SECONDS = 900;

export function adminRoutes(tokens: UserTokens): Route[] {
  return [
    adminRoute<{ name: string }>({
      method: "post",
      path: "/v1/api-keys",
      operationId: "createApiKey",
      summary: "Makes an admin key; it is shown here and never again",
      tag: "access",
      body: object("The key.", { name: name("What it is for.", "deployment") }),
      responses: { 201: { description: "The key.", schema: ref("NewApiKey") } },
      handler: async ({ services, body, base }) => {
        const { record, key } = await createApiKey(services, body.name);
        return created(`${base}/v1/api-keys/${record.id}`, { ...apiKeyView(record), key });
      },
    }),
    adminRoute<unknown, PageQuery>({
      method: "get",
      path: "/v1/api-keys",
      operationId: "listApiKeys",
      summary: "Admin keys, withdrawn ones too, oldest first",
      tag: "access",
      query: pageQuery,
      responses: { 200: { description: "A page.", schema: pageSchema("ApiKey") } },
      handler: async ({ services, query }) => {
        const { limit, cursor = "" } = readPage(query);
        const { data, nextCursor } = cutPage(await listApiKeys(services.db, cursor, limit + 1), limit);
        return ok(pageOf({ data: data.map(apiKeyView), nextCursor }));
      },
    }),
    adminRoute({
      method: "delete",
      path: "/v1/api-keys/{id}",
      operationId: "revokeApiKey",
      summary: "Withdraws an admin key at once",
      tag: "access",
      params: { id: "Id of the key" },
      responses: { 204: { description: "It is worth nothing any more." } },
      handler: async ({ services, params }) => {
        if (await revokeApiKey(services.db, params["id"]!, services.clock.now())) return noContent;
        throw new HooklineError(
          "not_found",
          `API key ${params["id"]!}: there is none that is valid; list the keys to find it`,
        );
      },
    }),
    adminRoute<{ expiresInSeconds?: number }>({
      method: "post",
      path: "/v1/users/{user}/tokens",
      operationId: "createUserToken",
      summary: "Mints a short-lived token by which a browser acts for one user",
      tag: "access",
      params: { user: "Id of the user, as the embedding product calls them" },
      body: object(
        "How long it is valid.",
        {
          expiresInSeconds: {
            type: "integer",
            minimum: 60,
            maximum: 86_400,
            default: TOKEN_SECONDS,
            description: "Seconds.",
          },
        },
        ["expiresInSeconds"],
      ),
      responses: { 201: { description: "The token.", schema: ref("UserToken") } },
      handler: async ({ services, params, body }) => {
        const user = params["user"]!;
        const { token, expiresAt } = await tokens.mint(services, user, body.expiresInSeconds ?? TOKEN_SECONDS);
        return { status: 201, body: { token, user, expiresAt: isoTime(expiresAt) } };
      },
    }),
    userRoute<unknown, { since?: string }>({
      method: "get",
      path: "/v1/stats",
      operationId: "getStats",
      summary: "What has happened, in numbers",
      tag: "access",
      query: parametersOf(statsQuery),
      responses: { 200: { description: "The numbers.", schema: ref("Stats") } },
      handler: async ({ services, query, scope }) => ok(await services.stats(query, scope)),
    }),
  ];
}
