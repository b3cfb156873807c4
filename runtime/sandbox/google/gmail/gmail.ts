import type { Route, VendorAnswers } from "../../route.ts";
import { apiRoutes, type ApiMethod, type Call } from "../api.ts";
import { googleAnswers, invalidArgument, reasonedError } from "../errors.ts";
import type { Google } from "../google.ts";
import { readPageSize, slicePage } from "../pages.ts";
import type { Change, ChangeKind, Label, Mailbox } from "./mailbox.ts";
import { mailboxOf, requestedNotFound } from "./message.ts";
import { messageMethods } from "./message-methods.ts";
import { CHANGE_LABELS, READ, READ_LABELS, READ_PROFILE } from "./scopes.ts";

const answers: VendorAnswers = { ...googleAnswers, rateLimited: () => rateLimited(429) };
const SERVICE = { host: "gmail.googleapis.com", procedures: "caribou.api.proto.MailboxService", answers };

/** What a call costs of the quota, in units; 5 where nothing is said. */
const UNITS: Record<string, number> = {
  "gmail.users.getProfile": 1,
  "gmail.users.history.list": 2,
  "gmail.users.labels.list": 1,
  "gmail.users.messages.batchModify": 50,
  "gmail.users.messages.send": 100,
  "gmail.users.drafts.send": 100,
};

/** The Gmail API v1, with the quota of units per minute and user that the settings give. */
export function gmailRoutes(google: Google): Route[] {
  const spent = new Map<string, { minute: number; units: number }>();
  const metered = [...mailboxMethods, ...messageMethods].map((method): ApiMethod => {
    const handle = (call: Call) => {
      const minute = Math.floor(google.clock.now() / 60_000);
      const before = spent.get(call.account.email);
      const units = (before?.minute === minute ? before.units : 0) + (UNITS[method.id] ?? 5);
      if (units > google.settings.gmailUnitsPerMinute) throw rateLimited(403);
      spent.set(call.account.email, { minute, units });
      return method.handle(call);
    };
    return { ...method, handle };
  });
  return apiRoutes(google, SERVICE, metered);
}

const mailboxMethods: readonly ApiMethod[] = [
  {
    id: "gmail.users.getProfile",
    method: "GET",
    path: "/gmail/v1/users/{userId}/profile",
    procedure: "GetProfile",
    scopes: READ_PROFILE,
    handle: (call) => {
      const { email, messages, historyId } = mailboxOf(call);
      const threads = new Set([...messages.values()].map(({ threadId }) => threadId));
      return { emailAddress: email, messagesTotal: messages.size, threadsTotal: threads.size, historyId };
    },
  },
  {
    id: "gmail.users.history.list",
    method: "GET",
    path: "/gmail/v1/users/{userId}/history",
    procedure: "ListHistory",
    scopes: READ,
    handle: listHistory,
  },
  {
    id: "gmail.users.labels.list",
    method: "GET",
    path: "/gmail/v1/users/{userId}/labels",
    procedure: "ListLabels",
    scopes: READ_LABELS,
    handle: (call) => ({ labels: [...mailboxOf(call).labels.values()].map(renderLabel) }),
  },
  {
    id: "gmail.users.labels.get",
    method: "GET",
    path: "/gmail/v1/users/{userId}/labels/{id}",
    procedure: "GetLabel",
    scopes: READ_LABELS,
    handle: (call) => {
      const mailbox = mailboxOf(call);
      const label = mailbox.labels.get(call.path.id!);
      if (!label) throw requestedNotFound();
      return { ...renderLabel(label), ...countsOf(mailbox, label) };
    },
  },
  {
    id: "gmail.users.labels.create",
    method: "POST",
    path: "/gmail/v1/users/{userId}/labels",
    procedure: "CreateLabel",
    scopes: CHANGE_LABELS,
    handle: (call) => {
      const name = typeof call.body.name === "string" ? call.body.name : "";
      if (name === "") throw invalidArgument("Invalid label name");
      return renderLabel(mailboxOf(call).createLabel(name));
    },
  },
];

function listHistory(call: Call): object {
  const mailbox = mailboxOf(call);
  const { query } = call;
  const start = query.get("startHistoryId") ?? "";
  if (!/^\d+$/.test(start)) throw invalidArgument("Missing or invalid startHistoryId");
  const changes = mailbox.changesSince(start);
  if (!changes) throw requestedNotFound();
  const kinds = query.getAll("historyTypes");
  const label = query.get("labelId");
  const shown = changes
    .filter(({ kind }) => kinds.length === 0 || kinds.includes(kind))
    .filter(({ message }) => label === null || message.labelIds.includes(label));
  const { items, nextPageToken } = slicePage(
    shown,
    query.get("pageToken"),
    readPageSize(query.get("maxResults"), 100, 500),
  );
  return {
    ...(items.length > 0 && { history: items.map(renderChange) }),
    ...(nextPageToken && { nextPageToken }),
    historyId: mailbox.historyId,
  };
}

const LISTS: Record<ChangeKind, string> = {
  messageAdded: "messagesAdded",
  messageDeleted: "messagesDeleted",
  labelAdded: "labelsAdded",
  labelRemoved: "labelsRemoved",
};

function renderChange({ id, kind, message, labelIds }: Change): object {
  const { id: messageId, threadId } = message;
  return { id, messages: [{ id: messageId, threadId }], [LISTS[kind]]: [{ message, ...(labelIds && { labelIds }) }] };
}

function renderLabel({ id, name, type }: Label): object {
  return {
    id,
    name,
    type,
    ...(type === "user" && { messageListVisibility: "show", labelListVisibility: "labelShow" }),
  };
}

function countsOf({ messages }: Mailbox, { id }: Label): object {
  const labelled = [...messages.values()].filter(({ labelIds }) => labelIds.includes(id));
  const unread = labelled.filter(({ labelIds }) => labelIds.includes("UNREAD"));
  return { messagesTotal: labelled.length, messagesUnread: unread.length };
}

function rateLimited(code: 403 | 429) {
  const status = code === 403 ? "PERMISSION_DENIED" : "RESOURCE_EXHAUSTED";
  return reasonedError(code, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries' per minute per user.", {
    status,
    domain: "usageLimits",
  });
}
