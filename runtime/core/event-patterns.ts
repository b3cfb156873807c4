import { HooklineError } from "./errors.ts";

const PATTERN = /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$/i;

/** Whether a text is `*`, `contact.*` or an exact type. */
export function isEventPattern(pattern: string): boolean {
  return PATTERN.test(pattern);
}

/** A test for event types: true when one of the patterns matches. */
export function compilePatterns(patterns: readonly string[]): (type: string) => boolean {
  if (patterns.includes("*")) return () => true;
  const exact = new Set(patterns);
  const prefixes = patterns.filter((pattern) => pattern.endsWith(".*")).map((pattern) => pattern.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

/** Checks an event pattern; `place` names it in the message. @throws HooklineError `invalid_input` */
export function assertEventPattern(pattern: string, place: string): void {
  if (isEventPattern(pattern)) return;
  throw new HooklineError("invalid_input", `${place}: ${eventPatternFault(pattern)}`);
}

/** What is wrong with a malformed pattern. */
export function eventPatternFault(pattern: string): string {
  return `"${pattern}" is not an event pattern; write a type such as contact.created, contact.*, or *`;
}
