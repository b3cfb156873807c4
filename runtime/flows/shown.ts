import { scrub } from "../core/secrets.ts";

/** The longest JSON that is shown, in characters. */
export const MAX_SHOWN = 16_384;

/** A value as a run shows it: JSON text without secrets, cut when it is long. Null for undefined. */
export function shown(value: unknown): string | null {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return null;
  if (text.length <= MAX_SHOWN) return scrub(text);
  const start = scrub(text.slice(0, MAX_SHOWN));
  return JSON.stringify({ truncated: true, characters: text.length, start });
}

/** The value that {@link shown} has made text of; the text itself where scrubbing has left no JSON. */
export function readShown(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
