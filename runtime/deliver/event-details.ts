import { deliveries, pageOfDeliveries, type DeliveryView } from "../model/deliveries.ts";
import { eventView, shownOfEvent, type EventRecord, type EventView } from "../model/events.ts";
import type { Scope } from "../model/principal.ts";
import { listOf, object, ref } from "../model/schema.ts";
import type { Sql } from "../store/database.ts";

/** Deliveries shown with one event. */
const MOST_DELIVERIES = 100;

/** An event and where it went. */
export interface EventDetails extends EventView {
  /** The latest 100, newest first; a user sees those to their own endpoints. */
  deliveries: DeliveryView[];
}

export const eventDetailsSchemas = {
  EventDetails: object("An event and where it went.", {
    ...shownOfEvent,
    deliveries: listOf(ref("Delivery"), "The latest 100, newest first; a user sees those to their own endpoints."),
  }),
};

/** An event with those of its deliveries that the caller may see. */
export async function eventDetails(sql: Sql, event: EventRecord, { user }: Scope): Promise<EventDetails> {
  const found = await pageOfDeliveries(sql, { filter: { event: event.id }, user, limit: MOST_DELIVERIES });
  return { ...eventView(event), deliveries: found.map((delivery) => deliveries.view(delivery)) };
}
