/** What the kit found wrong: the message says what, and what would be right. */
export class Finding extends Error {}

/** A case that does not apply, or cannot be made from the manifest; the message says why. */
export class Skip extends Error {}

/** One hostile situation. */
export interface Case {
  area: string;
  name: string;
  /** Throws {@link Finding} or {@link Skip}; anything else it throws is a finding too. */
  run: () => Promise<void>;
}
