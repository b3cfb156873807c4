import type { SubscriptionChanges, SubscriptionInput } from "../../poll/subscriptions.ts";
import type { SubscriptionFilter } from "../../model/subscriptions.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf, type Principal } from "../../model/principal.ts";
import { created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { name, object, pageSchema, ref, text } from "../../model/schema.ts";
import { newSubscription, subscriptionChanges } from "../schemas/subscriptions.ts";
import type { Services } from "../services.ts";
import { healthView, subscriptionView } from "../view.ts";

const tag = "subscriptions";
const params = { id: "Id of the subscription" };
const subscription = { 200: { description: "The subscription.", schema: ref("Subscription") } };

export const subscriptionRoutes: Route[] = [
  userRoute<SubscriptionInput>({
    method: "post",
    path: "/v1/subscriptions",
    operationId: "createSubscription",
    summary: "Wires a trigger of a connection to an endpoint, and polls at once",
    tag,
    body: newSubscription,
    responses: { 201: { description: "The subscription.", schema: ref("Subscription") } },
    problems: [404, 409],
    handler: async ({ services, principal, body, base }) => {
      await assertOwn(services, principal, body);
      const made = await services.subscriptions.create(body);
      return created(`${base}/v1/subscriptions/${made.id}`, subscriptionView(made));
    },
  }),
  userRoute<unknown, PageQuery & SubscriptionFilter>({
    method: "get",
    path: "/v1/subscriptions",
    operationId: "listSubscriptions",
    summary: "Subscriptions, oldest first",
    tag,
    query: {
      ...pageQuery,
      user: name("Only this user's."),
      connection: name("Only of this connection."),
      endpoint: name("Only to this endpoint."),
      trigger: name("Only of this trigger."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Subscription") } },
    handler: async ({ services, principal, query: { limit, cursor, user, ...filter } }) => {
      const page = readPage({ limit, cursor });
      const scoped = { ...filter, user: userNamed(principal, user) };
      const { data, nextCursor } = cutPage(
        await services.subscriptions.list(scoped, page.cursor, page.limit + 1),
        page.limit,
      );
      return ok(pageOf({ data: data.map(subscriptionView), nextCursor }));
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/subscriptions/{id}",
    operationId: "getSubscription",
    summary: "A subscription",
    tag,
    params,
    responses: subscription,
    handler: async ({ services, principal, params }) =>
      ok(subscriptionView(await services.subscriptions.get(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute<SubscriptionChanges>({
    method: "patch",
    path: "/v1/subscriptions/{id}",
    operationId: "updateSubscription",
    summary: "Changes a subscription; new input starts with a silent poll, everything else keeps what is known",
    tag,
    params,
    body: subscriptionChanges,
    responses: subscription,
    problems: [409],
    handler: async ({ services, principal, params, body }) => {
      await assertOwn(services, principal, body);
      return ok(subscriptionView(await services.subscriptions.update(params["id"]!, body, scopeOf(principal).user)));
    },
  }),
  userRoute({
    method: "delete",
    path: "/v1/subscriptions/{id}",
    operationId: "deleteSubscription",
    summary: "Ends a subscription",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    handler: async ({ services, principal, params }) => {
      await services.subscriptions.remove(params["id"]!, scopeOf(principal).user);
      return noContent;
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/subscriptions/{id}/poll",
    operationId: "pollSubscription",
    summary: "Reads its stream as soon as a slot is free",
    tag,
    params,
    responses: {
      202: { description: "It is planned.", schema: object("Which.", { id: text("Id of the subscription.") }) },
    },
    problems: [409],
    handler: async ({ services, principal, params }) => {
      await services.subscriptions.poll(params["id"]!, scopeOf(principal).user);
      return { status: 202, body: { id: params["id"]! } };
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/subscriptions/{id}/pause",
    operationId: "pauseSubscription",
    summary: "Reads nothing for it until it is resumed",
    tag,
    params,
    responses: subscription,
    handler: async ({ services, principal, params }) =>
      ok(subscriptionView(await services.subscriptions.pause(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute({
    method: "post",
    path: "/v1/subscriptions/{id}/resume",
    operationId: "resumeSubscription",
    summary: "Reads at once what changed meanwhile, and goes on",
    tag,
    params,
    responses: subscription,
    handler: async ({ services, principal, params }) =>
      ok(subscriptionView(await services.subscriptions.resume(params["id"]!, scopeOf(principal).user))),
  }),
  userRoute({
    method: "get",
    path: "/v1/subscriptions/{id}/health",
    operationId: "getSubscriptionHealth",
    summary: "How a subscription fares",
    tag,
    params,
    responses: { 200: { description: "Its health.", schema: ref("SubscriptionHealth") } },
    handler: async ({ services, principal, params }) =>
      ok(healthView(await services.subscriptions.health(params["id"]!, scopeOf(principal).user))),
  }),
];

/** Throws `not_found` for a connection or endpoint that is not the user's own. */
async function assertOwn(
  services: Services,
  principal: Principal,
  given: { connection?: string; endpoint?: string },
): Promise<void> {
  if (principal.role === "admin") return;
  if (given.connection !== undefined) await services.accounts.get(given.connection, scopeOf(principal));
  if (given.endpoint !== undefined) await services.endpoints.get(given.endpoint, scopeOf(principal));
}
