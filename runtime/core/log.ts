import { pino, type DestinationStream, type Level, type Logger } from "pino";
import { HooklineError } from "./errors.ts";
import { scrub, SECRET_NAME } from "./secrets.ts";

/** Writes one line about an event: facts first, then a sentence without variable parts. */
type Write = (facts: Record<string, unknown>, message: string) => void;

/** What Hookline logs through. Nothing that passes it carries a secret, whatever was handed in. */
export interface Log {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
  /** A log whose lines all carry these facts. */
  child(facts: Record<string, unknown>): Log;
}

export interface LogOptions {
  /** Least level that is written; default "info". "silent" writes nothing. Ignored when a logger is given. */
  level?: Level | "silent";
  /** A host's own pino logger, used as it is. */
  logger?: Logger;
  /** Where lines go; default standard output. Ignored when a logger is given. */
  destination?: DestinationStream;
}

/** A log over the host's pino logger, a destination, or standard output; secrets are removed from what it writes. */
export function createLog(options: LogOptions = {}): Log {
  const { level = "info", destination } = options;
  return wrap(options.logger ?? (destination ? pino({ level }, destination) : pino({ level })));
}

function wrap(logger: Logger): Log {
  const write =
    (level: "debug" | "info" | "warn" | "error"): Write =>
    (facts, message) => {
      if (logger.isLevelEnabled(level)) logger[level](scrubFacts(facts), scrub(message));
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (facts) => wrap(logger.child(scrubFacts(facts))),
  };
}

const MAX_DEPTH = 8;

function scrubFacts(facts: Record<string, unknown>): Record<string, unknown> {
  return scrubValue(facts, 0) as Record<string, unknown>;
}

function scrubValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return scrub(value);
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? String(value) : value;
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date || value instanceof URL) return scrub(String(value));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      scrub(name),
      SECRET_NAME.test(name) && typeof inner !== "boolean" && inner !== null
        ? "[secret]"
        : scrubValue(inner, depth + 1),
    ]),
  );
}

/** Named properties only: HTTP clients hang whole requests, bodies and headers on their errors. */
function describeError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    message: scrub(error.message),
    ...(error instanceof HooklineError && Object.keys(error.data).length > 0
      ? { data: scrubValue(error.data, depth + 1) }
      : {}),
    stack: scrub(error.stack ?? ""),
    ...(error.cause === undefined ? {} : { cause: scrubValue(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: scrubValue(error.errors, depth + 1) } : {}),
  };
}
