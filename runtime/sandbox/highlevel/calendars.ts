import { page, type Handlers } from "./api.ts";
import { HighLevelError, notFound } from "./errors.ts";
import { without, type Row } from "./state.ts";

const SUCCESS = { success: true };

/** Calendars, their groups, notification rules, rooms and equipment. */
export const calendarHandlers: Handlers = {
  "GET /calendars/groups": ({ highLevel }) => ({ groups: highLevel.collections.groups.list() }),
  "POST /calendars/groups": ({ highLevel, body }) => {
    if (highLevel.collections.groups.list({ slug: body["slug"] }).length > 0) {
      throw new HighLevelError(400, "Slug is already taken");
    }
    return { group: highLevel.collections.groups.put({ id: highLevel.newId(), isActive: true, ...body }) };
  },
  "PUT /calendars/groups/{groupId}": ({ highLevel, path, body }) => ({
    group: highLevel.collections.groups.change(path["groupId"], body),
  }),
  "PUT /calendars/groups/{groupId}/status": ({ highLevel, path, body }) => {
    highLevel.collections.groups.change(path["groupId"], body);
    return SUCCESS;
  },
  "DELETE /calendars/groups/{groupId}": ({ highLevel, path }) => {
    highLevel.collections.groups.remove(path["groupId"]);
    return SUCCESS;
  },
  "POST /calendars/groups/validate-slug": ({ highLevel, body }) => ({
    available: highLevel.collections.groups.list({ slug: body["slug"] }).length === 0,
  }),
  "GET /calendars/": ({ highLevel, query }) => ({
    calendars: highLevel.collections.calendars.list({ groupId: query.get("groupId") }),
  }),
  "GET /calendars/{calendarId}": ({ highLevel, path }) => ({
    calendar: highLevel.collections.calendars.get(path["calendarId"]),
  }),
  "POST /calendars/": ({ highLevel, body }) => ({
    calendar: highLevel.collections.calendars.put({ id: highLevel.newId(), isActive: true, slotDuration: 30, ...body }),
  }),
  "PUT /calendars/{calendarId}": ({ highLevel, path, body }) => ({
    calendar: highLevel.collections.calendars.change(path["calendarId"], body),
  }),
  "DELETE /calendars/{calendarId}": ({ highLevel, path }) => ({
    message: "Calendar deleted",
    calendar: highLevel.collections.calendars.remove(path["calendarId"]),
  }),
  "GET /calendars/{calendarId}/notifications": ({ highLevel, path, query }) => {
    const rows = highLevel.collections.notifications
      .list({ calendarId: path["calendarId"] })
      .filter((row) => query.get("isActive") === null || String(row["isActive"]) === query.get("isActive"))
      .filter((row) => String(row["deleted"]) === (query.get("deleted") ?? "false"));
    return page(rows, query.get("skip"), query.get("limit"), 100).map(withoutCalendar);
  },
  "GET /calendars/{calendarId}/notifications/{notificationId}": ({ highLevel, path }) =>
    withoutCalendar(highLevel.collections.notifications.get(path["notificationId"])),
  "POST /calendars/{calendarId}/notifications": ({ highLevel, path, items }) =>
    items.map((item) => {
      const row = { _id: highLevel.newObjectId(), isActive: true, deleted: false, ...item };
      return withoutCalendar(highLevel.collections.notifications.put({ ...row, calendarId: path["calendarId"] }));
    }),
  "PUT /calendars/{calendarId}/notifications/{notificationId}": ({ highLevel, path, body }) => {
    highLevel.collections.notifications.change(path["notificationId"], body);
    return { message: "Notification updated" };
  },
  "DELETE /calendars/{calendarId}/notifications/{notificationId}": ({ highLevel, path }) => {
    highLevel.collections.notifications.remove(path["notificationId"]);
    return { message: "Notification deleted" };
  },
  "GET /calendars/resources/{resourceType}": ({ highLevel, path, query }) => {
    const rows = highLevel.collections.resources.list({ resourceType: path["resourceType"] });
    return page(rows, query.get("skip"), query.get("limit"), 20).map((row) => without(row, "id"));
  },
  "GET /calendars/resources/{resourceType}/{id}": ({ highLevel, path }) =>
    resource(highLevel.collections.resources.get(path["id"]), path["resourceType"]!),
  "POST /calendars/resources/{resourceType}": ({ highLevel, path, body }) => {
    const id = highLevel.newObjectId();
    return highLevel.collections.resources.put({
      id,
      _id: id,
      resourceType: path["resourceType"],
      isActive: true,
      ...body,
    });
  },
  "PUT /calendars/resources/{resourceType}/{id}": ({ highLevel, path, body }) =>
    highLevel.collections.resources.change(path["id"], body),
  "DELETE /calendars/resources/{resourceType}/{id}": ({ highLevel, path }) => {
    highLevel.collections.resources.remove(path["id"]);
    return SUCCESS;
  },
};

const withoutCalendar = (row: Row) => without(row, "calendarId");

function resource(row: Row, type: string): Row {
  if (row["resourceType"] !== type) throw notFound(type, String(row["id"]));
  return row;
}
