// Generated from appointment.schema.json by schemas/generate.ts; do not edit.

/**
 * A time (RFC 3339), or a date where only the day counts.
 */
export type Day = string;
/**
 * A time (RFC 3339).
 */
export type Time = string;

/**
 * Something that takes place at a time, in terms common to all connectors.
 */
export interface Appointment {
  /**
   * The type of the resource.
   */
  type: "appointment";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * What it is called.
   */
  title?: string;
  /**
   * More about it; may be HTML.
   */
  description?: string;
  /**
   * Status; left out when the vendor has another one.
   */
  status?: "tentative" | "confirmed" | "cancelled" | "attended" | "missed";
  /**
   * When it begins; a date when it takes all day.
   */
  start?: Day;
  /**
   * End; of an all-day appointment the day after the last.
   */
  end?: Day;
  /**
   * IANA name of the zone it was planned in.
   */
  timeZone?: string;
  /**
   * Where it takes place.
   */
  location?: string;
  /**
   * URL of the online meeting.
   */
  meetingUrl?: string;
  /**
   * Its page at the vendor.
   */
  url?: string;
  /**
   * Id of the calendar it is in.
   */
  calendarId?: string;
  /**
   * Id of the recurring appointment it is one of.
   */
  seriesId?: string;
  /**
   * Id of the contact it is with.
   */
  contactId?: string;
  /**
   * Ids of the vendor's users who hold it.
   */
  assigneeIds?: string[];
  /**
   * Who invites.
   */
  organizer?: Participant;
  /**
   * Who is invited.
   */
  attendees?: Participant[];
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
 * Somebody who takes part.
 */
export interface Participant {
  /**
   * The address.
   */
  email?: string;
  /**
   * The name as shown.
   */
  name?: string;
  /**
   * What was answered to the invitation.
   */
  response?: "needsAction" | "accepted" | "tentative" | "declined";
  /**
   * Whether it takes place without them too.
   */
  optional?: boolean;
  /**
   * Whether it is the connection's own account.
   */
  self?: boolean;
}
