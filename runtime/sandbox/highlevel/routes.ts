import type { RequestLog } from "../routes.ts";
import type { Route } from "../route.ts";
import { apiRoutes } from "./api.ts";
import { calendarHandlers } from "./calendars.ts";
import { contactHandlers } from "./contacts.ts";
import { conversationHandlers } from "./conversations.ts";
import { eventHandlers } from "./events.ts";
import { installHandlers } from "./installs.ts";
import { oauthRoutes } from "./oauth-routes.ts";
import { opportunityHandlers } from "./opportunities.ts";
import { otherHandlers } from "./other.ts";
import type { HighLevel } from "./state.ts";
import { taskAndNoteHandlers } from "./tasks-notes.ts";
import { userHandlers } from "./users.ts";

/** Everything the simulated HighLevel answers, under a prefix. */
export function highLevelRoutes(highLevel: HighLevel, prefix: string, requests: RequestLog): Route[] {
  const handlers = {
    ...contactHandlers,
    ...taskAndNoteHandlers,
    ...calendarHandlers,
    ...eventHandlers,
    ...opportunityHandlers,
    ...userHandlers,
    ...conversationHandlers,
    ...otherHandlers,
    ...installHandlers,
  };
  return [...oauthRoutes(highLevel, prefix, requests), ...apiRoutes(highLevel, prefix, handlers)];
}
