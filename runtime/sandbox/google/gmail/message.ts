import type { Call } from "../api.ts";
import { invalidArgument, reasonedError } from "../errors.ts";
import { addressesOf, headerOf, parseMail, renderPayload, type Mail } from "./mail.ts";
import type { Mailbox, Message } from "./mailbox.ts";

/** The account's mailbox; the only user is `me`, or the account's address. */
export function mailboxOf({ account, path }: Call): Mailbox {
  if (path.userId === "me" || path.userId === account.email) return account.mailbox;
  throw reasonedError(403, "forbidden", "Delegation denied for the account.", { status: "PERMISSION_DENIED" });
}

/** The message that the path names. */
export function findMessage(call: Call, id = call.path.id!): Message {
  const message = mailboxOf(call).messages.get(id);
  if (message) return message;
  throw requestedNotFound();
}

export function requestedNotFound() {
  return reasonedError(404, "notFound", "Requested entity was not found.", { status: "NOT_FOUND" });
}

/** A message in one of the formats full, metadata, minimal and raw; attachments are named by their place. */
export function renderMessage(message: Message, format = "full"): object {
  const { id, threadId, labelIds, internalDate, mail, historyId } = message;
  const base = {
    id,
    threadId,
    labelIds,
    snippet: (mail.text ?? mail.html?.replaceAll(/<[^>]*>/g, " ") ?? "").replaceAll(/\s+/g, " ").trim().slice(0, 200),
    sizeEstimate: JSON.stringify(mail).length,
    historyId,
    internalDate: String(internalDate),
  };
  if (format === "minimal") return base;
  if (format === "metadata")
    return { ...base, payload: { partId: "", mimeType: "text/plain", filename: "", headers: mail.headers } };
  return { ...base, payload: renderPayload(mail, (index) => `${id}-${index}`) };
}

/** The mail that a body holds as `raw`. */
export async function readRaw(body: Record<string, unknown>): Promise<Mail> {
  const raw = typeof body.raw === "string" ? body.raw : "";
  const mail = await parseMail(raw);
  if (!mail)
    throw invalidArgument("'raw' RFC822 payload message string or uploading message via /upload/* URL required");
  return mail;
}

/** Sends a mail: it is under Sent, and in the inbox of every account here that it is for. */
export function sendMail(call: Call, mail: Mail, threadId: string | undefined): Message {
  const own = mailboxOf(call);
  const recipients = new Set(addressesOf(mail, "to", "cc", "bcc"));
  if (recipients.size === 0) throw invalidArgument("Recipient address required");
  const sent: Mail = headerOf(mail, "from")
    ? mail
    : { ...mail, headers: [{ name: "From", value: own.email }, ...mail.headers] };
  const delivered = { ...sent, headers: sent.headers.filter(({ name }) => name.toLowerCase() !== "bcc") };
  for (const { email, mailbox } of call.google.accounts.values()) {
    if (email !== own.email && recipients.has(email)) mailbox.add(delivered, { labelIds: ["INBOX", "UNREAD"] });
  }
  const toSelf = recipients.has(own.email) ? ["INBOX", "UNREAD"] : [];
  return own.add(sent, { labelIds: ["SENT", ...toSelf], threadId: readThread(call, threadId) });
}

/** A thread that a client names exists. */
export function readThread(call: Call, threadId: unknown): string | undefined {
  if (threadId === undefined) return undefined;
  if (mailboxOf(call).thread(String(threadId)).length > 0) return String(threadId);
  throw requestedNotFound();
}

/** Label ids of a body, which exist. */
export function readLabels(call: Call, name: "addLabelIds" | "removeLabelIds"): string[] {
  const ids = Array.isArray(call.body[name]) ? call.body[name].map(String) : [];
  const unknown = ids.find((id) => !mailboxOf(call).labels.has(id));
  if (unknown !== undefined) throw invalidArgument(`Invalid label: ${unknown}`);
  if (ids.length > 100) throw invalidArgument("Too many label ids in request.");
  return ids;
}
