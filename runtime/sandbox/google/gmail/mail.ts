import PostalMime, { addressParser } from "postal-mime";

/** A mail as a mailbox keeps it: the outer headers, the bodies, the files. */
export interface Mail {
  headers: { name: string; value: string }[];
  text?: string;
  html?: string;
  attachments: MailFile[];
}

export interface MailFile {
  filename: string;
  mimeType: string;
  /** Base64url. */
  content: string;
  contentId?: string;
}

/** What a person writes. Addresses as in a header: `Ada <ada@example.com>, charles@example.com`. */
export interface WrittenMail {
  from?: string;
  to?: string;
  cc?: string;
  subject?: string;
  text?: string;
  html?: string;
  attachments?: MailFile[];
}

/** Headers that describe the body's form, which is made anew for each rendering. */
const OF_FORM = /^(content-|mime-version$)/i;

export function writtenMail(written: WrittenMail, more: { messageId: string; date: number }): Mail {
  const { from, to, cc, subject, text, html, attachments = [] } = written;
  const headers = Object.entries({
    "Message-ID": `<${more.messageId}>`,
    Date: new Date(more.date).toUTCString().replace("GMT", "+0000"),
    From: from,
    To: to,
    Cc: cc,
    Subject: subject,
  }).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return { headers, ...(text !== undefined && { text }), ...(html !== undefined && { html }), attachments };
}

/** Reads an RFC 5322 message in base64url; undefined when there is nothing in it. */
export async function parseMail(raw: string): Promise<Mail | undefined> {
  const bytes = Buffer.from(raw, "base64url");
  if (bytes.length === 0) return undefined;
  const email = await PostalMime.parse(bytes, { attachmentEncoding: "base64" });
  return {
    headers: email.headers
      .filter(({ key }) => !OF_FORM.test(key))
      .map(({ originalKey, value }) => ({ name: originalKey, value })),
    ...(email.text !== undefined && { text: email.text.trimEnd() }),
    ...(email.html !== undefined && { html: email.html.trimEnd() }),
    attachments: email.attachments.map(({ filename, mimeType, content, contentId }) => ({
      filename: filename ?? "",
      mimeType,
      content: Buffer.from(content as string, "base64").toString("base64url"),
      ...(contentId && { contentId }),
    })),
  };
}

export function headerOf({ headers }: Mail, name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name.toLowerCase())?.value;
}

/** Addresses of the headers named, without names, in lower case. */
export function addressesOf(mail: Mail, ...names: string[]): string[] {
  return names.flatMap((name) =>
    addressParser(headerOf(mail, name) ?? "", { flatten: true }).flatMap(({ address }) => address?.toLowerCase() ?? []),
  );
}

/** The tree of MIME parts as the API gives it; attachments only by id, text in UTF-8. */
export function renderPayload(mail: Mail, attachmentId: (index: number) => string): object {
  const texts = [
    ...(mail.text !== undefined || mail.html === undefined ? [textPart("text/plain", mail.text ?? "")] : []),
    ...(mail.html === undefined ? [] : [textPart("text/html", mail.html)]),
  ];
  const body = texts.length === 1 ? texts[0]! : multipart("alternative", texts);
  const files = mail.attachments.map((file, i) => filePart(file, attachmentId(i)));
  const root = files.length === 0 ? body : multipart("mixed", [body, ...files]);
  return numbered({ ...root, headers: [...mail.headers, ...root.headers] }, "");
}

interface Part {
  mimeType: string;
  filename: string;
  headers: { name: string; value: string }[];
  body: object;
  parts?: Part[];
}

function textPart(mimeType: string, text: string): Part {
  const bytes = Buffer.from(text);
  const headers = [{ name: "Content-Type", value: `${mimeType}; charset="UTF-8"` }];
  return { mimeType, filename: "", headers, body: { size: bytes.length, data: bytes.toString("base64url") } };
}

function filePart({ filename, mimeType, content, contentId }: MailFile, attachmentId: string): Part {
  const headers = [
    { name: "Content-Type", value: `${mimeType}; name="${filename}"` },
    { name: "Content-Disposition", value: `${contentId ? "inline" : "attachment"}; filename="${filename}"` },
    ...(contentId ? [{ name: "Content-ID", value: contentId }] : []),
  ];
  return { mimeType, filename, headers, body: { attachmentId, size: Buffer.from(content, "base64url").length } };
}

function multipart(subtype: string, parts: Part[]): Part {
  const headers = [{ name: "Content-Type", value: `multipart/${subtype}; boundary="b-${subtype}"` }];
  return { mimeType: `multipart/${subtype}`, filename: "", headers, body: { size: 0 }, parts };
}

function numbered(part: Part, partId: string): object {
  const parts = part.parts?.map((inner, i) => numbered(inner, partId === "" ? String(i) : `${partId}.${i}`));
  return { partId, ...part, ...(parts && { parts }) };
}
