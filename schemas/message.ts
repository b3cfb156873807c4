// Generated from message.schema.json by schemas/generate.ts; do not edit.

/**
 * A time (RFC 3339).
 */
export type Time = string;

/**
 * An email, text message, call or chat line, in terms common to all connectors.
 */
export interface Message {
  /**
   * The type of the resource.
   */
  type: "message";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * Id of the conversation it belongs to.
   */
  threadId?: string;
  /**
   * By what it travelled.
   */
  channel?: "email" | "sms" | "call" | "chat" | "social" | "other";
  /**
   * Whether the account received or sent it.
   */
  direction?: "inbound" | "outbound";
  /**
   * Who sent it.
   */
  from?: MessageAddress;
  /**
   * Whom it is for.
   */
  to?: MessageAddress[];
  /**
   * Who gets a copy.
   */
  cc?: MessageAddress[];
  /**
   * Who gets a copy unseen.
   */
  bcc?: MessageAddress[];
  /**
   * Whom to answer.
   */
  replyTo?: MessageAddress[];
  /**
   * Its subject line.
   */
  subject?: string;
  /**
   * What it says, as plain text.
   */
  text?: string;
  /**
   * What it says, as HTML.
   */
  html?: string;
  /**
   * Its beginning, for a list.
   */
  snippet?: string;
  /**
   * Ids of the vendor's labels or folders it is under.
   */
  labels?: string[];
  /**
   * Whether nobody has read it yet.
   */
  unread?: boolean;
  /**
   * Whether it is marked as important.
   */
  starred?: boolean;
  /**
   * Whether it has yet to be sent.
   */
  draft?: boolean;
  /**
   * How far it got, in the vendor's words.
   */
  status?: string;
  /**
   * Files that came along.
   */
  attachments?: MessageAttachment[];
  /**
   * Id of the contact it was exchanged with.
   */
  contactId?: string;
  /**
   * Id of the vendor's user who wrote it.
   */
  userId?: string;
  /**
   * Message-ID header of an email (RFC 5322), without the angle brackets.
   */
  internetMessageId?: string;
  /**
   * Message-ID of the email it answers, without the angle brackets.
   */
  inReplyTo?: string;
  /**
   * Message-IDs of the emails before it, oldest first, without the angle brackets.
   */
  references?: string[];
  /**
   * When it was sent, or received where that alone is known.
   */
  sentAt?: Time;
  /**
   * When the vendor says it was created.
   */
  createdAt?: Time;
  /**
   * When the vendor says it last changed.
   */
  updatedAt?: Time;
}
/**
 * One sender or recipient.
 */
export interface MessageAddress {
  /**
   * Email address, phone number or user name.
   */
  value: string;
  /**
   * The name as shown.
   */
  name?: string;
}
/**
 * One file that came along.
 */
export interface MessageAttachment {
  /**
   * The vendor's id of the file.
   */
  id?: string;
  /**
   * File name.
   */
  name?: string;
  /**
   * Media type (RFC 6838).
   */
  mediaType?: string;
  /**
   * Size in bytes.
   */
  size?: number;
  /**
   * Where it can be fetched.
   */
  url?: string;
  /**
   * Whether it is shown within the text.
   */
  inline?: boolean;
  /**
   * By what the HTML refers to it.
   */
  contentId?: string;
}
