import { page, type Call, type Handlers } from "./api.ts";
import { found, searchContacts } from "./contact-search.ts";
import { HighLevelError } from "./errors.ts";
import { without, type Row } from "./state.ts";

/** `succeded` is HighLevel's own spelling; its answers now carry both. */
export const DONE = { succeded: true, succeeded: true };

/** Contacts with their tasks, notes, tags, followers, campaigns and workflows. */
export const contactHandlers: Handlers = {
  "GET /contacts/{contactId}": (call) => ({ contact: contact(call) }),
  "POST /contacts/search": searchContacts,
  "GET /contacts/": ({ highLevel, query }) => {
    const rows = highLevel.collections.contacts.list().toSorted((a, b) => added(b) - added(a) || order(b, a));
    // Both are needed to go on: with one alone the list begins anew.
    const [after, afterId] = [query.get("startAfter"), query.get("startAfterId")];
    const from = after !== null && afterId !== null ? rows.findIndex((row) => row["id"] === afterId) + 1 : 0;
    const contacts = page(rows, from, query.get("limit"), 20);
    const last = contacts.at(-1);
    const more = from + contacts.length < rows.length && last;
    const meta = { total: rows.length, ...(more && { startAfterId: last["id"], startAfter: added(last) }) };
    return { contacts: contacts.map(found), meta };
  },
  "GET /contacts/business/{businessId}": ({ highLevel, path, query }) => {
    const rows = highLevel.collections.contacts.list({ businessId: path["businessId"] });
    return { contacts: page(rows, query.get("skip"), query.get("limit"), 25), count: rows.length };
  },
  "GET /contacts/search/duplicate": ({ highLevel, query }) => {
    const [email, phone] = [query.get("email"), query.get("number")];
    if (email === null && phone === null) throw new HighLevelError(422, ["one of number or email is required"]);
    const twin = duplicateOf(highLevel.collections.contacts.list(), { email, phone });
    return { contact: twin ?? null, ...(twin && { matchingField: twin["email"] === email ? "email" : "phone" }) };
  },
  "POST /contacts/": ({ highLevel, body }) => {
    const twin = duplicateOf(highLevel.collections.contacts.list(), body);
    if (twin) throw new HighLevelError(400, "This location does not allow duplicated contacts.");
    return { contact: createContact({ highLevel, body }) };
  },
  "PUT /contacts/{contactId}": (call) => ({ ...DONE, contact: changeContact(call, call.body) }),
  "DELETE /contacts/{contactId}": (call) => {
    contact(call);
    call.highLevel.collections.contacts.remove(call.path["contactId"]);
    return DONE;
  },
  "POST /contacts/upsert": ({ highLevel, body: given }) => {
    const body = without(given, "createNewIfDuplicateAllowed");
    const twin = duplicateOf(highLevel.collections.contacts.list(), body);
    if (!twin) return { new: true, contact: createContact({ highLevel, body }), ...DONE };
    return {
      new: false,
      contact: changeContact({ highLevel, path: { contactId: String(twin["id"]) } }, body),
      ...DONE,
    };
  },
  "POST /contacts/{contactId}/tags": (call) => {
    const [before, tags] = [texts(contact(call), "tags"), texts(call.body, "tags")];
    const tagsAdded = tags.filter((tag) => !before.includes(tag));
    changeContact(call, { tags: [...before, ...tagsAdded] });
    return { tags: [...before, ...tagsAdded], tagsAdded };
  },
  "DELETE /contacts/{contactId}/tags": (call) => {
    const gone = texts(call.body, "tags");
    const tags = texts(contact(call), "tags").filter((tag) => !gone.includes(tag));
    changeContact(call, { tags });
    return { tags, tagsRemoved: gone };
  },
  "POST /contacts/bulk/tags/update/{type}": ({ highLevel, path, body }) => {
    const tags = texts(body, "tags");
    const known = texts(body, "contacts").filter((id) => highLevel.collections.contacts.rows.has(id));
    for (const contactId of known) {
      const before = body["removeAllTags"] === true ? [] : texts(highLevel.collections.contacts.get(contactId), "tags");
      const others = before.filter((tag) => !tags.includes(tag));
      changeContact(
        { highLevel, path: { contactId } },
        { tags: path["type"] === "add" ? [...others, ...tags] : others },
      );
    }
    const errorCount = texts(body, "contacts").length - known.length;
    return { ...DONE, errorCount, responses: known.map((contactId) => ({ contactId, tags })) };
  },
  "POST /contacts/bulk/business": ({ highLevel, body }) => {
    const ids = texts(body, "ids");
    for (const contactId of ids) changeContact({ highLevel, path: { contactId } }, { businessId: body["businessId"] });
    return { success: true, ids };
  },
  "POST /contacts/{contactId}/followers": (call) => {
    const before = texts(contact(call), "followers");
    const followersAdded = texts(call.body, "followers").filter((id) => !before.includes(id));
    changeContact(call, { followers: [...before, ...followersAdded] });
    return { followers: [...before, ...followersAdded], followersAdded };
  },
  "DELETE /contacts/{contactId}/followers": (call) => {
    const followersRemoved = texts(call.body, "followers");
    const followers = texts(contact(call), "followers").filter((id) => !followersRemoved.includes(id));
    changeContact(call, { followers });
    return { followers, followersRemoved };
  },
  ...onContact("POST /contacts/{contactId}/campaigns/{campaignId}"),
  ...onContact("DELETE /contacts/{contactId}/campaigns/{campaignId}"),
  ...onContact("DELETE /contacts/{contactId}/campaigns/removeAll"),
  ...onContact("POST /contacts/{contactId}/workflow/{workflowId}"),
  ...onContact("DELETE /contacts/{contactId}/workflow/{workflowId}"),
  "GET /contacts/{contactId}/appointments": (call) => {
    const events = call.highLevel.collections.events.list({ contactId: contact(call)["id"], kind: "appointment" });
    return {
      events: events.map((event) => ({
        ...without(event, "kind"),
        startTime: zoneless(event["startTime"]),
        endTime: zoneless(event["endTime"]),
        dateAdded: zoneless(event["dateAdded"]),
        dateUpdated: zoneless(event["dateUpdated"]),
      })),
    };
  },
};

