import { FileAnswer, type Call, type Handlers } from "./api.ts";
import { notFound } from "./errors.ts";
import { without, type HighLevel, type Row } from "./state.ts";

/** Conversations, messages, recordings and transcriptions. */
export const conversationHandlers: Handlers = {
  "GET /conversations/search": ({ highLevel, query }) => {
    const after = query.get("startAfterDate");
    const ascending = query.get("sort") === "asc";
    const rows = highLevel.collections.conversations
      .list({
        id: query.get("id"),
        contactId: query.get("contactId"),
        assignedTo: query.get("assignedTo"),
        lastMessageType: query.get("lastMessageType"),
        lastMessageDirection: query.get("lastMessageDirection"),
      })
      .filter((row) => query.get("status") !== "unread" || Number(row["unreadCount"]) > 0)
      .toSorted((a, b) => (ascending ? at(a) - at(b) : at(b) - at(a)))
      .filter((row) => after === null || (ascending ? at(row) > Number(after) : at(row) < Number(after)));
    const conversations = rows
      .slice(0, Number(query.get("limit") ?? 20))
      .map((row) => ({ ...without(row, "inbox", "starred", "deleted"), sort: [at(row)] }));
    return { conversations, total: highLevel.collections.conversations.rows.size };
  },
  "GET /conversations/{conversationId}": ({ highLevel, path }) => {
    const { id, contactId, locationId, deleted, inbox, unreadCount, assignedTo, starred, lastMessageDate } =
      highLevel.collections.conversations.get(path["conversationId"]);
    const seconds = Math.floor(Number(lastMessageDate) / 1000);
    const last = { seconds, nanoseconds: (Number(lastMessageDate) % 1000) * 1_000_000 };
    return {
      id,
      contactId,
      locationId,
      deleted,
      inbox,
      unreadCount,
      assignedTo,
      starred,
      type: 1,
      lastMessageDate: last,
    };
  },
  "GET /conversations/messages/export": ({ highLevel, query }) => {
    const [from, channel] = [query.get("startDate"), query.get("channel")?.toUpperCase()];
    const rows = highLevel.collections.messages
      .list({ conversationId: query.get("conversationId"), contactId: query.get("contactId") })
      .filter((row) =>
        channel === undefined ? row["messageType"] !== "TYPE_EMAIL" : row["messageType"] === `TYPE_${channel}`,
      )
      .filter((row) => from === null || added(row) >= (Number(from) || Date.parse(from)))
      .toSorted((a, b) => (query.get("sortOrder") === "asc" ? added(a) - added(b) : added(b) - added(a)));
    const start = Number(Buffer.from(query.get("cursor") ?? "", "base64url").toString());
    const end = start + Number(query.get("limit") ?? 100);
    const nextCursor = end < rows.length ? Buffer.from(String(end)).toString("base64url") : null;
    return { messages: rows.slice(start, end), total: rows.length, nextCursor };
  },
  "GET /conversations/{conversationId}/messages": ({ highLevel, path, query }) => {
    const types = query.get("type")?.split(",");
    const rows = highLevel.collections.messages
      .list({ conversationId: highLevel.collections.conversations.get(path["conversationId"])["id"] })
      .filter((row) => types?.includes(String(row["messageType"])) ?? true)
      .toSorted((a, b) => added(b) - added(a));
    const from = rows.findIndex((row) => row["id"] === query.get("lastMessageId")) + 1;
    const messages = rows.slice(from, from + Number(query.get("limit") ?? 20));
    const nextPage = from + messages.length < rows.length;
    return { messages: { lastMessageId: messages.at(-1)?.["id"] ?? null, nextPage, messages } };
  },
  "GET /conversations/messages/{id}": ({ highLevel, path }) => ({
    message: highLevel.collections.messages.get(path["id"]),
  }),
  "GET /conversations/messages/email/{id}": ({ highLevel, path }) => highLevel.collections.emails.get(path["id"]),
  "PUT /conversations/messages/{messageId}/status": ({ highLevel, path, body }) => {
    const { id, conversationId } = highLevel.collections.messages.change(path["messageId"], {
      status: body["status"],
      dateUpdated: highLevel.now(),
    });
    return { conversationId, messageId: id, status: body["status"] };
  },
  "GET /conversations/messages/{messageId}/locations/{locationId}/recording": ({ highLevel, path }) =>
    new FileAnswer("audio/x-wav", recorded(highLevel.recordings, path["messageId"]!)),
  "GET /conversations/locations/{locationId}/messages/{messageId}/transcription": ({ highLevel, path }) =>
    recorded(highLevel.transcriptions, path["messageId"]!),
  "GET /conversations/locations/{locationId}/messages/{messageId}/transcription/download": ({ highLevel, path }) => {
    const lines = recorded(highLevel.transcriptions, path["messageId"]!).map(({ transcript }) => String(transcript));
    return new FileAnswer("text/plain", Buffer.from(lines.join("\n")));
  },
  "POST /conversations/providers/live-chat/typing": ({ highLevel, body }: Call) => {
    highLevel.collections.conversations.get(String(body["conversationId"]));
    return { success: true };
  },
};

/** A message arrives, or is sent, as in the app; its conversation, which begins with it when there is none, moves to the top. */
export function addMessage(highLevel: HighLevel, fields: Row): Row {
  const { contacts, conversations, messages } = highLevel.collections;
  const owner = contacts.get(String(fields["contactId"] ?? contacts.list()[0]!["id"]));
  const known = conversations.list({ contactId: owner["id"] })[0];
  const { id: contactId, locationId, email, phone } = owner;
  const now = highLevel.clock.now();
  const fullName = `${String(owner["firstName"])} ${String(owner["lastName"])}`;
  const begun = {
    id: highLevel.newId(),
    contactId,
    locationId,
    type: "TYPE_PHONE",
    fullName,
    contactName: fullName,
    email,
    phone,
    inbox: true,
    starred: false,
    deleted: false,
    unreadCount: 0,
    dateAdded: now,
  };
  const conversation = known ?? begun;
  const message = {
    id: highLevel.newId(),
    type: 2,
    messageType: "TYPE_SMS",
    body: "",
    direction: "inbound",
    status: "delivered",
    contentType: "text/plain",
    attachments: [],
    source: "app",
    ...fields,
    contactId,
    locationId,
    conversationId: conversation["id"],
    dateAdded: highLevel.now(),
  };
  const unread = Number(conversation["unreadCount"]) + (message["direction"] === "inbound" ? 1 : 0);
  conversations.put({
    ...conversation,
    unreadCount: unread,
    lastMessageBody: message["body"],
    lastMessageType: message["messageType"],
    lastMessageDirection: message["direction"],
    lastMessageDate: now,
    dateUpdated: now,
  });
  return messages.put(message);
}

function recorded<T>(files: ReadonlyMap<string, T>, id: string): T {
  const file = files.get(id);
  if (file === undefined) throw notFound("Recording of message", id);
  return file;
}

function at(row: Row): number {
  return Number(row["lastMessageDate"]);
}

function added(row: Row): number {
  return Date.parse(String(row["dateAdded"]));
}
