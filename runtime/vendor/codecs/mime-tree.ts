import { addressParser, decodeWords } from "postal-mime";
import { isObject } from "../../core/json.ts";

/** A part of a message: a tree, with contents in base64url. */
interface Part {
  mimeType?: string | undefined;
  filename?: string | undefined;
  headers: { name: string; value: string }[];
  body: { data?: string | undefined; size?: number | undefined; attachmentId?: string | undefined };
  parts: Part[];
}

interface MailAddress {
  value: string;
  name?: string;
}

/** What a message says. Message-IDs are without angle brackets; a property that has nothing to say is left out. */
export interface DecodedMail {
  headers: { name: string; value: string }[];
  from?: MailAddress;
  to?: MailAddress[];
  cc?: MailAddress[];
  bcc?: MailAddress[];
  replyTo?: MailAddress[];
  subject?: string;
  /** RFC 3339, from the Date header. */
  date?: string;
  messageId?: string;
  inReplyTo?: string;
  references?: string[];
  text?: string;
  html?: string;
  attachments?: MailAttachment[];
}

interface MailAttachment {
  id?: string;
  name?: string;
  mediaType?: string;
  /** Bytes. */
  size?: number;
  inline?: boolean;
  contentId?: string;
}

/** Parts nested deeper are not looked at. */
const MAX_DEPTH = 50;

/** A message given as a tree of MIME parts (RFC 2045) as what it says; anything else is left as it is. */
export function decodeMimeTree(value: unknown): unknown {
  if (!isObject(value)) return value;
  const root = toPart(value);
  const header = (name: string): string | undefined => headerOf(root, name);
  const ids = (name: string): string[] => [...(header(name) ?? "").matchAll(/<([^<>\s]+)>/g)].map(([, id]) => id!);
  const leaves = [...leavesOf(root)];
  const bodies = leaves.filter((part) => !isAttachment(part));
  const mail: Record<keyof DecodedMail, unknown> = {
    headers: root.headers.map(({ name, value }) => ({ name, value: decodeWords(value) })),
    from: addresses(header("from"))?.[0],
    to: addresses(header("to")),
    cc: addresses(header("cc")),
    bcc: addresses(header("bcc")),
    replyTo: addresses(header("reply-to")),
    subject: header("subject") && decodeWords(header("subject")!),
    date: readDate(header("date")),
    messageId: ids("message-id")[0],
    inReplyTo: ids("in-reply-to")[0],
    references: nonEmpty(ids("references")),
    text: textOf(bodies, "text/plain"),
    html: textOf(bodies, "text/html"),
    attachments: nonEmpty(leaves.filter(isAttachment).map(describeAttachment)),
  };
  return present(mail);
}

/** A part as mail APIs give it. What has another form than it should is left out: one odd part does not take the others with it. */
function toPart(given: object, depth = 0): Part {
  const { mimeType, filename, headers, body, parts } = given as { [Name in keyof Part]: unknown };
  const { data, size, attachmentId } = (isObject(body) ? body : {}) as { [Name in keyof Part["body"]]: unknown };
  return {
    mimeType: textIn(mimeType),
    filename: textIn(filename),
    headers: objectsIn(headers).flatMap(({ name, value }) => {
      return typeof name === "string" && typeof value === "string" ? [{ name, value }] : [];
    }),
    body: { data: textIn(data), size: typeof size === "number" ? size : undefined, attachmentId: textIn(attachmentId) },
    parts: depth < MAX_DEPTH ? objectsIn(parts).map((part) => toPart(part, depth + 1)) : [],
  };
}

const textIn = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const objectsIn = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** Parts with a content of their own; a mail that came along as a file is one of them, whatever is in it. */
function* leavesOf(part: Part): Generator<Part> {
  if (part.parts.length === 0 || part.mimeType === "message/rfc822") yield part;
  else for (const inner of part.parts) yield* leavesOf(inner);
}

function headerOf(part: Part, name: string): string | undefined {
  return part.headers.find((header) => header.name.toLowerCase() === name)?.value;
}

function isAttachment(part: Part): boolean {
  const disposition = headerOf(part, "content-disposition") ?? "";
  return (
    Boolean(part.filename) ||
    /^\s*attachment/i.test(disposition) ||
    !/^(text\/(plain|html)|multipart\/.*)$/i.test(part.mimeType ?? "text/plain")
  );
}

function describeAttachment(part: Part): MailAttachment {
  const contentId = headerOf(part, "content-id")?.replaceAll(/[<>\s]/g, "");
  const inline = /^\s*inline/i.test(headerOf(part, "content-disposition") ?? "");
  return present({
    id: part.body.attachmentId,
    name: part.filename ? decodeWords(part.filename) : undefined,
    mediaType: part.mimeType,
    size: part.body.size,
    inline: inline || undefined,
    contentId: contentId || undefined,
  });
}

/** The parts of a type, one after the other; undefined when there are none. */
function textOf(parts: readonly Part[], mediaType: string): string | undefined {
  const texts = parts
    .filter((part) => (part.mimeType ?? "text/plain").toLowerCase() === mediaType && part.body.data !== undefined)
    .map(decodeText);
  return texts.length === 0 ? undefined : texts.join("\n");
}

/** Vendors give most text in UTF-8 whatever its header says; what is not UTF-8 is in the charset of the header. */
function decodeText(part: Part): string {
  const bytes = Buffer.from(part.body.data!, "base64url");
  const charset = /charset="?([^";\s]+)/i.exec(headerOf(part, "content-type") ?? "")?.[1];
  for (const [label, fatal] of [
    ["utf-8", true],
    [charset ?? "utf-8", false],
  ] as const) {
    try {
      return new TextDecoder(label, { fatal }).decode(bytes);
    } catch {
      continue;
    }
  }
  return bytes.toString("latin1");
}

function addresses(header: string | undefined): MailAddress[] | undefined {
  if (header === undefined) return undefined;
  const found = addressParser(header, { flatten: true }).flatMap(({ name, address }) =>
    address ? [present({ value: address, name: name || undefined })] : [],
  );
  return nonEmpty(found);
}

/** Undefined for a Date header that is no date. */
function readDate(header: string | undefined): string | undefined {
  const time = Date.parse(header ?? "");
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T;
}
