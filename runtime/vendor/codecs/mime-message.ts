import MailComposer from "nodemailer/lib/mail-composer";
import { addressParser } from "postal-mime";
import { HooklineError } from "../../core/errors.ts";

/** `ada@example.com`, `Ada Lovelace <ada@example.com>`, or an address as decoded mail has it. */
type OutgoingAddress = string | { value: string; name?: string };

/** An email as a manifest describes it. */
export interface OutgoingMail {
  from?: OutgoingAddress;
  to?: OutgoingAddress[];
  cc?: OutgoingAddress[];
  bcc?: OutgoingAddress[];
  replyTo?: OutgoingAddress[];
  subject?: string;
  /** As plain text, as HTML, or both. */
  text?: string;
  html?: string;
  attachments?: OutgoingAttachment[];
  /** Message-IDs of what it answers and of the whole conversation, with or without angle brackets. */
  inReplyTo?: string;
  references?: string[];
}

interface OutgoingAttachment {
  name: string;
  mediaType?: string;
  /** Base64. */
  content: string;
  /** By what the HTML refers to it (`cid:`). */
  contentId?: string;
}

/**
 * An email as an RFC 5322 message in base64url, as mail APIs take it: headers encoded by RFC 2047, lines ending in CRLF,
 * Bcc kept for the vendor to send to. Nothing is read from files or fetched.
 *
 * @throws HooklineError `invalid_input` when an address is not valid
 */
export async function encodeMimeMessage(value: unknown): Promise<string> {
  const mail = value as OutgoingMail;
  const composer = new MailComposer({
    from: mail.from && checked("from", [mail.from])[0],
    to: checked("to", mail.to),
    cc: checked("cc", mail.cc),
    bcc: checked("bcc", mail.bcc),
    replyTo: checked("replyTo", mail.replyTo),
    subject: mail.subject,
    text: crlf(mail.text ?? (mail.html === undefined ? "" : undefined)),
    html: crlf(mail.html),
    inReplyTo: mail.inReplyTo && bracketed(mail.inReplyTo),
    references: mail.references?.map(bracketed),
    attachments: mail.attachments?.map(({ name, mediaType, content, contentId }) => ({
      filename: name,
      contentType: mediaType,
      content: Buffer.from(content, "base64"),
      cid: contentId,
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const message = composer.compile();
  message.keepBcc = true;
  return (await message.build()).toString("base64url");
}

/** Each is one address and nothing else, so that no list of recipients hides in a name. */
function checked(field: string, addresses: readonly OutgoingAddress[] = []): { name: string; address: string }[] {
  return addresses.map((given, i) => {
    const [text, name] = typeof given === "string" ? [given, undefined] : [given.value, given.name];
    const [mailbox, ...others] = addressParser(text);
    if (others.length > 0 || !mailbox?.address || !/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(mailbox.address)) {
      const message = `"${text.slice(0, 100)}" is not an e-mail address; write ada@example.com or Ada <ada@example.com>`;
      throw new HooklineError("invalid_input", `${field}: ${message}`, {
        faults: [{ pointer: `/${field}/${i}`, message }],
      });
    }
    return { name: name ?? mailbox.name, address: mailbox.address };
  });
}

const bracketed = (id: string): string => `<${id.replaceAll(/[<>\s]/g, "")}>`;

const crlf = (text: string | undefined): string | undefined => text?.replaceAll(/\r?\n/g, "\r\n");
