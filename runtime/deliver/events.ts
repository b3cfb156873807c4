import { notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { eventById, eventQuery, events, eventView, type EventView } from "../model/events.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { eventDetails, type EventDetails } from "./event-details.ts";
import { explainRecord, type Explanation, type RecordQuestion } from "./explain.ts";

/** Events, as people look at them. */
export interface Events {
  /**
   * Newest first.
   * @throws HooklineError `invalid_input` with every fault of the query; `forbidden` when a user names another
   */
  list(query?: InputOf<typeof eventQuery>, scope?: Scope): Promise<Page<EventView>>;
  /** @throws HooklineError `not_found` */
  get(id: string, scope?: Scope): Promise<EventDetails>;
  /**
   * What is known of one record: when it was seen, its latest events, and where they went.
   * @throws HooklineError `invalid_input` with every fault; `not_found` for a connection or stream that does not exist
   */
  explain(question: RecordQuestion, scope?: Scope): Promise<Explanation>;
}

/** Makes the service of events. */
export function createEvents({ db, connectors }: Pick<Context, "db" | "connectors">): Events {
  return {
    async list(query, scope = {}) {
      const { type, connection, user, since, ...page } = eventQuery.check(query);
      const { limit, after } = readPage(page);
      const filter = { type, connection, user: ownerIn(scope, user) };
      const where = since === undefined ? [] : [["created_at >= ?", Date.parse(since)] as const];
      const found = await events.page(db, filter, { limit: limit + 1, after, order: "newest", where });
      return toPage(found, limit, eventView, ({ position }) => position);
    },

    async get(id, scope = {}) {
      const event = await eventById(db, id);
      if (event === undefined || !isVisible(event.user, scope)) throw notFound("event", id);
      return eventDetails(db, event, scope);
    },

    explain: (question, scope = {}) => explainRecord({ db, connectors }, question, scope),
  };
}
