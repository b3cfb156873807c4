import { goneSignal, routesOf, type Route } from "../../model/route.ts";
import { object, ref, text } from "../../model/schema.ts";
import {
  newSubscription,
  subscriptionAudit,
  subscriptionChanges,
  subscriptionQuery,
  subscriptionResume,
} from "../../model/subscriptions.ts";
import type { Services } from "../services.ts";

const subscription = routesOf<Services>().resource({
  path: "/v1/subscriptions",
  name: "subscription",
  tag: "subscriptions",
});

export const subscriptionRoutes: Route[] = [
  subscription.create(
    { summary: "Wires a trigger of a connection to an endpoint, and polls at once", problems: [409] },
    newSubscription,
    ({ services, body, scope }) => services.subscriptions.create(body, scope),
  ),
  subscription.list({ summary: "Subscriptions, oldest first" }, subscriptionQuery, ({ services, query, scope }) =>
    services.subscriptions.list(query, scope),
  ),
  subscription.get({ summary: "A subscription" }, ({ services, scope }, id) => services.subscriptions.get(id, scope)),
  subscription.update(
    {
      summary: "Changes a subscription; new input starts with a silent poll, everything else keeps what is known",
      problems: [409],
    },
    subscriptionChanges,
    ({ services, body, scope }, id) => services.subscriptions.update(id, body, scope),
  ),
  subscription.remove({ summary: "Ends a subscription" }, ({ services, scope }, id) =>
    services.subscriptions.remove(id, scope),
  ),
  subscription.post(
    "poll",
    "pollSubscription",
    {
      summary: "Schedules a poll of its stream for now",
      status: 202,
      answers: {
        description: "The poll is scheduled.",
        schema: object("A scheduled poll.", { id: text("Id of the subscription.") }),
      },
      problems: [409],
    },
    async ({ services, scope }, id) => {
      await services.subscriptions.poll(id, scope);
      return { id };
    },
  ),
  subscription.post(
    "pause",
    "pauseSubscription",
    { summary: "Pauses a subscription: nothing is read until it is resumed" },
    ({ services, scope }, id) => services.subscriptions.pause(id, scope),
  ),
  subscription.post(
    "resume",
    "resumeSubscription",
    {
      summary: "Resumes a subscription, or what it holds back, and reads what changed meanwhile",
      body: subscriptionResume,
    },
    ({ services, body, scope }, id) => services.subscriptions.resume(id, body, scope),
  ),
  subscription.post(
    "audit",
    "auditSubscription",
    {
      summary: "Compares everything the vendor has of its stream with what is known; changes nothing",
      body: subscriptionAudit,
      answers: { description: "What it found.", schema: ref("SubscriptionAudit") },
      problems: [409, 424, 429, 502, 504],
    },
    ({ services, body, scope, request }, id) => services.audits.audit(id, body, scope, { signal: goneSignal(request) }),
  ),
  subscription.part(
    "health",
    "getSubscriptionHealth",
    {
      summary: "The health of a subscription: its polls, errors and delay",
      answers: { description: "Its health.", schema: ref("SubscriptionHealth") },
    },
    ({ services, scope }, id) => services.subscriptions.health(id, scope),
  ),
];
