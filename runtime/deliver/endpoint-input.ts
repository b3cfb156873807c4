import { HooklineError, type Fault } from "../core/errors.ts";
import { joinPointer } from "../core/json.ts";
import type { Network } from "../core/network.ts";
import type { Format } from "../model/endpoints.ts";
import { eventPatternFault, isEventPattern } from "../core/event-patterns.ts";
import { compileWhere } from "./where.ts";

/** What can be said of an endpoint, at first and later. */
export interface EndpointSettings {
  /** Where events go: http(s), public unless the network policy says otherwise. */
  url: string;
  /** Patterns of event types: exact, `contact.*`, or `*`. Default everything. */
  events?: string[];
  /** JMESPath over the data of an event; null for none. */
  where?: string | null;
  /** Default "standard". */
  format?: Format;
  /** Sends the changes of one record strictly one after the other. A failing one holds back the later ones. Default false. */
  ordered?: boolean;
  /** Sent with every webhook, stored encrypted and never shown again; only the names are. */
  headers?: Record<string, string>;
  /** Most attempts per second, 0.001 to 1000; null for no limit. */
  ratePerSecond?: number | null;
}

const FORMATS: readonly string[] = ["standard", "cloudevents", "bare"] satisfies Format[];
const MOST_PATTERNS = 100;
const MOST_HEADERS = 32;
const LONGEST_HEADER = 4096;

/** Headers that belong to the connection (RFC 9110 §7.6.1), the message, or the signature. */
const RESERVED =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-(length|type|encoding)|user-agent|webhook-.*|proxy-.*)$/i;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** RFC 9110 §5.5, without obs-text: it has no certain encoding. */
const FIELD_VALUE = /^[\t\x20-\x7e]*$/;

/** Throws `invalid_url`, or `invalid_input` with every fault of the settings. */
export function assertSettings(settings: Partial<EndpointSettings>, network: Pick<Network, "assertUrlAllowed">): void {
  const faults = [...settingFaults(settings)];
  if (faults.length > 0) {
    const [first] = faults;
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
    throw new HooklineError("invalid_input", `endpoint${first!.pointer}: ${first!.message}${more}`, { faults });
  }
  if (settings.url !== undefined) network.assertUrlAllowed(settings.url);
}

function* settingFaults(settings: Partial<EndpointSettings>): Generator<Fault> {
  const { url, events, where, format, ordered, ratePerSecond, headers = {} } = settings;
  if (url !== undefined && typeof url !== "string")
    yield { pointer: "/url", message: "not text; write an http(s) URL" };
  if (events !== undefined) yield* eventFaults(events);
  if (where !== undefined && where !== null) yield* whereFaults(where);
  if (format !== undefined && !FORMATS.includes(format)) {
    yield { pointer: "/format", message: `"${format}" is no format; use one of ${FORMATS.join(", ")}` };
  }
  if (ordered !== undefined && typeof ordered !== "boolean") {
    yield { pointer: "/ordered", message: "neither true nor false; use one of them" };
  }
  if (ratePerSecond !== undefined && ratePerSecond !== null && !(ratePerSecond >= 0.001 && ratePerSecond <= 1000)) {
    yield { pointer: "/ratePerSecond", message: `${ratePerSecond} is out of range; use 0.001 to 1000, or null` };
  }
  yield* headerFaults(headers);
}

function* eventFaults(events: readonly string[]): Generator<Fault> {
  if (!Array.isArray(events) || events.length === 0 || events.length > MOST_PATTERNS) {
    yield { pointer: "/events", message: `not a list of 1 to ${MOST_PATTERNS} patterns; ["*"] is everything` };
    return;
  }
  for (const [index, pattern] of events.entries()) {
    if (isEventPattern(pattern)) continue;
    yield { pointer: joinPointer("/events", index), message: eventPatternFault(pattern) };
  }
}

function* whereFaults(where: string): Generator<Fault> {
  try {
    compileWhere(where);
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    yield { pointer: "/where", message: error.message };
  }
}

function* headerFaults(headers: Record<string, string>): Generator<Fault> {
  const names = Object.keys(headers);
  if (names.length > MOST_HEADERS) {
    yield { pointer: "/headers", message: `${names.length} headers; at most ${MOST_HEADERS} are sent` };
  }
  const seen = new Set<string>();
  for (const name of names.slice(0, MOST_HEADERS)) {
    const message = headerFault(name, headers[name], seen);
    if (message !== undefined) yield { pointer: joinPointer("/headers", name), message };
    seen.add(name.toLowerCase());
  }
}

/** Never quotes the value: it may be a secret. */
function headerFault(name: string, value: unknown, seen: ReadonlySet<string>): string | undefined {
  if (!TOKEN.test(name)) return "not a header name; use letters, digits and hyphens";
  if (RESERVED.test(name)) return "reserved; Hookline sets this header itself";
  if (seen.has(name.toLowerCase())) return "given twice; header names do not differ by case";
  if (typeof value !== "string" || !FIELD_VALUE.test(value)) return "not printable ASCII on one line; encode it";
  return value.length > LONGEST_HEADER ? `longer than ${LONGEST_HEADER} characters; shorten it` : undefined;
}
