// Generated from note.schema.json by schemas/generate.ts; do not edit.

/**
 * A time (RFC 3339).
 */
export type Time = string;

/**
 * A remark kept with another record, in terms common to all connectors.
 */
export interface Note {
  /**
   * The type of the resource.
   */
  type: "note";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * Its heading.
   */
  title?: string;
  /**
   * What it says, as the vendor keeps it; may be HTML.
   */
  body?: string;
  /**
   * What it says, as plain text.
   */
  text?: string;
  /**
   * Id of the contact it is about.
   */
  contactId?: string;
  /**
   * Id of the appointment it is about.
   */
  appointmentId?: string;
  /**
   * Id of the vendor's user who wrote it.
   */
  authorId?: string;
  /**
   * When the vendor says it was created.
   */
  createdAt?: Time;
  /**
   * When the vendor says it last changed.
   */
  updatedAt?: Time;
}
