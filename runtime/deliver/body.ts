import { isoTime } from "../core/time.ts";
import type { Format } from "../model/endpoints.ts";
import type { EventRecord } from "../model/events.ts";

/**
 * The data of an event as JSON text, made once when the event is stored and sent unchanged ever after.
 * Lone surrogates become U+FFFD: strict receivers refuse them even escaped (RFC 8259 §8.2).
 */
export function dataText(data: Record<string, unknown>): string {
  const text = JSON.stringify(data);
  // JSON.stringify escapes surrogates only when they stand alone. Every escape is matched, so `\\ud800` is left as it is.
  return text.includes("\\ud") ? text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, replaceSurrogate) : text;
}

const replaceSurrogate = (escape: string): string => (escape.startsWith("\\ud") ? "\ufffd" : escape);

export const CONTENT_TYPES: Record<Format, string> = {
  standard: "application/json",
  cloudevents: "application/cloudevents+json",
  bare: "application/json",
};

/** What a body is made of. */
export type Message = Pick<EventRecord, "id" | "type" | "connection" | "recordKey" | "createdAt" | "data">;

/**
 * The exact bytes of a webhook.
 * Sources: Standard Webhooks 1.0 (payload); CloudEvents 1.0.2, JSON format §3 (structured mode).
 */
export function webhookBody(format: Format, message: Message): Buffer {
  return Buffer.from(layouts[format](message));
}

const layouts: Record<Format, (message: Message) => string> = {
  standard: ({ type, createdAt, data }) =>
    `{"type":${JSON.stringify(type)},"timestamp":"${isoTime(createdAt)}","data":${data}}`,
  cloudevents: ({ id, type, connection, recordKey, createdAt, data }) => {
    const attributes = {
      specversion: "1.0",
      id,
      source: connection === null ? "/" : `/connections/${connection}`,
      type,
      subject: recordKey?.toWellFormed() || undefined,
      time: isoTime(createdAt),
      datacontenttype: "application/json",
    };
    return `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;
  },
  bare: ({ data }) => data,
};