/** Those that only check that the contact, and what it enters or leaves, exist. */
function onContact(key: string): Handlers {
  return {
    [key]: (call) => {
      const { campaigns, workflows } = call.highLevel.collections;
      contact(call);
      if ("campaignId" in call.path) campaigns.get(call.path["campaignId"]);
      if ("workflowId" in call.path) workflows.get(call.path["workflowId"]);
      return DONE;
    },
  };
}

/** Throws the 400 that HighLevel has here instead of a 404. */
export function contact({ highLevel, path }: Pick<Call, "highLevel" | "path">): Row {
  const row = highLevel.collections.contacts.rows.get(path["contactId"] ?? "");
  if (!row) throw new HighLevelError(400, `Contact with id ${path["contactId"]} not found`);
  return row;
}

function createContact({ highLevel, body }: Pick<Call, "highLevel" | "body">): Row {
  const now = highLevel.now();
  const row = {
    id: highLevel.newId(),
    type: "lead",
    tags: [],
    followers: [],
    ...shown(body),
    dateAdded: now,
    dateUpdated: now,
  };
  return highLevel.collections.contacts.put(row);
}

function changeContact(call: Pick<Call, "highLevel" | "path">, changes: Row): Row {
  contact(call);
  const { highLevel, path } = call;
  return highLevel.collections.contacts.change(path["contactId"], { ...shown(changes), dateUpdated: highLevel.now() });
}

/** Custom fields are written under `field_value` and read under `value`. */
function shown(body: Row): Row {
  const fields = body["customFields"] as Row[] | undefined;
  return fields
    ? { ...body, customFields: fields.map(({ id, key, field_value: value }) => ({ id: id ?? key, value })) }
    : body;
}

function duplicateOf(rows: Row[], { email, phone }: Row): Row | undefined {
  return rows.find(
    (row) =>
      (email && String(row["email"]).toLowerCase() === String(email).toLowerCase()) ||
      (phone && row["phone"] === phone),
  );
}

export function texts(row: Row, name: string): string[] {
  return (row[name] ?? []) as string[];
}

function added(row: Row): number {
  return Date.parse(String(row["dateAdded"]));
}

function order(a: Row, b: Row): number {
  return String(a["id"]) < String(b["id"]) ? -1 : 1;
}

/** This one list has times without their zone. */
function zoneless(time: unknown): string {
  return String(time).slice(0, 19).replace("T", " ");
}
