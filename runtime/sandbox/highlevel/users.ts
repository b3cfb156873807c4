import { page, type Handlers } from "./api.ts";
import { HighLevelError } from "./errors.ts";
import { without, type Row } from "./state.ts";

/** Users, the agency and its locations. */
export const userHandlers: Handlers = {
  "GET /users/search": ({ highLevel, query }) => {
    const words = (query.get("query") ?? "").toLowerCase();
    const ids = query.get("ids")?.split(",");
    const rows = highLevel.collections.users
      .list()
      .filter((row) => `${String(row["name"])} ${String(row["email"])}`.toLowerCase().includes(words))
      .filter((row) => ids?.includes(String(row["id"])) ?? true)
      .filter((row) => ["type", "role"].every((name) => [null, rolesOf(row)[name]].includes(query.get(name))));
    return { users: page(rows, query.get("skip"), query.get("limit"), 25), count: rows.length };
  },
  "POST /users/search/filter-by-email": ({ highLevel, body }) => {
    const emails = String(body["emails"]).toLowerCase().split(",");
    const rows = highLevel.collections.users
      .list()
      .filter((row) => emails.includes(String(row["email"]).toLowerCase()));
    return { users: page(rows, body["skip"], body["limit"], 25), count: rows.length };
  },
  "GET /users/{userId}": ({ highLevel, path }) => highLevel.collections.users.get(path["userId"]),
  "GET /users/": ({ highLevel, query }) => ({
    users: highLevel.collections.users
      .list()
      .filter((row) => (rolesOf(row)["locationIds"] as string[]).includes(query.get("locationId")!)),
  }),
  "POST /users/": ({ highLevel, body }) => {
    if (highLevel.collections.users.list({ email: body["email"] }).length > 0) {
      throw new HighLevelError(400, "A user with this e-mail address exists already");
    }
    const { password: _, type, role, locationIds, companyId: __, ...fields } = body;
    const name = `${String(fields["firstName"])} ${String(fields["lastName"])}`;
    return highLevel.collections.users.put({
      id: highLevel.newId(),
      name,
      ...fields,
      roles: { type, role, locationIds },
    });
  },
  "PUT /users/{userId}": ({ highLevel, path, body }) => {
    const { password: _, companyId: __, type, role, locationIds, ...fields } = body;
    const before = highLevel.collections.users.get(path["userId"]);
    const given = Object.entries({ type, role, locationIds }).filter(([, value]) => value !== undefined);
    const after: Row = { ...before, ...fields };
    const name = `${String(after["firstName"])} ${String(after["lastName"])}`;
    const roles = { ...rolesOf(before), ...Object.fromEntries(given) };
    return highLevel.collections.users.change(path["userId"], { ...fields, name, roles });
  },
  "DELETE /users/{userId}": ({ highLevel, path }) => {
    const { email, name } = highLevel.collections.users.remove(path["userId"]);
    const message = `Queued deleting user with e-mail ${String(email)} and name ${String(name)}. Will take effect in a few minutes.`;
    return { succeded: true, message };
  },
  "GET /companies/{companyId}": ({ highLevel, path }) => ({
    company: highLevel.collections.companies.get(path["companyId"]),
  }),
  "GET /snapshots/": ({ highLevel }) => ({ snapshots: highLevel.collections.snapshots.list() }),
  "GET /locations/search": ({ highLevel, access, query }) => {
    const rows = highLevel.collections.locations
      .list({ email: query.get("email"), id: access.locationId, companyId: access.companyId })
      .map((row) => without(row, "companyId"));
    const ordered = query.get("order") === "desc" ? rows.toReversed() : rows;
    return { locations: page(ordered, query.get("skip"), query.get("limit"), 10) };
  },
  "GET /locations/{locationId}": ({ highLevel, path }) => ({
    location: highLevel.collections.locations.get(path["locationId"]),
  }),
  "POST /locations/": ({ highLevel, body }) => {
    const { twilio: _, mailgun: __, prospectInfo: ___, snapshotId: ____, ...fields } = body;
    return highLevel.collections.locations.put({ id: highLevel.newId(), ...fields, dateAdded: highLevel.now() });
  },
  "GET /locations/{locationId}/customFields": ({ highLevel, query }) => {
    const model = query.get("model") === "all" ? undefined : (query.get("model") ?? "contact");
    return { customFields: highLevel.collections.customFields.list({ model }) };
  },
};

function rolesOf(row: Row): Row {
  return row["roles"] as Row;
}
