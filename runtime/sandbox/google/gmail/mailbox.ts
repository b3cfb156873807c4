import type { Clock } from "../../../core/clock.ts";
import { EMAIL_DOMAINS, GIVEN_NAMES, MAIL_SUBJECTS, NOTES } from "../../names.ts";
import { decimalId, Random } from "../../random.ts";
import { reasonedError } from "../errors.ts";
import { writtenMail, type Mail, type WrittenMail } from "./mail.ts";

export interface Message {
  readonly id: string;
  readonly threadId: string;
  labelIds: string[];
  /** When it came, in milliseconds since the epoch. */
  readonly internalDate: number;
  readonly mail: Mail;
  /** Of the last change. */
  historyId: string;
}

export interface Label {
  readonly id: string;
  name: string;
  readonly type: "system" | "user";
}

export type ChangeKind = "messageAdded" | "messageDeleted" | "labelAdded" | "labelRemoved";

/** One thing that happened to one message. */
export interface Change {
  readonly id: string;
  readonly kind: ChangeKind;
  readonly message: { id: string; threadId: string; labelIds: string[] };
  /** The labels that came or went. */
  readonly labelIds?: string[];
}

export interface MailboxSnapshot {
  seed: number;
  created: number;
  historyId: string;
  oldest: string;
  labels: Label[];
  messages: Message[];
  changes: Change[];
  drafts: [id: string, messageId: string][];
}

const SYSTEM_LABELS = [
  "INBOX",
  "SENT",
  "DRAFT",
  "TRASH",
  "SPAM",
  "UNREAD",
  "STARRED",
  "IMPORTANT",
  "CHAT",
  "CATEGORY_PERSONAL",
];
/** Above what a double can hold exactly: history ids are 64-bit numbers. */
const FIRST_HISTORY_ID = 9_007_199_254_740_993n;
const HOUR = 3_600_000;

/** The mail of one account, with a history of what happened to it. */
export class Mailbox {
  readonly email: string;
  readonly labels = new Map<string, Label>();
  /** In the order they came. */
  readonly messages = new Map<string, Message>();
  /** Ids of drafts, with the messages they hold. */
  readonly drafts = new Map<string, string>();
  readonly #clock: Clock;
  readonly #seed: number;
  #changes: Change[] = [];
  #created = 0;
  #historyId = FIRST_HISTORY_ID;
  /** Changes up to here can no longer be asked for. */
  #oldest = FIRST_HISTORY_ID;

