/** What the kit found wrong: the message says what, and what would be right. */
export class Finding extends Error {}

/** A case that does not apply, or cannot be made from the manifest; the message says why. */
export class Skip extends Error {}

/** One hostile situation. */
export interface Case {
  area: string;
  name: string;
  /** The kind of hostile server, for the table of a report. */
  hostile?: string;
  /** Tries it. @throws Finding, or Skip; every other error counts as a finding */
  run: () => Promise<void>;
}
