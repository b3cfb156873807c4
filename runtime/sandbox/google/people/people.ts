import type { Route } from "../../route.ts";
import { apiRoutes } from "../api.ts";
import type { Google } from "../google.ts";
import { batchMethods } from "./batch-methods.ts";
import { contactMethods } from "./contact-methods.ts";
import { groupMethods } from "./group-methods.ts";
import { listMethods } from "./list-methods.ts";
import { otherContactMethods } from "./other-contact-methods.ts";

const SERVICE = { host: "people.googleapis.com", procedures: "google.people.v1.PeopleService" };

/** The People API v1, without the directory. */
export function peopleRoutes(google: Google): Route[] {
  return apiRoutes(google, SERVICE, [
    ...listMethods,
    ...contactMethods,
    ...batchMethods,
    ...groupMethods,
    ...otherContactMethods,
  ]);
}
