/** Records hold what strangers typed: nothing in what this returns may steer the terminal. */
export function printable(value: string): string {
  return value.replaceAll(/\p{C}+/gu, " ").trim();
}

/** A text of at most `longest` characters, with `…` in place of what is left out. */
export function shorten(value: string, longest: number): string {
  return value.length > longest ? `${value.slice(0, longest - 1)}…` : value;
}

/** `12:30:59`, in local time. */
export function timeOfDay(at: string): string {
  return new Date(at).toTimeString().slice(0, 8);
}
