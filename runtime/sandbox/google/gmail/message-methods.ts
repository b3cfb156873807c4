import type { ApiMethod, Call } from "../api.ts";
import { invalidArgument } from "../errors.ts";
import { readPageSize, slicePage } from "../pages.ts";
import {
  findMessage,
  mailboxOf,
  readLabels,
  readRaw,
  readThread,
  renderMessage,
  requestedNotFound,
  sendMail,
} from "./message.ts";
import type { Message } from "./mailbox.ts";
import { CHANGE, COMPOSE, READ, READ_CONTENT, SEND } from "./scopes.ts";
import { parseSearch } from "./search.ts";

const ALL = "/gmail/v1/users/{userId}/messages";
const ONE = `${ALL}/{id}`;
const MAX_BATCH = 1000;

/** Messages, their attachments, and drafts. */
export const messageMethods: readonly ApiMethod[] = [
  messageMethod("messages.list", "GET", ALL, READ, (call) => {
    const found = search(call);
    const { items, nextPageToken } = page(call, found);
    return {
      ...(items.length > 0 && { messages: items.map(({ id, threadId }) => ({ id, threadId })) }),
      ...(nextPageToken && { nextPageToken }),
      resultSizeEstimate: found.length,
    };
  }),
  messageMethod("messages.send", "POST", `${ALL}/send`, SEND, async (call) => {
    const threadId = call.body.threadId as string | undefined;
    return renderMessage(sendMail(call, await readRaw(call.body), threadId), "minimal");
  }),
  messageMethod("messages.batchModify", "POST", `${ALL}/batchModify`, CHANGE, (call) => {
    const ids = Array.isArray(call.body.ids) ? call.body.ids.map(String) : [];
    if (ids.length === 0 || ids.length > MAX_BATCH) throw invalidArgument(`ids must name 1 to ${MAX_BATCH} messages.`);
    for (const id of ids) {
      const message = mailboxOf(call).messages.get(id);
      if (message) relabel(call, message);
    }
  }),
  messageMethod("messages.get", "GET", ONE, READ, (call) => {
    return renderMessage(findMessage(call), call.query.get("format") ?? "full");
  }),
  messageMethod("messages.modify", "POST", `${ONE}/modify`, CHANGE, (call) => {
    return renderMessage(relabel(call, findMessage(call)), "minimal");
  }),
  messageMethod("messages.trash", "POST", `${ONE}/trash`, CHANGE, (call) => {
    return renderMessage(mailboxOf(call).modify(findMessage(call), ["TRASH"], ["INBOX"]), "minimal");
  }),
  messageMethod("messages.untrash", "POST", `${ONE}/untrash`, CHANGE, (call) => {
    return renderMessage(mailboxOf(call).modify(findMessage(call), [], ["TRASH"]), "minimal");
  }),
  messageMethod("messages.attachments.get", "GET", `${ALL}/{messageId}/attachments/{id}`, READ_CONTENT, (call) => {
    const { mail } = findMessage(call, call.path.messageId);
    const file = mail.attachments[Number(call.path.id!.split("-").at(-1))];
    if (!file) throw requestedNotFound();
    return { size: Buffer.from(file.content, "base64url").length, data: file.content };
  }),
  messageMethod("threads.list", "GET", "/gmail/v1/users/{userId}/threads", READ, (call) => {
    const threads = [...Map.groupBy(search(call), ({ threadId }) => threadId)];
    const { items, nextPageToken } = page(call, threads);
    return {
      ...(items.length > 0 && {
        threads: items.map(([id, [newest]]) => ({ id, historyId: newest!.historyId, snippet: "" })),
      }),
      ...(nextPageToken && { nextPageToken }),
      resultSizeEstimate: threads.length,
    };
  }),
  messageMethod("threads.get", "GET", "/gmail/v1/users/{userId}/threads/{id}", READ, (call) => {
    const messages = findThread(call);
    const format = call.query.get("format") ?? "full";
    return {
      id: call.path.id,
      historyId: messages.at(-1)!.historyId,
      messages: messages.map((message) => renderMessage(message, format)),
    };
  }),
  messageMethod("threads.modify", "POST", "/gmail/v1/users/{userId}/threads/{id}/modify", CHANGE, (call) => {
    const messages = findThread(call).map((message) => relabel(call, message));
    return {
      id: call.path.id,
      historyId: messages.at(-1)!.historyId,
      messages: messages.map((message) => renderMessage(message, "minimal")),
    };
  }),
  messageMethod("drafts.create", "POST", "/gmail/v1/users/{userId}/drafts", COMPOSE, async (call) => {
    const content = (call.body.message ?? {}) as Record<string, unknown>;
    const mail = await readRaw(content);
    const { id, message } = mailboxOf(call).createDraft(mail, readThread(call, content.threadId));
    return { id, message: renderMessage(message, "minimal") };
  }),
  messageMethod("drafts.send", "POST", "/gmail/v1/users/{userId}/drafts/send", COMPOSE, (call) => {
    const draft = mailboxOf(call).messages.get(mailboxOf(call).drafts.get(String(call.body.id)) ?? "");
    if (!draft) throw requestedNotFound();
    const inThread = draft.threadId === draft.id ? undefined : draft.threadId;
    const sent = sendMail(call, draft.mail, inThread);
    mailboxOf(call).takeDraft(String(call.body.id));
    return renderMessage(sent, "minimal");
  }),
];

function messageMethod(
  id: string,
  method: ApiMethod["method"],
  path: string,
  scopes: readonly string[],
  handle: ApiMethod["handle"],
): ApiMethod {
  return { id: `gmail.users.${id}`, method, path, procedure: id, scopes, handle };
}

/** Messages that the query asks for, newest first; spam and trash only when asked for. */
function search(call: Call): Message[] {
  const { query, google } = call;
  const { messages, labels } = mailboxOf(call);
  const q = query.get("q") ?? "";
  const matches = parseSearch(q, { labels, now: google.clock.now() });
  const wanted = query.getAll("labelIds");
  const everywhere = query.get("includeSpamTrash") === "true" || /\bin:(spam|trash|anywhere)\b/.test(q);
  return [...messages.values()]
    .filter(({ labelIds }) => everywhere || !labelIds.some((id) => id === "SPAM" || id === "TRASH"))
    .filter((message) => wanted.every((id) => message.labelIds.includes(id)) && matches(message))
    .sort((a, b) => b.internalDate - a.internalDate);
}

function page<T>({ query }: Call, all: readonly T[]) {
  return slicePage(all, query.get("pageToken"), readPageSize(query.get("maxResults"), 100, 500));
}

function findThread(call: Call): Message[] {
  const messages = mailboxOf(call).thread(call.path.id!);
  if (messages.length === 0) throw requestedNotFound();
  return messages;
}

function relabel(call: Call, message: Message): Message {
  return mailboxOf(call).modify(message, readLabels(call, "addLabelIds"), readLabels(call, "removeLabelIds"));
}