  /** @param options.messages  how many messages are in the inbox to begin with */
  constructor(options: { clock: Clock; seed: number; email: string; messages: number }, snapshot?: MailboxSnapshot) {
    this.email = options.email;
    this.#clock = options.clock;
    this.#seed = snapshot?.seed ?? options.seed;
    if (snapshot) {
      this.#restore(structuredClone(snapshot));
      return;
    }
    for (const id of SYSTEM_LABELS) this.labels.set(id, { id, name: id, type: "system" });
    const random = new Random(this.#seed, "mail");
    for (let i = options.messages; i > 0; i--) {
      const written = { from: randomSender(random), subject: random.pick(MAIL_SUBJECTS), text: random.pick(NOTES) };
      this.receive(written, { time: options.clock.now() - i * HOUR });
    }
  }

  snapshot(): MailboxSnapshot {
    return structuredClone({
      seed: this.#seed,
      created: this.#created,
      historyId: String(this.#historyId),
      oldest: String(this.#oldest),
      labels: [...this.labels.values()],
      messages: [...this.messages.values()],
      changes: this.#changes,
      drafts: [...this.drafts],
    });
  }

  /** The number of the newest change. */
  get historyId(): string {
    return String(this.#historyId);
  }

  /** Mail arrives: in the inbox, unread, unless other labels are given. */
  receive(written: WrittenMail, options: { labelIds?: string[]; threadId?: string; time?: number } = {}): Message {
    const { labelIds = ["INBOX", "UNREAD"], threadId, time = this.#clock.now() } = options;
    const messageId = `${this.#newId("message-id")}@mail.example.com`;
    return this.add(writtenMail({ to: this.email, ...written }, { messageId, date: time }), {
      labelIds,
      threadId,
      time,
    });
  }

  add(mail: Mail, options: { labelIds: string[]; threadId?: string; time?: number; id?: string }): Message {
    const { labelIds, id = this.#newId("message"), threadId = id, time = this.#clock.now() } = options;
    const message: Message = { id, threadId, labelIds, internalDate: time, mail, historyId: "" };
    this.messages.set(id, message);
    this.#note(message, "messageAdded");
    return message;
  }

  /** Adds and removes labels; those it has or lacks already make no change. */
  modify(message: Message, add: readonly string[], remove: readonly string[]): Message {
    const added = add.filter((id) => !message.labelIds.includes(id));
    const removed = remove.filter((id) => message.labelIds.includes(id));
    message.labelIds = [...message.labelIds.filter((id) => !removed.includes(id)), ...added];
    if (added.length > 0) this.#note(message, "labelAdded", added);
    if (removed.length > 0) this.#note(message, "labelRemoved", removed);
    return message;
  }

  /** Deletes a message for ever. */
  delete(message: Message): void {
    this.messages.delete(message.id);
    this.#note(message, "messageDeleted");
  }

  thread(id: string): Message[] {
    return [...this.messages.values()].filter((message) => message.threadId === id);
  }

  /** Throws 409 when there is a label of the name. */
  createLabel(name: string, id = `Label_${decimalId(this.#seed, "label", this.#created++)}`): Label {
    if ([...this.labels.values()].some((label) => label.name.toLowerCase() === name.toLowerCase())) {
      throw reasonedError(409, "aborted", "Label name exists or conflicts", { status: "ABORTED" });
    }
    const label: Label = { id, name, type: "user" };
    this.labels.set(id, label);
    return label;
  }

  createDraft(mail: Mail, threadId?: string): { id: string; message: Message } {
    const message = this.add(mail, { labelIds: ["DRAFT"], threadId });
    const id = `r${decimalId(this.#seed, "draft", this.#created++)}`;
    this.drafts.set(id, message.id);
    return { id, message };
  }

  /** A draft leaves; what was its message is gone. */
  takeDraft(id: string): Message | undefined {
    const message = this.messages.get(this.drafts.get(id) ?? "");
    this.drafts.delete(id);
    if (message) this.delete(message);
    return message;
  }

  /** What happened after a number; undefined when that is too long ago to say. */
  changesSince(historyId: string): Change[] | undefined {
    const since = BigInt(historyId);
    if (since < this.#oldest) return undefined;
    return this.#changes.filter(({ id }) => BigInt(id) > since);
  }

  /** Forgets what happened so far, as Google does after a week or so. */
  expireHistory(): void {
    this.#oldest = ++this.#historyId;
    this.#changes = [];
  }

  #note(message: Message, kind: ChangeKind, labelIds?: string[]): void {
    message.historyId = String(++this.#historyId);
    const { id, threadId } = message;
    const now = { id, threadId, labelIds: [...message.labelIds] };
    this.#changes.push({ id: message.historyId, kind, message: now, ...(labelIds && { labelIds }) });
  }

  #restore(snapshot: MailboxSnapshot): void {
    this.#created = snapshot.created;
    this.#historyId = BigInt(snapshot.historyId);
    this.#oldest = BigInt(snapshot.oldest);
    this.#changes = snapshot.changes;
    for (const label of snapshot.labels) this.labels.set(label.id, label);
    for (const message of snapshot.messages) this.messages.set(message.id, message);
    for (const [id, message] of snapshot.drafts) this.drafts.set(id, message);
  }

  /** Sixteen hexadecimal digits. */
  #newId(kind: string): string {
    return BigInt(decimalId(this.#seed, kind, this.#created++))
      .toString(16)
      .padStart(16, "0");
  }
}

/** Somebody who writes, as in a From header. */
export function randomSender(random: Random): string {
  const given = random.pick(GIVEN_NAMES);
  const local = given
    .normalize("NFD")
    .replaceAll(/[^a-zA-Z]/g, "")
    .toLowerCase();
  return `${given} <${local}@${random.pick(EMAIL_DOMAINS)}>`;
}
